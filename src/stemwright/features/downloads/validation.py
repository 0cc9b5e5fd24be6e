"""Whether a file is a song: large enough, of a known kind, and it decodes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stemwright.audio.decode import SongFile
from stemwright.errors import DownloadedFileInvalid, InputError

LEAST_BYTES: Final = 1024
_SIGNATURES: Final = (
    *(b"\xff\xfb", b"\xff\xfa", b"\xff\xf3", b"\xff\xf2"),
    *(b"ID3", b"RIFF", b"fLaC", b"OggS"),
)


def check_song(path: Path, name: str) -> None:
    """Refuse what is no song.

    Raises
    ------
    DownloadedFileInvalid

    """
    size = path.stat().st_size
    if size < LEAST_BYTES:
        raise DownloadedFileInvalid(f"{name} came out as {size} bytes, which is no song.")
    with path.open("rb") as file:
        head = file.read(4)
    if not head.startswith(_SIGNATURES):
        raise DownloadedFileInvalid(f"{name} came out as a file that is neither MP3 nor FLAC.")
    try:
        block = next(SongFile(path).blocks(), None)
    except InputError as error:
        raise DownloadedFileInvalid(f"{name} came out as a file that does not decode.") from error
    if block is None:
        raise DownloadedFileInvalid(f"{name} came out as a file without a sound.")
