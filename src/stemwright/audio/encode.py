"""Encode stems: wav, flac and mp3, streamed block by block into an open file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import OptionError

from .tags import Tags

Format = Literal["wav", "flac", "mp3"]
BitDepth = Literal["16", "24", "32f"]
Bitrate = Literal[320, 192, 128]

# The bitrates offered exist only in MPEG-1 layer III, which knows these sample rates.
MP3_RATES = (32000, 44100, 48000)
_FLAC_MAX_RATE = 655350


@dataclass(frozen=True, slots=True)
class Encoding:
    """How stems are written. ``bit_depth`` of ``None`` is 16 for wav and flac; mp3 has none."""

    format: Format
    bit_depth: BitDepth | None = None
    bitrate_kbps: Bitrate = 320

    def __post_init__(self) -> None:
        if self.format not in {"wav", "flac", "mp3"}:
            raise OptionError(f"unknown format {self.format!r}; choose wav, flac or mp3")
        if self.bit_depth not in {None, "16", "24", "32f"}:
            raise OptionError(f"unknown bit depth {self.bit_depth!r}; choose 16, 24 or 32f")
        if self.format == "flac" and self.bit_depth == "32f":
            raise OptionError("flac holds no float samples; choose bit depth 24, or format wav")
        if self.format == "mp3" and self.bit_depth is not None:
            raise OptionError("mp3 has no bit depth; leave it out, or choose format wav or flac")
        if self.bitrate_kbps not in {320, 192, 128}:
            raise OptionError(f"unknown bitrate {self.bitrate_kbps}; choose 320, 192 or 128")

    @property
    def extension(self) -> str:
        """The file name's ending, with its dot."""
        return f".{self.format}"

    @property
    def sample_bits(self) -> Literal[16, 24, 32]:
        """Bits per sample as stored; 32 means float."""
        return 32 if self.bit_depth == "32f" else 24 if self.bit_depth == "24" else 16

    def output_rate(self, source_rate: int) -> int:
        """Return the sample rate to write for a source's rate; the caller resamples.

        wav and flac keep the source's rate. mp3 takes the nearest rate that keeps the whole band
        and a simple ratio where one exists: 96 to 48 kHz, 88.2 and 22.05 to 44.1, 8 and 16 to 32.
        """
        if self.format == "wav":
            return source_rate
        if self.format == "flac":
            return min(source_rate, _FLAC_MAX_RATE)
        if source_rate > MP3_RATES[-1]:
            return 44100 if source_rate % 44100 == 0 else 48000
        multiples = [rate for rate in MP3_RATES if rate % source_rate == 0]
        return multiples[0] if multiples else min(r for r in MP3_RATES if r >= source_rate)


class Encoder(Protocol):
    """A file being written; the file itself stays open for its owner to close."""

    def write(self, block: NDArray[np.float32]) -> None:
        """Append ``[channels, frames]``, nominally within ±1; integer formats clip beyond it."""

    def close(self) -> None:
        """Write what remains (lengths, checksums, trailing tags). Call once, last."""


def open_encoder(
    file: BinaryIO,
    encoding: Encoding,
    *,
    sample_rate: int,
    channels: int,
    tags: Tags | None = None,
    expected_frames: int | None = None,
) -> Encoder:
    """Begin a song in ``file``, which must be empty and seekable.

    ``expected_frames`` is a hint: it saves a wav the 36 bytes kept free for growth beyond 4 GiB.
    Raises `OptionError` for more than two channels or a rate the format cannot hold
    (see `Encoding.output_rate`); errors of ``file`` pass through.
    """
    if channels not in {1, 2}:
        raise OptionError(f"stems have one or two channels, not {channels}")
    if encoding.output_rate(sample_rate) != sample_rate:
        raise OptionError(f"{encoding.format} cannot hold {sample_rate} Hz; resample first")
    tags = tags or Tags()
    # Each format's module is loaded on demand: a wav should not wait for LAME or libsndfile.
    if encoding.format == "wav":
        from .wav import WavEncoder  # noqa: PLC0415

        return WavEncoder(file, encoding.sample_bits, sample_rate, channels, tags, expected_frames)
    if encoding.format == "flac":
        from .flac import FlacEncoder  # noqa: PLC0415

        bits: Literal[16, 24] = 24 if encoding.sample_bits == 24 else 16
        return FlacEncoder(file, bits, sample_rate, channels, tags)
    from .mp3 import Mp3Encoder  # noqa: PLC0415

    return Mp3Encoder(file, encoding.bitrate_kbps, sample_rate, channels, tags)
