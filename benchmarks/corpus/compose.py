"""A seed in, a list of pieces out: every key, 60 to 190 BPM, and the traits that make it hard."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .parts import play
from .score import Bar, Clock, Piece
from .theory import ALL_KEYS, AWAY, HOME, Degree, Key

SLOWEST_BPM, FASTEST_BPM = 60.0, 190.0
_FORMS = ("AABA", "ABAB", "AABB", "ABAA", "AAAB")
_MELODIES = (0, 11, 40, 52, 56, 65, 71, 73, 80)
_CHORDS = {
    "ballad": (0, 4, 24, 48, 89),
    "folk": (24, 25, 0, 46),
    "rock": (27, 28, 29, 30),
    "pop": (0, 4, 25, 27, 16),
    "dance": (62, 81, 90, 4),
    "swing": (0, 26, 11),
    "waltz": (0, 21, 24, 48),
}
_BASSES = {"swing": (32,), "dance": (38, 39), "rock": (33, 34)}


def compose_set(seed: int, count: int) -> list[Piece]:
    """Compose pieces that together cover all keys and tempos evenly; a seed gives the same set."""
    rng = np.random.default_rng([seed, 5])
    keys = [ALL_KEYS[n] for _ in range(-(-count // 24)) for n in rng.permutation(24)]
    steps = (rng.permutation(count) + rng.random(count)) / count
    tempos = SLOWEST_BPM + (FASTEST_BPM - SLOWEST_BPM) * steps
    return [
        compose(seed, index, keys[index], round(float(tempos[index]), 2)) for index in range(count)
    ]


def compose(seed: int, index: int, key: Key, bpm: float) -> Piece:
    """Compose one piece; its traits are drawn here."""
    rng = np.random.default_rng([seed, index, 11])
    style = _style(bpm, rng)
    meter = 3 if style == "waltz" else 4
    traits = _traits(style, rng)
    bars = _bars(key, meter, bpm, traits, rng)
    rubato = "rubato" in traits
    drums = "no-drums" not in traits
    piece = Piece(
        name=f"s{seed}-{index:03d}",
        seed=1000 * seed + index,
        bpm=bpm,
        meter=meter,
        key=_main_key(bars),
        bars=bars,
        clock=_clock(bpm, len(bars) * meter, rng, rubato=rubato, live="live" in traits),
        style=style,
        traits=traits,
        programs=_programs(style, rng),
        steady=not rubato,
        swing="swing" in traits,
        tuning_cents=float(rng.integers(-40, 41)) if "detuned" in traits else 0.0,
        humanise_s=float(rng.choice([0.0, 0.004, 0.008])),
        sample_rate=int(rng.choice([22_050, 44_100, 48_000], p=[0.25, 0.5, 0.25])),
        channels=int(rng.choice([1, 2], p=[0.3, 0.7])),
        tail_s=float(rng.uniform(0.3, 1.5)),
        level=float(rng.uniform(0.2, 0.95)),
        reverb=bool(rng.random() < 0.8),
    )
    drums_from = int(rng.choice([0, 4], p=[0.8, 0.2]))
    piece.notes = play(piece, rng, drums=drums, drums_from=drums_from)
    return piece


def _style(bpm: float, rng: np.random.Generator) -> str:
    weights = {
        "ballad": 3.0 if bpm < 105 else 0.0,
        "folk": 1.2 if bpm < 150 else 0.5,
        "rock": 2.0 if bpm > 85 else 0.5,
        "pop": 2.0 if bpm < 150 else 1.2,
        "dance": 2.0 if 105 < bpm < 150 else 0.3,
        "swing": 1.0 if bpm > 85 else 0.2,
        "waltz": 1.5,
    }
    chances = np.array(list(weights.values()))
    return str(rng.choice(list(weights), p=chances / chances.sum()))


def _traits(style: str, rng: np.random.Generator) -> list[str]:
    chances = {
        "no-drums": 0.9 if style == "folk" else 0.2,
        "swing": 1.0 if style == "swing" else 0.08 if style != "dance" else 0.0,
        "rubato": 0.3 if style in {"folk", "ballad"} else 0.0,
        "live": 0.5 if style != "dance" else 0.0,
        "detuned": 0.4,
        "pedal": 0.1,
        "modulation": 0.12,
        "sevenths": 0.9 if style == "swing" else 0.25,
    }
    return [trait for trait, chance in chances.items() if rng.random() < chance]


def _programs(style: str, rng: np.random.Generator) -> dict[str, int]:
    programs = {
        "other": int(rng.choice(_CHORDS[style])),
        "bass": int(rng.choice(_BASSES.get(style, (32, 33, 35)))),
    }
    if rng.random() < 0.85:
        programs["vocals"] = int(rng.choice(_MELODIES))
    return programs


# ------------------------------------------------------------------------------------- harmony


def _bars(
    key: Key, meter: int, bpm: float, traits: list[str], rng: np.random.Generator
) -> list[Bar]:
    """Sections of four or eight bars until the piece lasts 20 to 40 seconds; it ends at home."""
    wanted = rng.uniform(24, 38) / (60 / bpm * meter)
    length = 8 if wanted >= 28 else 4
    form = str(rng.choice(_FORMS))
    sections = [form[n % 4] for n in range(max(round(wanted / length), 2))]
    progressions = {"A": _pick(HOME, key, rng), "B": _pick(AWAY, key, rng)}
    sevenths = "sevenths" in traits
    per_bar = 2 if meter == 4 and rng.random() < 0.2 else 1
    change = _modulation_at(sections, traits)
    shift = int(rng.choice([1, 2, 5, 7]))
    bars = []
    for number, section in enumerate(sections):
        local = key.up(shift) if number >= change else key
        for bar in range(length):
            degrees = [progressions[section][(per_bar * bar + n) % 4] for n in range(per_bar)]
            chords = _laid_out(local, degrees, meter, sevenths=sevenths)
            bars.append(Bar(f"{section}{number}", local, chords))
    return _ending_at_home(bars, meter, sevenths=sevenths)


def _pick(table: dict[str, list[list[Degree]]], key: Key, rng: np.random.Generator) -> list[Degree]:
    choices = table[key.mode]
    return choices[rng.integers(len(choices))]


def _modulation_at(sections: list[str], traits: list[str]) -> int:
    """The section from which on the key is another: after two thirds."""
    return max(round(len(sections) * 2 / 3), 1) if "modulation" in traits else len(sections)


def _laid_out(
    key: Key, degrees: list[Degree], meter: int, *, sevenths: bool
) -> tuple[tuple[float, object], ...]:
    step = meter / len(degrees)
    return tuple((n * step, key.chord(it, sevenths=sevenths)) for n, it in enumerate(degrees))


def _ending_at_home(bars: list[Bar], meter: int, *, sevenths: bool) -> list[Bar]:
    key = bars[-1].key
    home = (0, "maj") if key.mode == "major" else (0, "min")
    for place, degree in ((-2, (7, "maj")), (-1, home)):
        chords = _laid_out(key, [degree], meter, sevenths=sevenths)
        bars[place] = Bar(bars[place].section, key, chords)
    return bars


def _main_key(bars: list[Bar]) -> Key:
    keys = [bar.key for bar in bars]
    return max(dict.fromkeys(keys), key=keys.count)  # the earlier one, if two last as long


# --------------------------------------------------------------------------------------- time


def _clock(bpm: float, beats: int, rng: np.random.Generator, *, rubato: bool, live: bool) -> Clock:
    """Beat times: as a machine, with a band's drift of about 1 %, or with a player's freedom."""
    period_s = 60 / bpm
    spread = 0.12 if rubato else 0.008 if live else 0.0
    stretch = np.exp(spread * _smooth(rng.normal(size=beats + 1), 3 if rubato else 8))
    lead_in_s = rng.uniform(0.05, 1.2)
    intervals = period_s * stretch / np.median(stretch)
    return Clock(lead_in_s + np.concatenate([[0.0], np.cumsum(intervals)]))


def _smooth(noise: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Noise over several beats, brought back to unit spread."""
    kernel = np.hanning(2 * width + 1)
    smoothed = np.convolve(np.pad(noise, width, mode="reflect"), kernel, mode="valid")
    return smoothed / max(float(smoothed.std()), 1e-9)
