"""What an installed model looks like on disk, and the note left beside it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .model import Model

RECORD = "record.json"


@dataclass(frozen=True, slots=True)
class InstalledRecord:
    """Where an installed model came from; ``record.json``."""

    model: str
    source: str
    source_sha256: str
    sha256: str
    """Of the installed file; of a bag, the checksum of its files' checksums."""
    size_bytes: int
    installed_at: str
    licence: str
    licence_accepted: bool
    """Its terms were put before whoever pulled, who went on."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Checksum of each installed file."""


def installed_files(model: Model) -> list[str]:
    """Names of the files in an installed model's folder, without the record."""
    return [network.installed_file for network in model.networks]


def weights_in(home: Path, model: Model) -> Path:
    """What to load: the file, or of a bag of models the folder with its files."""
    return home if len(model.networks) > 1 else home / model.networks[0].installed_file


def combined(checksums: Mapping[str, str]) -> str:
    """One checksum for several; of a single one, itself."""
    if len(checksums) == 1:
        return next(iter(checksums.values()))
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(checksums.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def write_record(home: Path, record: InstalledRecord) -> None:
    """Leave the note in an installed model's folder."""
    (home / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")


def size_of(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


def sync(*paths: Path) -> None:
    """Bring files and folders to the disk, so that a power cut leaves no empty model behind."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_record(home: Path) -> InstalledRecord | None:
    """Read the note; None where there is none that can be read."""
    try:
        return InstalledRecord(**json.loads((home / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None
