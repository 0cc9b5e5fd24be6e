"""Decoding by FFmpeg's libraries (PyAV): mp3, aac, ogg, opus, wma, video containers and the rest.

FFmpeg can follow references: playlists, concat scripts, MPEG-DASH, external tracks of QuickTime.
None of that may happen with a stranger's file, so the library gets an open Python file instead of
a name, a list of demuxers that read one file, no protocols, and a hook that refuses any request to
open something else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from numpy.typing import NDArray

from stemwright.errors import NoAudioStream

from .channels import SPEAKERS
from .id3 import first_frame_offset
from .info import AudioInfo, SourceBits, check_plausible, shown, unreadable
from .joining import BlockJoiner
from .tags import MAX_COVER_BYTES, Tags, tags_from

Block = NDArray[np.float32]

_DEMUXERS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,dtshd,eac3,flac,flv,loas,latm,"
    "matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,mlp,mxf,nut,ogg,oma,qoa,shn,tak,truehd,tta,voc,w64,wav,"
    "wv,xwma"
)
_OPTIONS = {
    "format_whitelist": _DEMUXERS,
    "protocol_whitelist": "none",
    "enable_drefs": "0",
}
_LOSSLESS = {"alac", "ape", "flac", "mlp", "shorten", "tak", "truehd", "tta", "wavpack"}
# Full scale of FFmpeg's integer sample formats; 24-bit audio sits in the upper bytes of s32.
_FULL_SCALE = {"u8": 1 << 7, "s16": 1 << 15, "s32": 1 << 31, "s64": 1 << 63}
_SAMPLE_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_MAX_CHANNELS = 8
_LAYOUTS = {1: "mono", 2: "stereo", 4: "quad", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_WITHOUT_LENGTH = {"aac", "ac3", "amr", "dts", "dtshd", "eac3", "latm", "loas", "mpeg", "mpegts"}
_SILENCE_STEP = 65536
_MAX_PADDING = 4096  # two frames of HE-AAC
_MAX_DEMUX_ERRORS = 32
_HOPELESS_AFTER = 200


def probe(file: BinaryIO, path: Path) -> AudioInfo:
    """Read the headers and find the first audio stream that can be decoded.

    Raises `NoAudioStream` for a container without one, `UnreadableAudio` for anything else.
    """
    file.seek(first_frame_offset(file))
    first_bytes = file.read(4096)
    with _opened(file, path) as container:
        stream = _audio_stream(container, path)
        context = stream.codec_context
        check_plausible(path, context.sample_rate, context.layout.nb_channels)
        if context.layout.nb_channels > _MAX_CHANNELS:
            reason = (
                f"it has {context.layout.nb_channels} channels, and {_MAX_CHANNELS} are the limit"
            )
            raise unreadable(path, reason, "convert it to a wav of fewer channels")
        seconds = _declared_seconds(container, stream)
        name = _container_name(container)
        exact = seconds if _states_length(name, first_bytes) else None
        return AudioInfo(
            path=path,
            container=name,
            codec=context.codec.canonical_name,
            sample_rate=context.sample_rate,
            channels=context.layout.nb_channels,
            frames=round(exact * context.sample_rate) if exact else None,
            duration_s=seconds,
            bit_depth=_bit_depth(stream),
            is_float=context.name.startswith("pcm_f"),
            tags=_tags(container, stream),
            positions=_positions(stream),
        )


def read_blocks(file: BinaryIO, info: AudioInfo, frames: int) -> Iterator[Block]:
    """Yield ``[channels, <=frames]`` float32 of the stream that `probe` chose, from its start.

    Encoder delay and padding that the file declares are trimmed by the decoder. Packets that do not
    decode become silence of their length, so what follows stays in place; a song that breaks off
    ends there. Where rate or layout change midway, the rest is converted to what it began with.
    Raises `UnreadableAudio` if hardly anything decodes.
    """
    joiner = BlockJoiner(info.channels, frames)
    with _opened(file, info.path) as container:
        stream = _audio_stream(container, info.path)
        stream.codec_context.thread_count = 1
        pieces = _pieces(container, stream, info)
        if info.container == "mp4" and info.frames is not None:
            pieces = _without_padding(pieces, info.frames)
        for piece in pieces:
            yield from joiner.add(piece)
    yield from joiner.rest()


@contextlib.contextmanager
def _opened(file: BinaryIO, path: Path) -> Iterator[InputContainer]:
    song = _Nameless(file, path.suffix)
    try:
        container = av.open(
            song,
            mode="r",
            container_options=_OPTIONS,
            metadata_errors="replace",
            io_open=_refuse,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise unreadable(path, "no decoder recognises it") from error
    with container:
        yield container
    if song.failure is not None:
        reason = f"reading it failed ({_reason(song.failure)})"
        raise unreadable(path, reason, "check the disk it is on") from song.failure


class _Nameless:
    """The song as FFmpeg sees it: bytes, and the ending of the name as a hint for detection.

    PyAV prints exceptions raised in its callbacks, so none are: a damaged header makes it seek
    anywhere, and a failing disk is kept in ``failure`` for later.
    """

    def __init__(self, file: BinaryIO, suffix: str) -> None:
        file.seek(0)
        self.name = "song" + "".join(c for c in suffix[:8] if c == "." or c.isalnum())
        self.failure: OSError | None = None
        self._file = file
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.failure = error
            return b""

    def seek(self, offset: int, whence: int) -> int:
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -1


def _refuse(url: str, _flags: int, _options: object) -> NoReturn:
    raise PermissionError(f"the file asks to open {url}")


def _audio_stream(container: InputContainer, path: Path) -> AudioStream:
    streams = container.streams.audio
    if not streams:
        raise NoAudioStream(
            f"{shown(path)} holds no audio ({_container_name(container)} file without a sound "
            "track); choose a file with sound"
        )
    for stream in streams:
        # A stream without a decoder has no context, whatever the type stubs say.
        context = getattr(stream, "codec_context", None)
        if context is not None and context.layout.nb_channels and context.sample_rate:
            return stream
    raise unreadable(path, "its audio is damaged, encrypted, or of an unknown codec")


def _pieces(container: InputContainer, stream: AudioStream, info: AudioInfo) -> Iterator[Block]:
    convert = _Converter(info)
    good = bad = gap_frames = 0
    for packet in _packets(container, stream):
        try:
            decoded = stream.codec_context.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            bad += 1
            if bad > _HOPELESS_AFTER and bad > 4 * good:
                raise unreadable(info.path, f"it is damaged ({_reason(error)})") from error
            gap_frames += _length(packet, stream)
            continue
        if decoded:
            # A gap is only filled once something follows: junk after the last frame is not music.
            yield from _silence(info.channels, gap_frames)
            gap_frames, good = 0, good + 1
        for frame in decoded:
            yield from convert(frame)
    yield from convert.rest()
    if bad > good:
        raise unreadable(info.path, "it is damaged: most of it does not decode")


def _without_padding(pieces: Iterator[Block], declared: int) -> Iterator[Block]:
    """Drop what the encoder appended to fill its last frame.

    MP4's edit list says how long the song is; FFmpeg applies its start only. A song that goes on
    for more than padding past its declared length is given whole: the declaration is wrong.
    """
    done = 0
    held: list[Block] = []
    for piece in pieces:
        inside = max(declared - done, 0)
        done += piece.shape[1]
        if done > declared + _MAX_PADDING:
            yield from (*held, piece)
            held = []
        else:
            yield piece[:, :inside]
            held.append(piece[:, inside:])


def _packets(
    container: InputContainer, stream: AudioStream
) -> Iterator[Packet[AudioStream] | None]:
    """Yield the stream's packets past a bounded number of demuxing errors, then ``None``."""
    for _ in range(_MAX_DEMUX_ERRORS):
        try:
            for packet in container.demux(stream):
                if packet.size:
                    yield packet
            break
        except (av.FFmpegError, OSError, ValueError):
            continue
    yield None


