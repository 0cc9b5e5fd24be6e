"""Decode any song a user has, as a stream of blocks, with one clear error for everything else.

The decoders are imported where they are needed: PyAV alone takes about 0.1 s, which neither a wav
nor ``--help`` should wait for.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import AudioTooLong, EmptyAudio, InputError, InputNotFound, UnreadableAudio

from .info import AudioInfo, empty, shown, unreadable

Block = NDArray[np.float32]

__all__ = ["AudioInfo", "SongFile"]

_HEAD_BYTES = 4096
_PLAYLISTS = (b"#extm3u", b"ffconcat", b"[playlist]", b"<asx", b"[reference]", b"<?wpl", b"<mpd")
_PAGES = (b"<!doctype html", b"<html", b"<head", b"<body")


class SongFile:
    """A song on disk, decoded from the start by every call of `blocks`.

    Only the one local file is ever read: no playlist, script or reference inside it is followed.
    Nothing stays open between calls, and memory is bounded by the block size whatever the length.

    Parameters
    ----------
    path
        A regular file, or a link to one.
    max_duration_s
        Longest song accepted, checked on what the file declares and on what it decodes to.

    Raises
    ------
    InputNotFound, UnreadableAudio, NoAudioStream, EmptyAudio, AudioTooLong
        Each naming the file, the reason and a remedy.

    """

    def __init__(self, path: Path, *, max_duration_s: float | None = None) -> None:
        self.path = path
        self._max_duration_s = max_duration_s
        with _opened(path) as file:
            self._identity = _identity(file)
            self._by_libsndfile, self.info = _probe(file, path)
        info = self.info
        if info.frames is not None:
            self._check_length(info.frames)

    def blocks(self, frames: int = 65536) -> Iterator[Block]:
        """Yield the song as ``[channels, <=frames]`` float32 blocks at its own sample rate.

        Full scale is ±1. Integer sources of 8 to 24 bits are exactly ``integer / 2**(bits - 1)``;
        lossy and float sources may exceed ±1. Samples that are not finite numbers (found in broken
        float files) are zeroed, since one of them would spoil a whole segment. Undecodable parts
        become silence of their length where the format says how long that is; a song that breaks
        off ends there. Every pass yields the same samples.

        Raises the errors of the class: `UnreadableAudio` also if the file changed since it was
        probed, `EmptyAudio` if nothing at all decodes, `AudioTooLong` as soon as that is known.
        """
        decoded = 0
        with _opened(self.path) as file:
            if _identity(file) != self._identity:
                raise unreadable(self.path, "it changed while it was being read", "try again")
            for block in self._decode(file, frames):
                decoded += block.shape[1]
                self._check_length(decoded)
                yield _finite(block)
        if not decoded:
            raise self._nothing_decoded()

    def _decode(self, file: BinaryIO, frames: int) -> Iterator[Block]:
        if self._by_libsndfile:
            return self._decode_pcm(file, frames)
        from . import decode_av  # noqa: PLC0415

        return decode_av.read_blocks(file, self.info, frames)

    def _decode_pcm(self, file: BinaryIO, frames: int) -> Iterator[Block]:
        """Decode by libsndfile; where it gives up on a damaged flac, FFmpeg may find more."""
        from . import decode_pcm  # noqa: PLC0415

        done, failure = 0, None
        try:
            for block in decode_pcm.read_blocks(file, self.path, frames):
                done += block.shape[1]
                yield block
        except UnreadableAudio as error:
            failure = error
        if self.info.codec == "flac" and (failure or done < (self.info.frames or 0)):
            for block in self._rest_of_flac(file, frames, done):
                done += block.shape[1]
                yield block
        if failure and not done:
            raise failure

    def _rest_of_flac(self, file: BinaryIO, frames: int, done: int) -> Iterator[Block]:
        from . import decode_av  # noqa: PLC0415

        with contextlib.suppress(UnreadableAudio):
            for block in decode_av.read_blocks(file, self.info, frames):
                skipped = min(done, block.shape[1])
                done -= skipped
                if skipped < block.shape[1]:
                    yield np.ascontiguousarray(block[:, skipped:])

    def _nothing_decoded(self) -> InputError:
        if self.info.frames:
            return unreadable(self.path, "it breaks off before the first sound")
        return empty(self.path)

    def _check_length(self, frames: int) -> None:
        limit = self._max_duration_s
        if limit is not None and frames > limit * self.info.sample_rate:
            raise AudioTooLong(
                f"{shown(self.path)} is longer than the {_clock(limit)} allowed; "
                "cut it into parts, or raise the limit"
            )


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a regular file for reading; never blocks on a pipe, never touches a device."""
    try:
        _refuse_special(path, path.stat().st_mode)
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message = f"cannot open {shown(path)}: {reason}; check the name and its permissions"
        raise InputNotFound(message) from error
    with os.fdopen(descriptor, "rb") as file:
        # Again on the open file, as another may have taken its name in between.
        _refuse_special(path, os.fstat(descriptor).st_mode)
        yield file


def _refuse_special(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise unreadable(path, "it is a folder", "name the songs inside it")
    if not stat.S_ISREG(mode):
        raise unreadable(path, "it is a pipe, socket or device", "save the song to a file first")


def _identity(file: BinaryIO) -> tuple[int, ...]:
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _probe(file: BinaryIO, path: Path) -> tuple[bool, AudioInfo]:
    """Return whether libsndfile reads the file, and what its header says."""
    head = file.read(_HEAD_BYTES)
    if not head:
        raise empty(path)
    _refuse_text(path, head)
    failure: InputError | None = None
    if _suits_libsndfile(head):
        from . import decode_pcm  # noqa: PLC0415

        try:
            return True, decode_pcm.probe(file, path)
        except (UnreadableAudio, EmptyAudio) as error:
            failure = error
    from . import decode_av  # noqa: PLC0415

    try:
        return False, decode_av.probe(file, path)
    except UnreadableAudio as error:
        if head[4:8] == b"ftyp":
            reason = "it is damaged or incomplete (no index was found in this mp4 file)"
            failure = unreadable(path, reason)
        raise (failure or error) from error.__cause__


def _suits_libsndfile(head: bytes) -> bool:
    kind, form = head[:4], head[8:12]
    return (
        (kind in {b"RIFF", b"RIFX", b"RF64"} and form == b"WAVE")
        or (kind == b"FORM" and form in {b"AIFF", b"AIFC"})
        or kind in {b"fLaC", b"caff", b".snd", b"riff"}
    )


def _refuse_text(path: Path, head: bytes) -> None:
    """Name the usual impostors, so that the error says more than "invalid data"."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    if start.startswith(_PLAYLISTS):
        raise unreadable(path, "it is a playlist, not a song", "give the songs it lists instead")
    if start.startswith(_PAGES):
        raise unreadable(path, "it is a web page, not a song", "download the song itself")
    if _is_text(head):
        raise unreadable(path, "it is text, not a song", "choose an audio file")


def _is_text(head: bytes) -> bool:
    if any(byte < 0x20 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    # The head may end within a character of up to four bytes.
    whole = head[:-3] if len(head) == _HEAD_BYTES else head
    try:
        whole.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(head) == _HEAD_BYTES and error.start > len(whole) - 4
    return True


def _finite(block: Block) -> Block:
    if not np.isfinite(block).all():
        np.nan_to_num(block, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    return block


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
    )
