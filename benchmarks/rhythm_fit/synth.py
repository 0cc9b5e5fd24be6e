"""A small drum machine and synthesizer, dry and exact, for what sound fonts do not sound like."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from corpus.score import Piece

RATE = 22_050
Sound = NDArray[np.float64]
_METAL = {42, 44, 46, 49, 51, 54, 70}
_LONG = {46: 0.35, 49: 1.2, 51: 0.5}
_DRUMS_HZ = {36: 55, 41: 80, 45: 110, 48: 150, 60: 400, 61: 300, 62: 330, 63: 340, 64: 220}


def synthesize(piece: Piece, parts: Collection[str], rng: np.random.Generator) -> Sound:
    """Return ``[samples]`` at 22.05 kHz of the parts asked for, peak 0.9."""
    voices = {part: _voice(rng) for part in ("bass", "other", "vocals")}
    gains = {
        "drums": 1.0,
        "bass": rng.uniform(0.2, 0.8),
        "other": rng.uniform(0.1, 0.5),
        "vocals": rng.uniform(0.1, 0.5),
    }
    kit = rng.uniform(0.6, 1.6, 128)
    song = 10 ** rng.uniform(-5, -2.5) * rng.standard_normal(
        int(RATE * (piece.labels()["duration_s"] + 2))
    )
    cache: dict[tuple[int, str], Sound] = {}
    for note in piece.notes:
        if note.part in parts:
            seconds = piece.clock.at(note.start + note.length) - piece.clock.at(note.start)
            sound = (
                _drum(note.pitch, kit, cache, rng)
                if note.part == "drums"
                else _tone(note.pitch, seconds, voices[note.part])
            )
            start = int(RATE * max(piece.clock.at(note.start), 0))
            stop = min(start + len(sound), len(song))
            loud = gains[note.part] * (note.velocity / 110) ** 1.5
            song[start:stop] += loud * sound[: stop - start]
    return 0.9 * song / np.abs(song).max()


def _drum(
    pitch: int, kit: Sound, cache: dict[tuple[int, str], Sound], rng: np.random.Generator
) -> Sound:
    key = (pitch, "drum")
    if key not in cache:
        size = kit[pitch]
        if pitch in _DRUMS_HZ:
            time = np.arange(int(0.3 * size * RATE)) / RATE
            hz = _DRUMS_HZ[pitch] * size * (1 + 2 * np.exp(-time / 0.02))
            sound = np.sin(2 * np.pi * np.cumsum(hz) / RATE) * np.exp(-time / (0.06 * size))
        else:
            metal = pitch in _METAL
            seconds = size * _LONG.get(pitch, 0.06 if metal else 0.15)
            time = np.arange(int(seconds * RATE)) / RATE
            noise = rng.standard_normal(len(time))
            sound = (0.2 if metal else 0.35) * size * (np.diff(noise, append=0) if metal else noise)
            sound *= np.exp(-4 * time / seconds)
            if not metal:
                sound += 0.4 * np.sin(2 * np.pi * 190 * size * time) * np.exp(-time / 0.05)
        cache[key] = sound
    return cache[key]


def _voice(rng: np.random.Generator) -> tuple[Sound, float, float]:
    """Partials' amplitudes, attack and decay in seconds."""
    partials = rng.random(8) * np.arange(1, 9.0) ** -rng.uniform(0.5, 2.5)
    partials[0] += 0.5
    return partials / partials.sum(), float(rng.choice([0.003, 0.01, 0.05])), rng.uniform(0.15, 3)


def _tone(pitch: int, seconds: float, voice: tuple[Sound, float, float]) -> Sound:
    partials, attack_s, decay_s = voice
    time = np.arange(int((seconds + 0.05) * RATE)) / RATE
    hz = 440 * 2 ** ((pitch - 69) / 12)
    heard = [k for k in range(len(partials)) if hz * (k + 1) < 0.45 * RATE]
    tone = sum(partials[k] * np.sin(2 * np.pi * hz * (k + 1) * time) for k in heard)
    gate = np.clip((seconds + 0.05 - time) / 0.05, 0, 1)
    return np.asarray(tone * np.minimum(time / attack_s, 1) * np.exp(-time / decay_s) * gate)
