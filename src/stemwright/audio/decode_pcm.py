"""Decoding by libsndfile: wav, aiff, flac and their kin, exact to the bit and quick to start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from .flac import read_flac_tags
from .info import AudioInfo, SourceBits, check_plausible, empty, unreadable
from .tags import Tags
from .wav import read_wav_tags

_BITS: dict[str, SourceBits] = {
    "PCM_S8": 8,
    "PCM_U8": 8,
    "PCM_16": 16,
    "PCM_24": 24,
    "PCM_32": 32,
    "ALAC_16": 16,
    "ALAC_20": 24,
    "ALAC_24": 24,
    "ALAC_32": 32,
}
_CONTAINERS = {"WAVEX": "wav"}
_UNKNOWN_FRAMES = 1 << 62


def probe(file: BinaryIO, path: Path) -> AudioInfo:
    """Read the header. Raises `UnreadableAudio` or `EmptyAudio` if that is hopeless."""
    with _opened(file, path) as song:
        check_plausible(path, song.samplerate, song.channels)
        if song.frames == 0:
            raise empty(path)
        frames = song.frames if 0 <= song.frames < _UNKNOWN_FRAMES else None
        return AudioInfo(
            path=path,
            container=_CONTAINERS.get(song.format, song.format.lower()),
            codec="flac" if song.format == "FLAC" else song.subtype.lower(),
            sample_rate=song.samplerate,
            channels=song.channels,
            frames=frames,
            duration_s=None if frames is None else frames / song.samplerate,
            bit_depth=_BITS.get(song.subtype),
            is_float=song.subtype in {"FLOAT", "DOUBLE"},
            tags=_tags(file, song.format),
        )


def read_blocks(file: BinaryIO, path: Path, frames: int) -> Iterator[NDArray[np.float32]]:
    """Yield ``[channels, <=frames]`` float32 from the start of the file.

    Integer samples are divided by ``2**(bits - 1)``, which float32 holds exactly up to 24 bits;
    floats pass unscaled. Raises `UnreadableAudio` where libsndfile gives up; blocks before that
    point have been yielded.
    """
    with _opened(file, path) as song:
        while True:
            try:
                block = song.read(frames, dtype="float32", always_2d=True)
            except soundfile.SoundFileError as error:
                raise unreadable(path, f"it is damaged ({_reason(error)})") from error
            if not len(block):
                return
            yield np.ascontiguousarray(block.T)


def _opened(file: BinaryIO, path: Path) -> soundfile.SoundFile:
    file.seek(0)
    try:
        # A descriptor, not a name: libsndfile looks at no other file (SD2 resource forks).
        return soundfile.SoundFile(file.fileno(), closefd=False)
    except (soundfile.SoundFileError, TypeError, ValueError) as error:
        raise unreadable(path, f"its header makes no sense ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip().rstrip(".")


def _tags(file: BinaryIO, container: str) -> Tags:
    if container == "FLAC":
        return read_flac_tags(file)
    return read_wav_tags(file) if container in {"WAV", "WAVEX", "RF64", "AIFF"} else Tags()
