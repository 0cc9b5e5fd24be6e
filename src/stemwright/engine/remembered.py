"""A small JSON object in a file, which several processes read and change."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from stemwright.errors import OutputError
from stemwright.kit.files import AtomicFiles
from stemwright.kit.locks import file_lock

Change = Callable[[dict[str, Any]], None]


class Remembered:
    """What is read is whole, and of two changes at once none is lost."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """What is remembered; nothing where there is no file that can be read."""
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def change(self, change: Change) -> None:
        """Have ``change`` alter what is remembered.

        Raises
        ------
        OutputError
            The folder cannot be written.

        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_name(f".{self._path.name}.lock")
            with file_lock(lock, waiting=lambda: None):
                kept = self.read()
                change(kept)
                self._write(kept)
        except OutputError:
            raise
        except OSError as error:
            raise OutputError(
                f"Cannot write {self._path}: {error.strerror or error}. Make its folder writable, "
                f"or set STEMWRIGHT_MODELS_DIR to one that is."
            ) from error

    def _write(self, kept: dict[str, Any]) -> None:
        with AtomicFiles() as files:
            files.open(self._path).write(json.dumps(kept, indent=2).encode() + b"\n")
            files.commit()
