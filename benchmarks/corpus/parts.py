"""What the drums, the bass, the chords and the melody play in each bar.

Patterns are written for one bar of four or three beats; positions are in beats. Straight eighths
are written at .5 and moved to two thirds of the beat where the piece swings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .score import Bar, Note, Piece
from .theory import Chord, nearest

KICK, SNARE, RIM, CLAP, CLOSED, OPEN, RIDE, CRASH, TOM = 36, 38, 37, 39, 42, 46, 51, 49, 45

Hits = list[tuple[int, float, int]]


def play(piece: Piece, rng: np.random.Generator, *, drums: bool, drums_from: int) -> list[Note]:
    """All notes of a piece; the drums wait until a bar where asked."""
    groove = _groove(piece, rng)
    comping = _comping(piece, rng)
    walking = piece.style in {"swing", "waltz"} and rng.random() < 0.6
    motifs = {section: _motif(piece, rng) for section in {bar.section[0] for bar in piece.bars}}
    notes: list[Note] = []
    for index, bar in enumerate(piece.bars):
        start = float(index * piece.meter)
        if drums and index >= drums_from:
            fill = (index + 1) % 4 == 0 and index + 1 < len(piece.bars)
            notes += _drums(piece, start, groove, rng, fill=fill, crash=index % 8 == 0)
        notes += _bass(piece, bar, start, rng, walking=walking)
        notes += _chords(piece, bar, start, comping)
        notes += _melody(piece, bar, start, motifs[bar.section[0]], rng)
    return notes


# ---------------------------------------------------------------------------------------- drums


def _groove(piece: Piece, rng: np.random.Generator) -> Hits:
    if piece.meter == 3:
        return _waltz(rng)
    if piece.style == "swing":
        return _swing(rng)
    hats = _hats(piece, rng)
    if piece.style == "dance":
        kicks = [(KICK, float(beat), 112) for beat in range(4)]
        offs = [(OPEN, beat + 0.5, 84) for beat in range(4)] if rng.random() < 0.6 else hats
        return kicks + offs + [(CLAP, 1.0, 96), (CLAP, 3.0, 96)]
    kicks = [
        [0.0, 2.0],
        [0.0, 2.0, 2.5],
        [0.0, 1.5, 2.0],
        [0.0, 2.5],
        [0.0, 0.5, 2.0],
        [0.0, 1.5, 2.5],
    ]
    chosen = kicks[rng.integers(len(kicks))]
    back = RIM if piece.style == "ballad" and rng.random() < 0.5 else SNARE
    backbeat = [(back, 1.0, 106), (back, 3.0, 108)]
    return [(KICK, beat, 108) for beat in chosen] + backbeat + hats


def _hats(piece: Piece, rng: np.random.Generator) -> Hits:
    """Quarters when fast, eighths, or sixteenths when slow, as a drummer would choose."""
    step = 1.0 if piece.bpm > 150 and rng.random() < 0.5 else 0.5
    if piece.bpm < 100 and rng.random() < 0.35:
        step = 0.25
    voice = RIDE if rng.random() < 0.2 else CLOSED
    count = round(4 / step)
    return [(voice, n * step, 82 if n * step % 1 == 0 else 62) for n in range(count)]


def _swing(rng: np.random.Generator) -> Hits:
    ride = [(RIDE, 0.0, 88), (RIDE, 1.0, 98), (RIDE, 1.5, 74)]
    ride += [(RIDE, 2.0, 88), (RIDE, 3.0, 98), (RIDE, 3.5, 74)]
    pedal = [(44, 1.0, 90), (44, 3.0, 90)]
    feet = [(KICK, float(beat), 60) for beat in range(4)] if rng.random() < 0.5 else []
    return ride + pedal + feet


def _waltz(rng: np.random.Generator) -> Hits:
    hits = [(KICK, 0.0, 108), (SNARE, 1.0, 80), (SNARE, 2.0, 84)]
    if rng.random() < 0.5:
        hits = [(KICK, 0.0, 108), (SNARE, 2.0, 100)]
    step = 1.0 if rng.random() < 0.5 else 0.5
    return hits + [
        (CLOSED, n * step, 76 if n * step % 1 == 0 else 60) for n in range(int(3 / step))
    ]


def _drums(
    piece: Piece, start: float, groove: Hits, rng: np.random.Generator, *, fill: bool, crash: bool
) -> Iterator[Note]:
    kept = [hit for hit in groove if not (fill and hit[1] >= piece.meter - 1)]
    if fill:
        kept += [(TOM + 2 * (n % 2), piece.meter - 1 + n / 4, 84 + 5 * n) for n in range(4)]
    if crash:
        kept.append((CRASH, 0.0, 96))
    for pitch, beat, velocity in kept:
        loud = int(np.clip(velocity + rng.normal(0, 5), 30, 127))
        yield Note("drums", start + _swung(piece, beat), 0.2, pitch, loud)


# --------------------------------------------------------------------------------- bass, chords


def _bass(
    piece: Piece, bar: Bar, start: float, rng: np.random.Generator, *, walking: bool
) -> Iterator[Note]:
    pedal = "pedal" in piece.traits
    for begin, end, chord in spans(bar, piece.meter):
        root = nearest(bar.key.tonic if pedal else chord.root, 38)
        for beat, length, step in _bass_line(piece, end - begin, walking=walking):
            pitch = root if pedal else _bass_pitch(root, chord, step, rng)
            yield Note("bass", start + begin + _swung(piece, beat), length, pitch, 98)


def _bass_line(piece: Piece, beats: float, *, walking: bool) -> list[tuple[float, float, int]]:
    """Positions, lengths and chord steps (0 root, 2 fifth, -1 free) of a bass figure."""
    if walking:
        return [(float(beat), 0.9, 0 if beat == 0 else -1) for beat in range(int(beats))]
    if piece.meter == 3:
        return [(0.0, min(beats, 2.0), 0)] + ([(2.0, 0.9, 2)] if beats == 3 else [])
    figures = {
        "ballad": [(0.0, 1.9, 0), (2.0, 1.4, 0), (3.5, 0.5, 2)],
        "folk": [(0.0, 1.9, 0), (2.0, 1.9, 2)],
        "dance": [(beat + 0.5, 0.45, 0) for beat in range(4)],
        "rock": [(n / 2, 0.45, 0) for n in range(8)],
        "pop": [(0.0, 1.4, 0), (1.5, 0.4, 0), (2.0, 1.4, 0), (3.5, 0.4, 2)],
        "swing": [(0.0, 1.8, 0), (2.0, 1.8, 2)],
    }
    return [hit for hit in figures[piece.style] if hit[0] < beats]


def _bass_pitch(root: int, chord: Chord, step: int, rng: np.random.Generator) -> int:
    if step == 0:
        return root
    classes = chord.classes()
    wanted = classes[step] if step > 0 else classes[rng.integers(len(classes))]
    return nearest(wanted, root + (3 if step < 0 else -3))


def _comping(piece: Piece, rng: np.random.Generator) -> list[tuple[float, float, int]]:
    """Positions, lengths, and which note of the chord (-1: all of them)."""
    bar = float(piece.meter)
    eighths = [(n / 2, 0.5, n % 4) for n in range(2 * piece.meter)]
    sixteenths = [(n / 4, 0.25, n % 4) for n in range(4 * piece.meter)]
    if piece.style == "folk":
        return sixteenths if piece.bpm < 90 and rng.random() < 0.5 else eighths
    if piece.meter == 3:
        oompah = [(1.0, 0.7, -1), (2.0, 0.7, -1)]
        return oompah if rng.random() < 0.6 else eighths
    choices = {
        "ballad": [[(0.0, bar, -1)], eighths, [(float(b), 0.9, -1) for b in range(4)]],
        "rock": [[(n / 2, 0.4, -1) for n in range(8)], [(0.0, 1.4, -1), (1.5, 2.4, -1)]],
        "pop": [
            [(float(b), 0.9, -1) for b in range(4)],
            [(0.0, 1.4, -1), (1.5, 1.4, -1), (3.0, 0.9, -1)],
            eighths,
        ],
        "dance": [[(0.5, 0.4, -1), (1.5, 0.4, -1), (2.5, 0.4, -1), (3.5, 0.4, -1)], sixteenths],
        "swing": [[(0.0, 1.3, -1), (1.5, 0.4, -1)], [(1.5, 0.4, -1), (3.5, 0.4, -1)]],
    }[piece.style]
    return choices[rng.integers(len(choices))]


def _chords(
    piece: Piece, bar: Bar, start: float, comping: list[tuple[float, float, int]]
) -> Iterator[Note]:
    for begin, end, chord in spans(bar, piece.meter):
        voicing = chord.pitches(60)
        hits = [hit for hit in comping if begin <= hit[0] < end]
        if comping[0][0] == 0.0 and begin > 0 and all(hit[0] > begin for hit in hits):
            hits.insert(0, (begin, 0.9, -1))
        for beat, length, which in hits:
            at, held = start + _swung(piece, beat), min(length, end - beat)
            pitches = voicing if which < 0 else [[*voicing, voicing[0] + 12][which % 4]]
            for pitch in pitches:
                yield Note("other", at, held, pitch, 74)


# --------------------------------------------------------------------------------------- melody


def _motif(piece: Piece, rng: np.random.Generator) -> list[tuple[float, float]]:
    """The rhythm of a bar of melody: positions and lengths."""
    choices = [
        [(0.0, 1.0)],
        [(0.0, 0.5), (0.5, 0.5)],
        [(0.5, 0.5)],
        [(0.0, 0.75), (0.75, 0.25)],
        [],
    ]
    motif: list[tuple[float, float]] = []
    for beat in range(piece.meter):
        chosen = choices[rng.choice(len(choices), p=[0.35, 0.3, 0.1, 0.1, 0.15])]
        motif += [(beat + at, length) for at, length in chosen]
    return motif or [(0.0, 2.0)]


def _melody(
    piece: Piece, bar: Bar, start: float, motif: list[tuple[float, float]], rng: np.random.Generator
) -> Iterator[Note]:
    if "vocals" not in piece.programs or rng.random() < 0.1:
        return
    pitch = 72 + int(rng.integers(-3, 4))
    for beat, length in motif:
        chord = next(c for begin, end, c in spans(bar, piece.meter) if begin <= beat < end)
        tones = chord.classes() if beat % 1 == 0 else list(bar.key.scale())
        near = [nearest(tone, pitch + int(rng.integers(-4, 5))) for tone in tones]
        pitch = int(np.clip(near[rng.integers(len(near))], 62, 84))
        if beat % 1 == 0:
            pitch = nearest(tones[int(rng.integers(len(tones)))], pitch)
        yield Note("vocals", start + _swung(piece, beat), 0.95 * length, pitch, 92)


def spans(bar: Bar, meter: int) -> list[tuple[float, float, Chord]]:
    ends = [begin for begin, _ in bar.chords[1:]] + [float(meter)]
    return [(begin, end, chord) for (begin, chord), end in zip(bar.chords, ends, strict=True)]


def _swung(piece: Piece, beat: float) -> float:
    return beat + 1 / 6 if piece.swing and beat % 1 == 0.5 else beat
