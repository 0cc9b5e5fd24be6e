"""What the stems of a song are written as: chosen by the user, else by the song."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from stemwright.audio.encode import BitDepth, Bitrate, Encoding
from stemwright.audio.encode import Format as FormatName
from stemwright.errors import OptionError

from .render import OutputGrid

if TYPE_CHECKING:
    from stemwright.audio.decode import AudioInfo

_STEPS: Final[dict[BitDepth | None, float]] = {"16": 2.0**-15, "24": 2.0**-23}


@dataclass(frozen=True, slots=True)
class Format:
    """The user's choice; ``bit_depth`` ``None`` means the song's own."""

    format: FormatName = "wav"
    bit_depth: BitDepth | None = None
    bitrate_kbps: Bitrate | None = None

    def check(self, *, exact_sum: bool) -> None:
        """Refuse combinations that cannot be meant.

        Raises
        ------
        OptionError

        """
        if self.format == "mp3" and self.bit_depth is not None:
            raise OptionError("--bit-depth has no meaning for mp3; use --bitrate, or wav or flac")
        if self.format != "mp3" and self.bitrate_kbps is not None:
            raise OptionError(f"--bitrate has no meaning for {self.format}; it needs --format mp3")
        if self.format == "flac" and self.bit_depth == "32f":
            raise OptionError("flac holds no floating point; use --bit-depth 24, or --format wav")
        if self.format == "mp3" and exact_sum:
            raise OptionError("mp3 changes samples, so no sum of it is exact; use wav or flac")


def encoding_for(info: AudioInfo, chosen: Format) -> Encoding:
    """The encoding of a song's stems.

    Left to the song, the bit depth is its own: 16 for up to 16 bits and for lossy songs, 24 above,
    float for float (24 in FLAC, which has none).
    """
    if chosen.format == "mp3":
        return Encoding("mp3", None, chosen.bitrate_kbps or 320)
    return Encoding(chosen.format, chosen.bit_depth or _own_depth(info, chosen.format))


def _own_depth(info: AudioInfo, file_format: str) -> BitDepth:
    if info.is_float:
        return "24" if file_format == "flac" else "32f"
    return "24" if (info.bit_depth or 16) > 16 else "16"


def output_grid(info: AudioInfo, frames: int, encoding: Encoding) -> OutputGrid:
    """The song's own rate and length, mono or stereo; another rate only if the format needs it."""
    rate = encoding.output_rate(info.sample_rate)
    length = round(frames * rate / info.sample_rate)
    return OutputGrid(rate, min(info.channels, 2), length, _STEPS.get(encoding.bit_depth))
