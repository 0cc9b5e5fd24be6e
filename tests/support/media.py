"""Real media files for tests, written by libsndfile, by FFmpeg's encoders, or by hand."""

from __future__ import annotations

import itertools
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from stemwright.audio.decode import SongFile

Block = NDArray[np.float32]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def write_pcm(path: Path, block: Block, sample_rate: int = 44100, **options: str) -> Path:
    """Write wav, aiff, flac, w64, caf, … by libsndfile; options are soundfile's."""
    with soundfile.SoundFile(path, "w", sample_rate, block.shape[0], **options) as file:
        # In pieces: libsndfile's Vorbis encoder overflows its stack on minutes at once.
        for start in range(0, block.shape[1], 65536):
            file.write(block[:, start : start + 65536].T)
    return path


def write_lossy(
    path: Path,
    block: Block,
    sample_rate: int = 44100,
    *,
    codec: str,
    container: str | None = None,
    bit_rate: int | None = 192_000,
    tags: dict[str, str] | None = None,
    cover: bytes | None = None,
    video: bool = False,
    sample_format: str | None = None,
) -> Path:
    """Encode by FFmpeg's encoder ``codec`` in the container that the name's ending implies."""
    with av.open(str(path), "w", format=container) as output:
        output.metadata.update(tags or {})
        pictures = _add_video(output) if video else _add_cover(output, cover) if cover else []
        stream = output.add_stream(codec, rate=sample_rate, layout=LAYOUTS[block.shape[0]])
        if sample_format:
            stream.format = sample_format
        if bit_rate:
            stream.bit_rate = bit_rate
        for packet in itertools.chain(pictures, _encoded(stream, block, sample_rate)):
            output.mux(packet)
    return path


def _encoded(stream, block, sample_rate):
    # The encoder's own sample format; PyAV cuts frames to the encoder's size.
    resampler = av.AudioResampler(stream.codec_context.format.name, stream.layout.name, sample_rate)
    for start in range(0, block.shape[1], 8192):
        # Packed, as PyAV 18 miscounts the planes of eight channels.
        piece = np.ascontiguousarray(block[:, start : start + 8192].T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(piece, "flt", LAYOUTS[block.shape[0]])
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, start, Fraction(1, sample_rate)
        for converted in resampler.resample(frame):
            yield from stream.encode(converted)
    for converted in resampler.resample(None):
        yield from stream.encode(converted)
    yield from stream.encode(None)


def _add_video(output):
    stream = output.add_stream("mpeg4", rate=10)
    stream.width = stream.height = 32
    for k in range(5):
        picture = np.full((32, 32, 3), 40 * k, dtype=np.uint8)
        yield from stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24"))
    yield from stream.encode(None)


def _add_cover(output, cover: bytes):
    stream = output.add_stream("png")
    stream.width = stream.height = 2
    stream.pix_fmt = "rgb24"
    stream.disposition = av.stream.Disposition.attached_pic
    packet = av.Packet(cover)
    packet.stream, packet.time_base, packet.pts = stream, Fraction(1, 90000), 0
    return [packet]


def png_cover() -> bytes:
    """Return a real 2 by 2 PNG."""
    rows = b"".join(b"\0" + bytes([255, 0, 0, 0, 0, 255]) for _ in range(2))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
            (b"IEND", b""),
        )
    )


def wav_header(
    *,
    channels: int = 2,
    sample_rate: int = 44100,
    bits: int = 16,
    data_bytes: int = 0,
    code: int = 1,
) -> bytes:
    """Return a 44-byte WAV header with whatever claims are asked for."""
    frame_bytes = channels * bits // 8
    form = struct.pack(
        "<HHIIHH", code, channels, sample_rate, sample_rate * frame_bytes, frame_bytes, bits
    )
    size = struct.pack("<I", (36 + data_bytes) & 0xFFFFFFFF)
    return (
        b"RIFF" + size + b"WAVEfmt " + struct.pack("<I", 16) + form
        + b"data" + struct.pack("<I", data_bytes)
    )  # fmt: skip


def decode(path: Path, frames: int = 65536) -> Block:
    """Decode a whole (short) song by the code under test."""
    return np.concatenate(list(SongFile(path).blocks(frames)), axis=1)
