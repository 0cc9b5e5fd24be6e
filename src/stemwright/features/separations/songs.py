"""Which songs a command line means: files as given, folders searched for audio."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from .records import owned_paths

AUDIO_EXTENSIONS: Final = frozenset(
    {
        *("aac", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "au", "caf", "dts", "flac"),
        *("m4a", "m4b", "mka", "mp2", "mp3", "mpc", "oga", "ogg", "opus", "ra", "snd", "tta"),
        *("w64", "wav", "wave", "wma", "wv"),
        *("avi", "flv", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "ogv", "ts", "webm", "wmv"),
    }
)


def find_songs(given: Iterable[Path]) -> list[Path]:
    """List the songs meant by files and folders, each once.

    A file is taken as it is, even if it is missing: that is then the song's own error. A folder is
    searched through all its levels in sorted order for files with an audio or video extension;
    hidden files, hidden folders and stems that an earlier run made are left out.
    """
    found: dict[Path, Path] = {}
    for path in given:
        for song in _songs_in(path) if _is_folder(path) else [path]:
            found.setdefault(Path(os.path.abspath(song)), song)
    return list(found.values())


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _songs_in(top: Path) -> Iterator[Path]:
    made: set[Path] = set()
    for folder, subfolders, files in os.walk(top):
        # A record lies at or above its stems, so it is met before they are.
        made |= owned_paths(Path(folder), files)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            if is_song_name(name) and Path(os.path.abspath(folder), name) not in made:
                yield Path(folder, name)


def is_song_name(name: str) -> bool:
    """Whether a file found in a folder is to be taken for a song."""
    return not name.startswith(".") and Path(name).suffix[1:].lower() in AUDIO_EXTENSIONS
