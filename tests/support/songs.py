"""Small songs on disk, made from arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


def noise(
    seconds: float, *, rate: int = 44_100, channels: int = 2, seed: int = 1
) -> NDArray[np.float64]:
    """``[frames, channels]``: low noise around different tones, so that no two channels agree."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    tones = np.stack([np.sin(2 * np.pi * 220 * (k + 1) * time) for k in range(channels)], axis=1)
    return 0.3 * tones + 0.05 * rng.standard_normal(tones.shape)


def write_song(
    path: Path,
    seconds: float = 1.0,
    *,
    rate: int = 44_100,
    channels: int = 2,
    subtype: str | None = None,
    seed: int = 1,
) -> Path:
    """Write a song; the format follows the name's extension."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(seconds, rate=rate, channels=channels, seed=seed), rate, subtype)
    return path


def samples(path: Path, dtype: str = "int16") -> NDArray[np.int32]:
    """``[frames, channels]`` of a stem."""
    return soundfile.read(path, dtype=dtype, always_2d=True)[0]
