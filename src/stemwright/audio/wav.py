"""WAV: written with tags and beyond 4 GiB, and its tags read.

Written by us rather than by libsndfile because that one has no ID3 chunk, hence no covers, and
must be told in advance that a file will outgrow 4 GiB. RF64 after EBU Tech 3306.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from .id3 import read_id3, write_id3
from .quantise import quantise
from .tags import MAX_COVER_BYTES, Tags, decode_text, tags_from

_INFO = {
    "title": b"INAM",
    "artist": b"IART",
    "album": b"IPRD",
    "date": b"ICRD",
    "track": b"ITRK",
    "genre": b"IGNR",
    "comment": b"ICMT",
}
_FIELDS = {key: name for name, key in _INFO.items()} | {b"IPRT": "track"}
_PCM, _FLOAT = 1, 3
_DS64_BYTES = 28
_SMALL_BYTES = 2 << 30
_MAX_RIFF_BYTES = 0xFFFFFFFF
_MAX_CHUNKS = 4096


class WavEncoder:
    """Linear PCM of 16 or 24 bits, or 32-bit float (unclipped).

    The classic 44-byte header when ``expected_frames`` stays under 2 GiB, else one with room for
    the RF64 sizes, used only if the file does pass 4 GiB. Tags follow the samples: as LIST/INFO in
    UTF-8, and as ID3 for the cover, the album artist and programs that expect another encoding.
    """

    def __init__(
        self,
        file: BinaryIO,
        bits: Literal[16, 24, 32],
        sample_rate: int,
        channels: int,
        tags: Tags,
        expected_frames: int | None,
    ) -> None:
        self._file, self._bits, self._tags = file, bits, tags
        self._frame_bytes = channels * bits // 8
        self._rate, self._channels = sample_rate, channels
        small = expected_frames is not None and expected_frames * self._frame_bytes < _SMALL_BYTES
        self._reserved = not small
        self._data_bytes = 0
        file.write(self._header(0))

    def write(self, block: NDArray[np.float32]) -> None:
        raw = _pack(block, self._bits)
        self._file.write(raw.data)
        self._data_bytes += raw.nbytes

    def close(self) -> None:
        self._file.write(b"\0" * (self._data_bytes % 2))
        self._file.write(_info_chunk(self._tags) + _chunk(b"id3 ", write_id3(self._tags)))
        self._file.flush()
        riff_bytes = self._file.tell() - 8
        self._file.seek(0)
        self._file.write(self._header(riff_bytes))
        self._file.seek(0, os.SEEK_END)

    def _header(self, riff_bytes: int) -> bytes:
        large = riff_bytes > _MAX_RIFF_BYTES
        if large and not self._reserved:
            raise OSError(27, "the song outgrew the 4 GiB that its stated length allowed for")
        frames = self._data_bytes // self._frame_bytes
        sizes = struct.pack("<QQQI", riff_bytes, self._data_bytes, frames, 0)
        room = _chunk(b"ds64", sizes) if large else _chunk(b"JUNK", bytes(_DS64_BYTES))
        top = _MAX_RIFF_BYTES if large else riff_bytes
        return (
            (b"RF64" if large else b"RIFF")
            + struct.pack("<I4s", top, b"WAVE")
            + (room if self._reserved else b"")
            + self._format_chunks(frames)
            + b"data"
            + struct.pack("<I", _MAX_RIFF_BYTES if large else self._data_bytes)
        )

    def _format_chunks(self, frames: int) -> bytes:
        code = _FLOAT if self._bits == 32 else _PCM
        byte_rate = self._rate * self._frame_bytes
        fields = (code, self._channels, self._rate, byte_rate, self._frame_bytes, self._bits)
        form = struct.pack("<HHIIHH", *fields)
        if code == _PCM:
            return _chunk(b"fmt ", form)
        count = struct.pack("<I", min(frames, _MAX_RIFF_BYTES))
        return _chunk(b"fmt ", form + b"\0\0") + _chunk(b"fact", count)


def read_wav_tags(file: BinaryIO) -> Tags:
    """Read LIST/INFO and ID3 chunks of a RIFF, RF64 or AIFF file; ID3 has precedence."""
    info, id3 = Tags(), Tags()
    for name, body in _tag_chunks(file):
        if name == b"LIST" and body[:4] == b"INFO":
            info = tags_from(_info_texts(body[4:]))
        elif name in {b"id3 ", b"ID3 "}:
            id3 = read_id3(body)
    return tags_from(info.texts() | id3.texts(), id3.cover)


def _pack(block: NDArray[np.float32], bits: Literal[16, 24, 32]) -> NDArray[np.generic]:
    """Interleave ``[channels, frames]`` as little-endian samples of ``bits`` bits."""
    if bits == 32:
        return np.ascontiguousarray(block.T, dtype="<f4")
    integers = quantise(block, bits).T
    if bits == 16:
        return np.ascontiguousarray(integers, dtype="<i2")
    four_bytes = np.ascontiguousarray(integers, dtype="<i4").view(np.uint8)
    return np.ascontiguousarray(four_bytes.reshape(-1, 4)[:, :3])


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2) if body else b""


def _info_chunk(tags: Tags) -> bytes:
    texts = {k: v for k, v in tags.texts().items() if k in _INFO}
    fields = b"".join(_chunk(_INFO[k], v.encode() + b"\0") for k, v in texts.items())
    return _chunk(b"LIST", b"INFO" + fields) if fields else b""


def _info_texts(body: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    at = 0
    while at + 8 <= len(body):
        size = int.from_bytes(body[at + 4 : at + 8], "little")
        if name := _FIELDS.get(body[at : at + 4]):
            texts[name] = decode_text(body[at + 8 : at + 8 + size].split(b"\0")[0])
        at += 8 + size + size % 2
    return texts


def _tag_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the chunks that may hold tags; others, and oversized ones, are skipped unread."""
    file.seek(0)
    head = file.read(12)
    order: Literal["little", "big"] = "big" if head[:4] == b"FORM" else "little"
    long_data = _rf64_data_bytes(file) if head[:4] == b"RF64" else None
    for _ in range(_MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            return
        name, size = header[:4], int.from_bytes(header[4:], order)
        if name == b"data" and long_data is not None:
            size = long_data
        following = file.tell() + size + size % 2
        if name in {b"LIST", b"id3 ", b"ID3 "} and size < 2 * MAX_COVER_BYTES:
            yield name, file.read(size)
        file.seek(following)


def _rf64_data_bytes(file: BinaryIO) -> int | None:
    start = file.tell()
    chunk = file.read(8 + _DS64_BYTES)
    file.seek(start)
    return struct.unpack_from("<Q", chunk, 16)[0] if chunk[:4] == b"ds64" else None
