"""A song that is the same on every machine: what the reference separation was made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE = 44_100
SECONDS = 20.3
"""Four segments at an overlap of 0.25, the last one a tail of 2.75 s."""


def reference_song() -> NDArray[np.float32]:
    """Beats, a bass line, a chord and a gliding voice: [2, samples], peak below 1.

    Only elementary functions and PCG64's uniform numbers: nothing a library version may change.
    """
    t = np.arange(round(SECONDS * RATE)) / RATE
    noise = np.random.default_rng(20_260_712).random(t.size) - 0.5
    beats = noise * np.exp(-12 * (t * 2 % 1))
    bass = np.sin(2 * np.pi * 55 * t) * (1 - (t * 1.5 % 1))
    chord = sum(np.sin(2 * np.pi * hertz * t) for hertz in (220.0, 277.18, 329.63))
    glide = np.sin(2 * np.pi * 440 * t + 6 * np.sin(2 * np.pi * 5 * t))
    voice = glide * np.sin(np.pi * t / 4) ** 2
    left = 0.4 * beats + 0.2 * bass + 0.05 * chord + 0.12 * voice
    right = 0.3 * beats + 0.2 * bass + 0.08 * chord + 0.12 * voice
    return np.stack([left, right]).astype(np.float32)
