"""Pieces for fitting the rhythm network: the corpus' songs with far more varied drums and casts.

The corpus alone has a dozen grooves; a network fitted to it would learn them by heart. Here every
piece gets a groove drawn from a grammar, one of seven drum kits, one of two sound fonts, and any
subset of its parts, so that drums alone and songs without drums occur as well.
"""

from __future__ import annotations

import numpy as np

from corpus.compose import compose
from corpus.score import Note, Piece
from corpus.theory import ALL_KEYS

KICK, SNARE, RIM, CLAP, CLOSED, OPEN, RIDE, CRASH = 36, 38, 37, 39, 42, 46, 51, 49
LOW_TOM, TOM, HIGH_TOM, SHAKER, TAMBOURINE, COWBELL = 41, 45, 48, 70, 54, 56
CONGA_HIGH, CONGA_MUTE, CONGA_LOW, CLAVE, BONGO = 63, 62, 64, 75, 60
KITS = (0, 8, 16, 24, 25, 32, 40)
Hits = list[tuple[int, float, int]]


def varied_set(seed: int, count: int) -> list[tuple[Piece, tuple[str, ...], int]]:
    """Return pieces, the parts to render of each, and which sound font, 0 or 1."""
    rng = np.random.default_rng([seed, 23])
    steps = (rng.permutation(count) + rng.random(count)) / count
    chosen = []
    for index in range(count):
        bpm = float(np.exp(np.log(62) + (np.log(188) - np.log(62)) * steps[index]))
        piece = compose(seed, index, ALL_KEYS[rng.integers(24)], round(bpm, 2))
        piece.notes = [note for note in piece.notes if note.part != "drums"]
        piece.notes += drums(piece, np.random.default_rng([seed, index, 29]))
        piece.programs["drums"] = int(rng.choice(KITS))
        casts = (
            ("drums", "bass", "other", "vocals"),
            ("drums", "bass", "other"),
            ("drums", "bass"),
            ("drums",),
            ("bass", "other", "vocals"),
            ("drums", "other"),
        )
        cast = casts[rng.choice(len(casts), p=[0.4, 0.15, 0.15, 0.12, 0.08, 0.1])]
        chosen.append((piece, cast, int(rng.integers(2))))
    return chosen


def drums(piece: Piece, rng: np.random.Generator) -> list[Note]:
    """Return a groove repeated in every bar, with small changes, fills and pauses."""
    groove = groove_3(piece.bpm, rng) if piece.meter == 3 else groove_4(piece, rng)
    loudness = rng.uniform(0.5, 1.0)
    lazy, fill_every = rng.uniform(0, 0.12), int(rng.choice([4, 8, 100]))
    notes: list[Note] = []
    for bar in range(len(piece.bars)):
        start = bar * piece.meter
        fill = (bar + 1) % fill_every == 0
        for pitch, beat, velocity in groove:
            if rng.random() < lazy * (beat > 0) or (fill and beat >= piece.meter - 1):
                continue
            loud = int(np.clip(velocity * loudness + rng.normal(0, 6), 15, 127))
            notes.append(Note("drums", start + swung(piece, beat), 0.2, pitch, loud))
        if fill:
            for n in range(int(rng.choice([2, 3, 4]))):
                drum = int(rng.choice([SNARE, TOM, HIGH_TOM, LOW_TOM]))
                notes.append(Note("drums", start + piece.meter - 1 + n / 4, 0.2, drum, 95))
        if bar % 8 == 0 and rng.random() < 0.6:
            notes.append(Note("drums", float(start), 0.2, CRASH, int(95 * loudness)))
    return notes


