"""Sounds without a beat: noises, hums, held chords, knocks at random, speech by espeak-ng."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

RATE = 22_050
_TEXT = """
the and river stone morning because nobody seventeen window light when after carefully music was
there of in to it a horse running quick brown fox lazily jumped over small mountain village people
talked about weather question answer never always perhaps
"""
_LANGUAGES = ("en", "en-us", "de", "fr", "es", "it")

Sound = NDArray[np.float64]


def nonmusic(seed: int, count: int) -> Iterator[NDArray[np.float32]]:
    """Yield ``[samples]`` at 22.05 kHz, each 6 to 40 s long."""
    rng = np.random.default_rng([seed, 99])
    kinds = (_hiss, _rumble, _speech, _knocks, _drone, _wind, _pads, _hum, _steps)
    for index in range(count):
        sound = kinds[index % len(kinds)](int(rng.uniform(6, 40) * RATE), rng)
        yield np.clip(sound, -1, 1).astype(np.float32)


def _hiss(length: int, rng: np.random.Generator) -> Sound:
    return rng.normal(size=length) * rng.uniform(0.01, 0.3)


def _rumble(length: int, rng: np.random.Generator) -> Sound:
    spectrum = np.fft.rfft(rng.normal(size=length))
    spectrum /= (np.arange(len(spectrum)) + 10) ** (rng.uniform(0.5, 2) / 2)
    sound = np.fft.irfft(spectrum, length)
    return np.asarray(0.3 * sound / np.abs(sound).max())


def _speech(length: int, rng: np.random.Generator) -> Sound:
    sentences = [" ".join(rng.choice(_TEXT.split(), rng.integers(3, 14))) for _ in range(9)]
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "speech.wav"
        voice, speed, pitch = rng.choice(_LANGUAGES), rng.integers(110, 210), rng.integers(20, 80)
        options = ["-v", str(voice), "-s", str(speed), "-p", str(pitch), "-w", str(file)]
        subprocess.run(
            [shutil.which("espeak-ng") or "espeak-ng", *options, ". ".join(sentences)], check=True
        )
        sound, rate = soundfile.read(file)
    return np.asarray(soxr.resample(sound, rate, RATE)[:length])


def _knocks(length: int, rng: np.random.Generator) -> Sound:
    mean_s = rng.uniform(0.1, 2)
    return _at_times(length, rng, lambda: rng.exponential(mean_s))


def _steps(length: int, rng: np.random.Generator) -> Sound:
    mean_s = rng.uniform(0.1, 2)
    return _at_times(length, rng, lambda: mean_s * np.exp(0.6 * rng.normal()))


def _at_times(length: int, rng: np.random.Generator, wait_s: Callable[[], float]) -> Sound:
    sound = np.zeros(length + RATE)
    at_s = 0.2
    while at_s < length / RATE:
        samples = np.arange(int(rng.uniform(0.02, 0.3) * RATE))
        tone = np.sin(2 * np.pi * rng.uniform(80, 2000) * samples / RATE)
        body = rng.normal(size=len(samples)) if rng.random() < 0.5 else tone
        start = int(at_s * RATE)
        fade = np.exp(-5 * samples / len(samples))
        sound[start : start + len(samples)] += rng.uniform(0.05, 0.4) * body * fade
        at_s += wait_s()
    return sound[:length]


def _drone(length: int, rng: np.random.Generator) -> Sound:
    time = np.arange(length) / RATE
    sound = np.zeros(length)
    for hz in rng.uniform(60, 900, 5):
        vibrato = 0.002 * np.sin(2 * np.pi * rng.uniform(0.05, 0.3) * time)
        sound += 0.1 * np.sin(2 * np.pi * hz * (1 + vibrato) * time)
    return sound


def _wind(length: int, rng: np.random.Generator) -> Sound:
    spectrum = np.fft.rfft(rng.normal(size=length))
    spectrum[np.fft.rfftfreq(length, 1 / RATE) > rng.uniform(1, 6)] = 0
    swell = np.fft.irfft(spectrum, length)
    loud = np.exp(rng.uniform(0.3, 1.5) * swell / swell.std())
    return np.asarray(0.03 * rng.normal(size=length) * loud)


def _pads(length: int, rng: np.random.Generator) -> Sound:
    sound = np.zeros(length + 9 * RATE)
    at_s = 0.0
    while at_s < length / RATE:
        samples = np.arange(int(rng.uniform(2, 8) * RATE))
        for hz in 220 * 2 ** (rng.integers(-12, 24, 4) / 12):
            tone = np.sin(2 * np.pi * hz * samples / RATE)
            start = int(at_s * RATE)
            sound[start : start + len(samples)] += 0.1 * np.hanning(len(samples)) * tone
        at_s += rng.uniform(0.8, 5)
    return sound[:length]


def _hum(length: int, rng: np.random.Generator) -> Sound:
    mains = np.sin(2 * np.pi * 50 * np.arange(length) / RATE)
    return 0.1 * mains + 0.003 * rng.normal(size=length)
