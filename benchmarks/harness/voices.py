"""Voices and noises made from nothing but a seed: what denoising is measured on, at 48 kHz."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

RATE: Final = 48_000

# first three formants, in Hz, of vowels of men (Peterson and Barney, 1952, table II), and two above
_VOWELS: Final = np.array(
    [
        (730, 1090, 2440, 3400, 4500),
        (270, 2290, 3010, 3600, 4600),
        (300, 870, 2240, 3300, 4400),
        (530, 1840, 2480, 3500, 4500),
        (570, 840, 2410, 3300, 4400),
        (660, 1720, 2410, 3500, 4500),
        (440, 1020, 2240, 3300, 4400),
    ]
)
_BANDWIDTHS_HZ: Final = np.array([60, 80, 120, 180, 250])
_LEVELS: Final = np.array([1, 0.5, 0.25, 0.12, 0.06])


def voice(seconds: float, seed: int = 0, pitch_hz: float = 115.0) -> Signal:
    """Something that speaks: syllables of a hissed consonant and a gliding vowel, with pauses.

    Each pulse of the glottis sets off five decaying resonances, as in Rodet, "Time-domain
    formant-wave-function synthesis" (1984), with the small irregularities of a throat.
    """
    random = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * RATE) + RATE)
    starts_s, vowel = 0.0, _VOWELS[random.integers(len(_VOWELS))]
    while starts_s < seconds:
        length_s = 0.17 * random.uniform(0.7, 1.5)
        following = _VOWELS[random.integers(len(_VOWELS))]
        if random.random() < 0.6:
            _hiss(sound, starts_s, length_s / 2, random)
        _vowel(
            sound, (starts_s + 0.4 * length_s, 0.6 * length_s), (vowel, following), pitch_hz, random
        )
        starts_s += length_s + (random.uniform(0.15, 0.5) if random.random() < 0.15 else 0)
        vowel = following
    return _levelled(sound[: round(seconds * RATE)])


def _hiss(sound: Signal, start_s: float, length_s: float, random: np.random.Generator) -> None:
    samples, start, lowest = int(length_s * RATE), int(start_s * RATE), random.uniform(1500, 5000)
    hiss = _shaped(random.standard_normal(samples), lambda f: (f > lowest) / (1 + (f / 9000) ** 6))
    sound[start : start + samples] += 0.25 * hiss * np.hanning(samples)


def _vowel(
    sound: Signal,
    when_s: tuple[float, float],
    formants: tuple[Signal, Signal],
    pitch_hz: float,
    random: np.random.Generator,
) -> None:
    start_s, length_s = when_s
    at_s = start_s
    while at_s < start_s + length_s:
        done = (at_s - start_s) / length_s
        glide = np.clip((done - 0.4) / 0.6, 0, 1)
        melody = 1 + 0.15 * np.sin(np.pi * at_s) - 0.08 * (at_s % 2.5) / 2.5
        period_s = 1 / (pitch_hz * melody * (1 + 0.01 * random.standard_normal()))
        loud = np.sin(np.pi * np.clip(done, 0.02, 0.98)) ** 0.5 * (
            1 + 0.05 * random.standard_normal()
        )
        pulse = _pulse(formants[0] + (formants[1] - formants[0]) * glide, min(3 * period_s, 0.03))
        start, breath = int(at_s * RATE), int(period_s * RATE)
        sound[start : start + len(pulse)] += loud * pulse
        sound[start : start + breath] += 0.005 * loud * random.standard_normal(breath)
        at_s += period_s


def _pulse(formants: Signal, length_s: float) -> Signal:
    times = np.arange(int(length_s * RATE)) / RATE
    decay = np.exp(-np.pi * _BANDWIDTHS_HZ * times[:, None])
    resonances = _LEVELS * decay * np.sin(2 * np.pi * formants * times[:, None])
    rise, fall = np.minimum(times / 0.0008, 1), np.minimum((length_s - times) / (0.2 * length_s), 1)
    return resonances.sum(axis=1) * rise * fall


def white(seconds: float, seed: int = 0) -> Signal:
    """The same power at every frequency."""
    return _levelled(np.random.default_rng(seed).standard_normal(round(seconds * RATE)))


def pink(seconds: float, seed: int = 0) -> Signal:
    """The same power in every octave."""
    return _levelled(_shaped(white(seconds, seed), lambda f: 1 / np.sqrt(np.maximum(f, 20))))


def hum(seconds: float, seed: int = 0) -> Signal:
    """A mains hum of 50 Hz with its harmonics, over a little white noise."""
    cycles = 50 * np.arange(round(seconds * RATE)) / RATE
    phases = np.random.default_rng(seed).random(24)
    buzz = sum(
        np.sin(2 * np.pi * (n * cycles + phase)) / n for n, phase in enumerate(phases, start=1)
    )
    return _levelled(_levelled(np.asarray(buzz)) + 0.1 * white(seconds, seed))


def babble(seconds: float, seed: int = 0) -> Signal:
    """Twelve who speak at once."""
    pitches = np.random.default_rng(seed).uniform(90, 240, size=12)
    speakers = [voice(seconds, 1000 * seed + n, pitch) for n, pitch in enumerate(pitches, start=1)]
    return _levelled(np.sum(speakers, axis=0))


def street(seconds: float, seed: int = 0) -> Signal:
    """Rumble, cars that pass, and now and then a knock."""
    random = np.random.default_rng(seed)
    samples = round(seconds * RATE)
    times = np.arange(samples) / RATE
    rumble = _levelled(_shaped(random.standard_normal(samples), lambda f: 1 / np.maximum(f, 30)))
    tyres = _levelled(
        _shaped(random.standard_normal(samples), lambda f: (f > 200) / (1 + (f / 1200) ** 2))
    )
    middles = np.arange(random.uniform(0, 2), seconds, 4.0)
    passing = sum((np.exp(-(((times - at) / 0.9) ** 2)) for at in middles), np.zeros(samples))
    knocks = np.zeros(samples)
    for at in random.integers(samples, size=int(2 * seconds)):
        length = min(4800, samples - at)
        fade = np.exp(-np.arange(length) / 600)
        knocks[at : at + length] += fade * random.standard_normal(length)
    return _levelled(rumble + 1.5 * tyres * passing + knocks)


NOISES: Mapping[str, Callable[[float, int], Signal]] = MappingProxyType(
    {"white": white, "pink": pink, "hum": hum, "babble": babble, "street": street}
)


def mixed(clean: Signal, noise: Signal, snr_db: float) -> Signal:
    """Add noise so loud that the ratio of the two powers is ``snr_db``."""
    power = np.mean(clean**2) / np.mean(noise**2)
    return clean + noise * np.sqrt(power / 10 ** (snr_db / 10))


def si_sdr(clean: Signal, estimate: Signal) -> float:
    """Scale-invariant SDR in dB: Le Roux et al., "SDR - half-baked or well done?" (2019)."""
    projected = (estimate @ clean) / (clean @ clean) * clean
    rest = estimate - projected
    if not rest.any():
        return np.inf
    return float(10 * np.log10((projected @ projected) / (rest @ rest)))


def _shaped(noise: Signal, gain: Callable[[Signal], Signal]) -> Signal:
    spectrum = np.fft.rfft(noise) * gain(np.fft.rfftfreq(len(noise), 1 / RATE))
    return np.fft.irfft(spectrum, len(noise))


def _levelled(sound: Signal) -> Signal:
    return 0.1 * sound / np.sqrt(np.mean(sound**2))