def groove_4(piece: Piece, rng: np.random.Generator) -> Hits:
    kinds = {
        "backbeat": 3.0,
        "floor": 2.0 if 100 < piece.bpm < 150 else 0.5,
        "sixteenth": 2.5 if piece.bpm < 112 else 0.0,
        "break": 1.5 if 80 < piece.bpm < 180 else 0.0,
        "triplet": 1.0 if piece.bpm < 100 else 0.0,
        "hands": 1.0,
        "toms": 0.6,
        "train": 0.6 if piece.bpm > 90 else 0.0,
        "bossa": 0.7 if piece.bpm > 100 else 0.0,
    }
    weight = np.array(list(kinds.values()))
    kind = str(rng.choice(list(kinds), p=weight / weight.sum()))
    if kind == "bossa":
        return bossa(rng)
    if kind == "hands":
        return hands(piece, rng)
    if kind == "toms":
        pattern = [b for b in np.arange(0, 4, 0.5) if b % 2 == 0 or rng.random() < 0.6]
        accents = [
            (LOW_TOM if b % 2 == 0 else TOM, float(b), 105 if b % 1 == 0 else 80) for b in pattern
        ]
        return [(KICK, 0.0, 110), (KICK, 2.0, 100), *accents]
    if kind == "train":
        brush = [
            (SNARE, n / 4, 105 if n % 8 == 4 else 60) for n in range(0, 16, 1 + (piece.bpm > 125))
        ]
        return [(KICK, float(b), 95) for b in (0, 2)] + brush
    back = int(rng.choice([SNARE, SNARE, RIM, CLAP]))
    backbeat = [(back, 1.0, 108), (back, 3.0, 108)]
    if kind == "floor":
        kicks = [(KICK, float(b), 112) for b in range(4)]
        return kicks + (backbeat if rng.random() < 0.7 else []) + hats(piece, rng, off=0.5)
    if kind == "sixteenth":
        extra = [(KICK, n / 4, 95) for n in (3, 6, 7, 9, 10, 11, 14, 15) if rng.random() < 0.25]
        ghosts = [(SNARE, n / 4, 45) for n in (2, 6, 7, 9, 11, 14) if rng.random() < 0.2]
        return [(KICK, 0.0, 112), *extra, *ghosts, *backbeat, *hats(piece, rng, fine=0.6)]
    if kind == "break":
        snares = [
            (SNARE, b, v) for b, v in ((1.75, 60), (2.25, 60), (3.75, 75)) if rng.random() < 0.6
        ]
        kicks = [(KICK, b, 105) for b in (0.0, 0.5, 2.5) if b == 0 or rng.random() < 0.8]
        return kicks + snares + backbeat + hats(piece, rng)
    if kind == "triplet":
        beats = [b + k / 3 for b in range(4) for k in range(3)]
        return [(KICK, 0.0, 110), (KICK, 2.0, 105), *backbeat] + [
            (CLOSED, b, 85 if b % 1 < 0.1 else 62) for b in beats
        ]
    kicks = [(KICK, 0.0, 112)]
    kicks += [
        (KICK, b, 104)
        for b in (0.5, 1.5, 2.0, 2.5, 3.5)
        if rng.random() < (0.7 if b == 2.0 else 0.28)
    ]
    return kicks + backbeat + hats(piece, rng)


def hats(piece: Piece, rng: np.random.Generator, *, off: float = 0.1, fine: float = 0.1) -> Hits:
    voice = int(rng.choice([CLOSED, CLOSED, RIDE, SHAKER, TAMBOURINE, OPEN]))
    draw = rng.random()
    if draw < off:
        return [(OPEN if rng.random() < 0.6 else voice, b + 0.5, 85) for b in range(4)]
    if draw > 0.93:
        return []
    step = 0.25 if piece.bpm < 132 and rng.random() < fine + 0.15 else 0.5
    if piece.bpm > 140 and rng.random() < 0.5:
        step = 1.0
    accent = rng.integers(10, 35)
    return [
        (voice, n * step, 84 if n * step % 1 == 0 else 84 - accent) for n in range(int(4 / step))
    ]


def hands(piece: Piece, rng: np.random.Generator) -> Hits:
    step = 0.25 if piece.bpm < 115 else 0.5
    drawn = [n * step for n in range(int(4 / step)) if rng.random() < 0.75 or n == 0]
    high, low = (CONGA_HIGH, CONGA_LOW) if rng.random() < 0.6 else (BONGO, 61)
    voices = {beat: (low if beat % 2 == 1.5 or beat in {3.0, 3.5} else high) for beat in drawn}
    shaker = [(SHAKER, n / 2, 80 - 20 * (n % 2)) for n in range(8)] if rng.random() < 0.6 else []
    kick = [(KICK, 0.0, 95), (KICK, 2.0, 90)] if rng.random() < 0.5 else []
    return [(v, b, 95 if b % 1 == 0 else 72) for b, v in voices.items()] + shaker + kick


def bossa(rng: np.random.Generator) -> Hits:
    kick = [(KICK, b, 95) for b in (0.0, 1.5, 2.0, 3.5)]
    rim = [(RIM, b, 90) for b in (0.0, 1.5, 3.0)]
    hat = [(CLOSED, n / 2, 75) for n in range(8)]
    return kick + rim + hat if rng.random() < 0.7 else kick + hat


def groove_3(bpm: float, rng: np.random.Generator) -> Hits:
    after = [
        (int(rng.choice([SNARE, RIM, CLOSED])), float(b), 88) for b in (1, 2) if rng.random() < 0.7
    ]
    step = 1.0 if bpm > 120 or rng.random() < 0.3 else 0.5
    if bpm < 95 and rng.random() < 0.3:
        step = 0.25
    voice = int(rng.choice([CLOSED, RIDE, SHAKER]))
    top = [(voice, n * step, 80 if n * step % 1 == 0 else 60) for n in range(int(3 / step))]
    extra = [(KICK, b, 85) for b in (1.5, 2.0, 2.5) if rng.random() < 0.2]
    return [(KICK, 0.0, 110), *after, *extra, *(top if rng.random() < 0.85 else [])]


def swung(piece: Piece, beat: float) -> float:
    return beat + 1 / 6 if piece.swing and beat % 1 == 0.5 else beat
