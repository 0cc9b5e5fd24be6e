"""A song of our own to separate: drums, bass, chords and a sung melody, made from arithmetic.

Everything is deterministic. The parts are dry but not trivial: detuned saws, a swung hi-hat and a
voice made of a glottal pulse train with vibrato through moving vowel formants, so that a network
trained on records finds something to separate.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE: Final = 44_100
_TEMPO_BPM: Final = 104.0
_BEAT_S: Final = 60.0 / _TEMPO_BPM
_BARS: Final = 16
_BEATS_PER_BAR: Final = 4

# Am F C G as MIDI note numbers, root first.
_CHORDS: Final = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))

# (beat in a four-bar phrase, beats, MIDI note, vowel); two phrases alternate.
_PHRASES: Final = (
    (
        (0.0, 1.5, 64, "a"), (1.5, 0.5, 62, "e"), (2.0, 2.0, 60, "o"),
        (4.0, 1.0, 60, "i"), (5.0, 1.0, 62, "e"), (6.0, 1.5, 57, "a"),
        (8.0, 1.5, 64, "a"), (9.5, 0.5, 65, "i"), (10.0, 2.0, 67, "o"),
        (12.0, 1.0, 67, "e"), (13.0, 1.0, 65, "i"), (14.0, 2.0, 62, "a"),
    ),
    (
        (0.5, 1.0, 69, "a"), (1.5, 0.5, 67, "e"), (2.0, 2.0, 64, "o"),
        (4.5, 1.0, 65, "i"), (5.5, 0.5, 64, "e"), (6.0, 2.0, 60, "a"),
        (8.0, 1.0, 67, "o"), (9.0, 1.0, 69, "a"), (10.0, 2.0, 72, "a"),
        (12.0, 1.5, 71, "e"), (13.5, 0.5, 69, "i"), (14.0, 2.0, 67, "o"),
    ),
)  # fmt: skip

# Centre (Hz), bandwidth (Hz) and gain of the first four formants of a tenor's vowels, rounded from
# Peterson and Barney, "Control Methods Used in a Study of the Vowels" (1952), table II.
_FORMANTS: Final = {
    "a": ((700, 80, 1.0), (1150, 90, 0.6), (2600, 120, 0.25), (3300, 150, 0.15)),
    "e": ((450, 70, 1.0), (1800, 90, 0.45), (2550, 120, 0.25), (3300, 150, 0.12)),
    "i": ((300, 60, 1.0), (2150, 100, 0.3), (2850, 120, 0.25), (3400, 150, 0.12)),
    "o": ((480, 70, 1.0), (850, 80, 0.5), (2500, 120, 0.12), (3300, 150, 0.08)),
}

Mono = NDArray[np.float64]


def demo_song() -> NDArray[np.float32]:
    """Synthesise the demo song.

    Returns
    -------
    [channels=2, samples], float32
        About 37 s at 44.1 kHz, peak 0.9.

    """
    parts = demo_parts()
    mixture = np.sum(list(parts.values()), axis=0)
    return np.asarray(mixture * (0.9 / np.max(np.abs(mixture))), np.float32)


def demo_parts() -> dict[str, NDArray[np.float64]]:
    """The parts that add up to the song, each ``[channels=2, samples]``, before its final gain."""
    rng = np.random.default_rng(20_240_607)
    return {
        "drums": _panned(_drums(rng), 0.0),
        "bass": _panned(_bass(), 0.0),
        "other": _panned(_chords(detune=0.997), -0.5) + _panned(_chords(detune=1.003), 0.5),
        "vocals": _panned(_voice(rng), 0.05),
    }


def _panned(mono: Mono, position: float) -> NDArray[np.float64]:
    """Constant-power pan, -1 left to 1 right."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([np.cos(angle) * mono, np.sin(angle) * mono])


def _silence() -> Mono:
    tail_s = 1.0
    return np.zeros(round((_BARS * _BEATS_PER_BAR * _BEAT_S + tail_s) * SAMPLE_RATE))


def _time(seconds: float) -> Mono:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def _add(target: Mono, sound: Mono, beat: float) -> None:
    start = round(beat * _BEAT_S * SAMPLE_RATE)
    stop = min(start + sound.size, target.size)
    target[start:stop] += sound[: stop - start]


def _hz(note: float) -> float:
    return float(440.0 * 2.0 ** ((note - 69.0) / 12.0))


@functools.lru_cache(maxsize=64)
def _saw(frequency_hz: float, seconds: float, harmonics: int, tilt: float = 1.0) -> Mono:
    """A band-limited sawtooth: harmonics below 16 kHz at 1 / k ** tilt."""
    time = _time(seconds)
    top = min(harmonics, int(16_000 / frequency_hz))
    saw = np.zeros_like(time)
    for k in range(1, top + 1):
        saw += np.sin(2 * np.pi * frequency_hz * k * time) / k**tilt
    return saw


def _faded(sound: Mono, attack_s: float, release_s: float) -> Mono:
    envelope = np.ones_like(sound)
    attack, release = round(attack_s * SAMPLE_RATE), round(release_s * SAMPLE_RATE)
    envelope[:attack] = np.sin(np.linspace(0, np.pi / 2, attack)) ** 2
    envelope[-release:] *= np.cos(np.linspace(0, np.pi / 2, release)) ** 2
    return sound * envelope


def _drums(rng: np.random.Generator) -> Mono:
    track = _silence()
    for bar in range(_BARS):
        first = bar * _BEATS_PER_BAR
        for beat in (0.0, 1.5, 2.0) if bar % 2 else (0.0, 2.0, 2.5):
            _add(track, 0.95 * _kick(), first + beat)
        for beat in (1.0, 3.0):
            _add(track, 0.6 * _snare(rng), first + beat)
        for eighth in range(2 * _BEATS_PER_BAR):
            swing = 0.08 if eighth % 2 else 0.0
            _add(track, (0.16 if eighth % 2 else 0.24) * _hat(rng), first + eighth / 2 + swing)
    return track


def _kick() -> Mono:
    time = _time(0.32)
    sweep = 48 * time + 90 * 0.035 * (1 - np.exp(-time / 0.035))
    click = np.exp(-time / 0.002) * np.sin(2 * np.pi * 1900 * time)
    return np.sin(2 * np.pi * sweep) * np.exp(-time / 0.11) + 0.25 * click


def _snare(rng: np.random.Generator) -> Mono:
    time = _time(0.25)
    body = np.sin(2 * np.pi * 185 * time) + 0.6 * np.sin(2 * np.pi * 331 * time)
    body *= np.exp(-time / 0.06)
    rattle = np.diff(rng.standard_normal(time.size + 1)) * np.exp(-time / 0.075)
    return 0.55 * body + 0.5 * rattle


def _hat(rng: np.random.Generator) -> Mono:
    time = _time(0.09)
    noise = rng.standard_normal(time.size + 3)
    return np.diff(noise, n=3) * 0.3 * np.exp(-time / 0.022)


def _bass() -> Mono:
    track = _silence()
    riff = ((0.0, 0.9, 0), (1.5, 0.45, 0), (2.0, 0.9, 7), (3.0, 0.45, 12), (3.5, 0.45, 7))
    for bar in range(_BARS):
        root = _CHORDS[bar % 4][0] - 24
        for beat, beats, interval in riff:
            note = root + interval + (12 if root < 28 else 0)
            tone = _saw(_hz(note), beats * _BEAT_S, harmonics=9, tilt=1.6)
            _add(track, 0.42 * _faded(tone, 0.004, 0.04), bar * _BEATS_PER_BAR + beat)
    return track


def _chords(detune: float) -> Mono:
    track = _silence()
    for bar in range(_BARS):
        for beat, beats in ((0.0, 1.75), (2.5, 1.25)):
            chord = np.sum(
                [
                    _saw(_hz(note) * detune, beats * _BEAT_S, harmonics=14, tilt=1.3)
                    for note in _CHORDS[bar % 4]
                ],
                axis=0,
            )
            _add(track, 0.085 * _faded(chord, 0.015, 0.18), bar * _BEATS_PER_BAR + beat)
    return track


def _voice(rng: np.random.Generator) -> Mono:
    track = _silence()
    for bar in range(4, _BARS, 4):
        phrase = _PHRASES[(bar // 4) % 2]
        for index, (beat, beats, note, vowel) in enumerate(phrase):
            previous = phrase[index - 1][2] if index else note
            sung = _sung(note, previous, beats * _BEAT_S * 0.96, vowel, rng)
            _add(track, 0.5 * sung, bar * _BEATS_PER_BAR + beat)
    return track


def _sung(note: int, previous: int, seconds: float, vowel: str, rng: np.random.Generator) -> Mono:
    """One sung note: glide from the previous one, vibrato that sets in late, breath, formants."""
    time = _time(seconds)
    vibrato = 0.28 * np.sin(2 * np.pi * 5.4 * time) * np.clip((time - 0.18) / 0.3, 0, 1)
    drift = np.interp(time, np.linspace(0, seconds, 9), 0.06 * rng.standard_normal(9))
    pitch = note + (previous - note) * np.exp(-time / 0.035) + vibrato + drift
    phase = 2 * np.pi * np.cumsum(440.0 * 2.0 ** ((pitch - 69) / 12)) / SAMPLE_RATE
    harmonics = min(60, int(9_000 / _hz(max(note, previous))))
    glottis = np.sum([np.sin(k * phase) / k**1.1 for k in range(1, harmonics + 1)], axis=0)
    sound = _through_formants(glottis + 0.03 * rng.standard_normal(time.size), vowel)
    return _faded(sound, 0.03, 0.07)


def _through_formants(sound: Mono, vowel: str) -> Mono:
    """Shape a spectrum with the resonances of a vowel and bring it to a peak of 1."""
    size = 1 << (sound.size - 1).bit_length()
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    gain = np.sum(
        [
            level / (1 + ((frequency - centre) / (width * 0.9)) ** 2)
            for centre, width, level in _FORMANTS[vowel]
        ],
        axis=0,
    )
    shaped: Mono = np.fft.irfft(np.fft.rfft(sound, size) * (gain + 0.01), size)[: sound.size]
    shaped /= np.max(np.abs(shaped))
    return shaped