def _length(packet: Packet[AudioStream] | None, stream: AudioStream) -> int:
    """Return how many frames a packet says it holds; a second at most, as it may be lying."""
    if packet is None or not packet.duration or packet.time_base is None:
        return 0
    rate = stream.codec_context.sample_rate
    return min(max(round(packet.duration * packet.time_base * rate), 0), rate)


def _silence(channels: int, frames: int) -> Iterator[Block]:
    for start in range(0, frames, _SILENCE_STEP):
        yield np.zeros((channels, min(_SILENCE_STEP, frames - start)), dtype=np.float32)


class _Converter:
    """Frames to float32 arrays of the song's first rate and channel count."""

    def __init__(self, info: AudioInfo) -> None:
        self._info = info
        self._resampler: av.AudioResampler | None = None
        self._foreign: tuple[int, int] | None = None

    def __call__(self, frame: av.AudioFrame) -> Iterator[Block]:
        kind = (frame.sample_rate, frame.layout.nb_channels)
        if kind[1] > _MAX_CHANNELS:
            raise unreadable(self._info.path, f"it changes to {kind[1]} channels midway")
        if kind == (self._info.sample_rate, self._info.channels):
            yield from self.rest()
            yield _to_float(frame)
            return
        if kind != self._foreign:
            yield from self.rest()
            self._foreign, self._resampler = kind, self._new_resampler()
        yield from self._resampled(frame)

    def rest(self) -> Iterator[Block]:
        """Yield what a conversion that just ended still holds."""
        yield from self._resampled(None)
        self._resampler = self._foreign = None

    def _new_resampler(self) -> av.AudioResampler:
        layout = _LAYOUTS.get(self._info.channels, f"{self._info.channels}c")
        return av.AudioResampler("fltp", layout, self._info.sample_rate)

    def _resampled(self, frame: av.AudioFrame | None) -> list[Block]:
        if self._resampler is None:
            return []
        if frame is not None:
            frame.pts = None
        try:
            return [_to_float(part) for part in self._resampler.resample(frame)]
        except (av.FFmpegError, ValueError) as error:
            reason = f"its sample rate or channels change midway ({_reason(error)})"
            raise unreadable(self._info.path, reason) from error


