"""Songs to measure with, built from the excerpt that comes with stempeg or from any file given."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from .places import BENCH_ENVIRONMENT, SONGS

RATE = 44_100
EXCERPT_STREAMS = ("mix", "drums", "bass", "other", "vocals")

EXCERPT_FRAMES = 6 * RATE
"""What follows is debris of the codec: there the stems no longer add up to the mixture."""

Stems = dict[str, NDArray[np.float32]]


def excerpt() -> Path:
    """Find "The Easton Ellises - Falcon 69" in the peers' environment."""
    found = sorted(BENCH_ENVIRONMENT.glob("lib/python*/site-packages/stempeg/data/*.stem.mp4"))
    if not found:
        message = f"{BENCH_ENVIRONMENT} holds no stempeg: run `make bench-speed` or name a song"
        raise SystemExit(message)
    return found[0]


def song_of(length_s: float, source: Path | None = None) -> Path:
    """Make a stereo 16-bit 44.1 kHz WAV of exactly this length by repeating the source."""
    limit = None if source else EXCERPT_FRAMES
    source = source or excerpt()
    SONGS.mkdir(parents=True, exist_ok=True)
    target = SONGS / f"{source.stem.split('.')[0].replace(' ', '-')}-{length_s:g}s.wav"
    if not target.exists():
        _write_repeated(target, decode(source, 0)[:, :limit], round(length_s * RATE))
    return target


def excerpt_stems() -> Stems:
    """Decode the excerpt: {"mix", "drums", "bass", "other", "vocals"}, each [2, samples]."""
    path = excerpt()
    return {
        name: decode(path, index)[:, :EXCERPT_FRAMES] for index, name in enumerate(EXCERPT_STREAMS)
    }


def decode(path: Path, stream: int) -> NDArray[np.float32]:
    """Decode one audio stream to [2, samples] float32 at 44.1 kHz."""
    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    with av.open(str(path)) as container:
        frames = container.decode(audio=stream)
        blocks = [block.to_ndarray() for frame in frames for block in resampler.resample(frame)]
        blocks += [block.to_ndarray() for block in resampler.resample(None)]
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def _write_repeated(target: Path, song: NDArray[np.float32], frames: int) -> None:
    # Block by block: an hours-long song would not fit as one array.
    part = target.with_suffix(".part")
    with soundfile.SoundFile(part, "w", RATE, 2, "PCM_16", format="WAV") as file:
        while frames > 0:
            block = song[:, :frames]
            file.write(block.T)
            frames -= block.shape[1]
    part.replace(target)
