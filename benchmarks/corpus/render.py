"""Pieces made audible by fluidsynth and the FluidR3 sound font."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from .midi import midi_bytes
from .score import PARTS, Part, Piece

_FONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/soundfonts/FluidR3_GM.sf2"),
)
_RATE = 44_100
_MISSING = "rendering needs: apt install fluidsynth fluid-soundfont-gm"


def can_render() -> bool:
    """Whether fluidsynth and its sound font are installed."""
    return shutil.which("fluidsynth") is not None and any(font.exists() for font in _FONTS)


def find_font() -> Path:
    found = next((font for font in _FONTS if font.exists()), None)
    if found is None:
        raise SystemExit(_MISSING)
    return found


def _fluidsynth() -> str:
    program = shutil.which("fluidsynth")
    if program is None:
        raise SystemExit(_MISSING)
    return program


def write_piece(piece: Piece, folder: Path, font: Path, *, stems: bool = False) -> None:
    """Write the piece as flac, and its parts beside it as ``name.<part>.flac`` where asked."""
    sound, gain = _levelled(piece, played(piece, PARTS, font))
    _write(piece, sound, folder / f"{piece.name}.flac")
    if stems:
        for part in sorted({note.part for note in piece.notes}):
            sound = played(piece, [part], font) * gain
            _write(piece, sound, folder / f"{piece.name}.{part}.flac")


def played(piece: Piece, parts: Collection[Part], font: Path) -> NDArray[np.float32]:
    """``[frames, 2]`` at 44.1 kHz, as long as the piece."""
    with tempfile.TemporaryDirectory() as scratch:
        score, sound = Path(scratch) / "piece.mid", Path(scratch) / "piece.wav"
        score.write_bytes(midi_bytes(piece, parts))
        switches = f"""
            -n -i -q -g 0.5 -r {_RATE} -T wav -O float
            -o synth.reverb.active={"yes" if piece.reverb else "no"}
            -o synth.chorus.active=no
            -o synth.dynamic-sample-loading=yes
        """
        command = [_fluidsynth(), *switches.split(), "-F", str(sound), str(font), str(score)]
        subprocess.run(command, check=True, capture_output=True)
        samples, _ = soundfile.read(sound, dtype="float32", always_2d=True)
    frames = round(_RATE * piece.labels()["duration_s"])
    return np.pad(samples, ((0, max(frames - len(samples), 0)), (0, 0)))[:frames]


def _levelled(piece: Piece, sound: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    gain = piece.level / max(float(np.abs(sound).max()), 1e-6)
    return sound * np.float32(gain), gain


def _write(piece: Piece, sound: NDArray[np.float32], path: Path) -> None:
    if piece.channels == 1:
        sound = sound.mean(axis=1, keepdims=True)
    if piece.sample_rate != _RATE:
        sound = soxr.resample(sound, _RATE, piece.sample_rate)
    soundfile.write(path, np.clip(sound, -1, 1), piece.sample_rate, subtype="PCM_16")
