"""MP3 at a constant bitrate, by LAME, with the headers that make players gapless.

lameenc writes neither tags nor the frame in which LAME tells its delay, so both are written here:
an ID3v2.3 tag, then an "Info" frame as described in "Mp3 Info Tag revision 1" (Gabriel Bouvigne)
with the encoder's delay and padding, from which decoders restore the length to the sample.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

import lameenc
import numpy as np
from numpy.typing import NDArray

from .id3 import write_id3
from .quantise import quantise
from .tags import Tags

# Of 0 (best) to 9: 7 takes a quarter of the time of 2; at 128 kbit/s and up differences lie in
# psychoacoustic detail. Four stems of four minutes: 7 takes a few seconds, 2 about twenty.
_QUALITY = 7
_ENCODER_DELAY = 576
_FRAME_SAMPLES = 1152
_HEADER_BYTES = 4
_SIDE_INFO_BYTES = {1: 17, 2: 32}


class Mp3Encoder:
    """MPEG-1 layer III, constant bitrate, joint stereo or mono.

    Samples reach LAME as 16-bit integers, clipped beyond ±1; that grid lies far below what the
    codec keeps. The decoder gets back exactly as many frames as were written.
    """

    def __init__(
        self, file: BinaryIO, bitrate_kbps: int, sample_rate: int, channels: int, tags: Tags
    ) -> None:
        self._file, self._channels = file, channels
        self._lame = _lame(bitrate_kbps, sample_rate, channels)
        self._frames = self._mp3_bytes = 0
        self._first_header = b""
        self._frame_bytes = 144 * bitrate_kbps * 1000 / sample_rate
        file.write(write_id3(tags))
        self._info_at = file.tell()
        file.write(bytes(int(self._frame_bytes)))

    def write(self, block: NDArray[np.float32]) -> None:
        if block.shape[1]:
            interleaved = np.ascontiguousarray(quantise(block, 16).T, dtype="<i2")
            self._append(bytes(self._lame.encode(interleaved.tobytes())))
            self._frames += block.shape[1]

    def close(self) -> None:
        if not self._frames:
            # LAME without input writes nothing, and a file without frames is no mp3.
            self._append(bytes(self._lame.encode(bytes(4 * _FRAME_SAMPLES * self._channels))))
        self._append(bytes(self._lame.flush()))
        end = self._file.tell()
        self._file.seek(self._info_at)
        self._file.write(self._info_frame())
        self._file.seek(end)
        self._file.flush()

    def _append(self, piece: bytes) -> None:
        if len(self._first_header) < _HEADER_BYTES:
            self._first_header = (self._first_header + piece)[:_HEADER_BYTES]
        self._file.write(piece)
        self._mp3_bytes += len(piece)

    def _info_frame(self) -> bytes:
        mp3_frames = round(self._mp3_bytes / self._frame_bytes)
        padding = mp3_frames * _FRAME_SAMPLES - _ENCODER_DELAY - self._frames
        size = int(self._frame_bytes)
        header = bytearray(self._first_header)
        header[2] &= ~0x02  # this frame has no padding byte
        frame = bytes(header) + bytes(_SIDE_INFO_BYTES[self._channels])
        frame += b"Info" + struct.pack(">III", 0x0F, mp3_frames, self._mp3_bytes + size)
        frame += bytes(k * 256 // 100 for k in range(100)) + struct.pack(">I", 50)
        frame += _lame_extension(min(max(padding, 0), 0xFFF), self._mp3_bytes + size)
        return (frame + struct.pack(">H", _crc16(frame))).ljust(size, b"\0")


def _lame(bitrate_kbps: int, sample_rate: int, channels: int) -> lameenc.Encoder:
    lame = lameenc.Encoder()
    lame.silence()
    lame.set_bit_rate(bitrate_kbps)
    lame.set_in_sample_rate(sample_rate)
    lame.set_out_sample_rate(sample_rate)
    lame.set_channels(channels)
    lame.set_quality(_QUALITY)
    return lame


def _lame_extension(padding: int, music_bytes: int) -> bytes:
    """Return LAME's 34 bytes before the tag's checksum; gains and the music's checksum unset."""
    delay_and_padding = (_ENCODER_DELAY << 12 | padding).to_bytes(3, "big")
    constant_bitrate = b"\x01"
    unset_lowpass_and_gains = bytes(9)
    flags_and_bitrate = b"\0\xff"
    return (
        b"LAME3.100"
        + constant_bitrate
        + unset_lowpass_and_gains
        + flags_and_bitrate
        + delay_and_padding
        + bytes(4)
        + struct.pack(">IH", music_bytes, 0)
    )


def _crc16(raw: bytes) -> int:
    """CRC-16/ARC, as the Info tag asks for."""
    crc = 0
    for byte in raw:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc
