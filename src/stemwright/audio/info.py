"""What a song file says about itself before it is decoded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stemwright.errors import EmptyAudio, UnreadableAudio

from .tags import Tags

MIN_RATE, MAX_RATE = 1000, 768_000
MAX_CHANNELS = 64
"""Bounds beyond which a header is taken for damaged; they also bound memory per block."""

SourceBits = Literal[8, 16, 24, 32]


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The header's claims about a song.

    ``frames`` and ``duration_s`` are declared by the container, ``None`` when it does not say, and
    never trusted. ``bit_depth`` is that of integer samples, PCM or losslessly packed; ``None`` for
    lossy and float sources. ``positions`` names the speaker of each channel where the file says
    ("FL", "FR", "FC", "LFE", …); ``None`` means WAVE order.
    """

    path: Path
    container: str
    codec: str
    sample_rate: int
    channels: int
    frames: int | None
    duration_s: float | None
    bit_depth: SourceBits | None
    is_float: bool
    tags: Tags
    positions: tuple[str, ...] | None = None


def check_plausible(path: Path, sample_rate: int, channels: int) -> None:
    """Refuse headers no real song has: zero channels, absurd rates."""
    if not 1 <= channels <= MAX_CHANNELS:
        raise unreadable(path, f"its header claims {channels} channels")
    if not MIN_RATE <= sample_rate <= MAX_RATE:
        raise unreadable(path, f"its header claims a sample rate of {sample_rate} Hz")


def unreadable(path: Path, reason: str, remedy: str | None = None) -> UnreadableAudio:
    """Return the error for a file that is there but is not usable audio."""
    remedy = remedy or "export or download the song again, or convert it to wav, flac or mp3"
    return UnreadableAudio(f"cannot read {shown(path)}: {reason}; {remedy}")


def empty(path: Path) -> EmptyAudio:
    """Return the error for a file that holds not a single sample."""
    return EmptyAudio(f"{shown(path)} is empty: it holds no sound; export or download it again")


def shown(path: Path) -> str:
    """Return a path fit for a message: no control characters, no undecodable bytes."""
    text = str(path).encode("utf-8", "backslashreplace").decode()
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