def _to_float(frame: av.AudioFrame) -> Block:
    """Return ``[channels, frames]``; integers divided by their full scale, floats as they are."""
    channels = frame.layout.nb_channels
    name = frame.format.name.removesuffix("p")
    count = frame.samples if frame.format.is_planar else frame.samples * channels
    # Not frame.to_ndarray(): with eight planes or more, PyAV 18 takes what lies behind the array of
    # pointers for a further plane.
    planes = frame.planes[: channels if frame.format.is_planar else 1]
    kind = np.dtype(_SAMPLE_TYPES[name])
    raw = np.stack([np.frombuffer(memoryview(plane), kind, count) for plane in planes])
    if not frame.format.is_planar:
        raw = raw.reshape(-1, channels).T
    samples = raw.astype(np.float32)
    if name == "u8":
        samples -= np.float32(_FULL_SCALE[name])
    if name in _FULL_SCALE:
        samples *= np.float32(1 / _FULL_SCALE[name])
    return samples


def _container_name(container: InputContainer) -> str:
    first = container.format.name.split(",")[0]
    return {"mov": "mp4"}.get(first, first)


def _declared_seconds(container: InputContainer, stream: AudioStream) -> float | None:
    if stream.duration and stream.time_base and stream.duration > 0:
        return float(stream.duration * stream.time_base)
    if container.duration and container.duration > 0:
        return container.duration / av.time_base
    return None


def _states_length(container: str, first_bytes: bytes) -> bool:
    """Tell whether a duration is the file's word, not FFmpeg's guess from size and bitrate."""
    if container == "mp3":
        return any(mark in first_bytes for mark in (b"Xing", b"Info", b"VBRI"))
    return container not in _WITHOUT_LENGTH


def _bit_depth(stream: AudioStream) -> SourceBits | None:
    context = stream.codec_context
    codec = context.codec.canonical_name
    # A damaged header may leave the stream without a sample format until a frame decodes.
    width = getattr(context.format, "name", "").removesuffix("p")
    if codec in _LOSSLESS:
        return {"u8": 8, "s16": 16, "s32": 24}.get(width)  # type: ignore[return-value]  # literals
    if codec.startswith(("pcm_s", "pcm_u")):
        digits = codec.removeprefix("pcm_s").removeprefix("pcm_u").rstrip("belpanr_")
        return {"8": 8, "16": 16, "24": 24, "32": 32}.get(digits)  # type: ignore[return-value]  # literals
    return None


def _positions(stream: AudioStream) -> tuple[str, ...] | None:
    names = tuple(channel.name for channel in stream.codec_context.layout.channels)
    return names if len(set(names)) == len(names) and set(names) <= SPEAKERS else None


def _tags(container: InputContainer, stream: AudioStream) -> Tags:
    # Ogg keeps its comments on the stream, most others on the container.
    texts = {key.lower(): text for key, text in {**stream.metadata, **container.metadata}.items()}
    texts |= {"date": texts.get("date") or texts.get("year", "")}
    return tags_from(texts, _cover(container))


def _cover(container: InputContainer) -> bytes | None:
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            return _first_packet(container, stream)
    return None


def _first_packet(container: InputContainer, stream: Stream) -> bytes | None:
    """Return an attached picture; FFmpeg delivers it as the first packet of its own stream."""
    try:
        packet = next(iter(container.demux(stream)), None)
    except (av.FFmpegError, OSError, ValueError):
        return None
    return bytes(packet) if packet is not None and 0 < packet.size <= MAX_COVER_BYTES else None


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error).strip().rstrip(".")
