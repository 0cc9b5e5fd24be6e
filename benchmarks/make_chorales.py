"""Render Bach's chorales with their keys: music nobody here composed, to fit and check keys on.

Usage: python benchmarks/make_chorales.py FOLDER [--count N]

Scores are those that come with music21 (``pip install music21``). The key is the signature's, major
or minor as the last bass note says; a chorale that ends elsewhere is left out. Each is transposed,
so that all keys occur, and played by fluidsynth on one of six instruments.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from corpus.render import find_font

PITCHES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
PROGRAMS = (0, 19, 24, 48, 52, 56)  # piano, organ, guitar, strings, choir, trumpet
TICKS = 480
LONGEST_S = 45

Note = tuple[float, float, int]
"""Start and end in quarters, MIDI number."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=90)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    font, rng = find_font(), random.Random(5)  # noqa: S311 - composes, guards nothing
    for number, (notes, tonic, mode) in zip(range(chosen.count), chorales(rng), strict=False):
        up, bpm = rng.randrange(-5, 7), rng.choice([70, 80, 90, 100])
        name = f"chorale-{number:03d}"
        shifted = [(start, end, pitch + up) for start, end, pitch in notes]
        render(shifted, bpm, rng.choice(PROGRAMS), chosen.folder / f"{name}.wav", font)
        key = f"{PITCHES[(tonic + up) % 12]} {mode}"
        labels = json.dumps({"file": f"{name}.wav", "key": key})
        (chosen.folder / f"{name}.json").write_text(labels)


def chorales(rng: random.Random) -> Iterator[tuple[list[Note], int, str]]:
    from music21 import corpus

    paths = [path for path in corpus.getComposer("bach") if "bwv" in str(path)]
    rng.shuffle(paths)
    for path in paths:
        parts = corpus.parse(path).parts
        found = key_of(parts) if len(parts) == 4 else None
        if found is not None:
            yield (list(notes_of(parts)), *found)


def key_of(parts: Sequence[Any]) -> tuple[int, str] | None:
    from music21.key import KeySignature

    signature = parts[0].flatten().getElementsByClass(KeySignature).first()
    bass = list(parts[3].flatten().notes)
    if signature is None or not bass:
        return None
    last, major = bass[-1].pitches[0].pitchClass, 7 * signature.sharps % 12
    if last == major:
        return major, "major"
    return (last, "minor") if last == (major + 9) % 12 else None


def notes_of(parts: Sequence[Any]) -> Iterator[Note]:
    for part in parts:
        for it in part.flatten().notes:
            start = float(it.offset)
            for pitch in it.pitches:
                yield start, start + 0.95 * float(it.quarterLength), pitch.midi


def render(notes: Sequence[Note], bpm: int, program: int, path: Path, font: Path) -> None:
    limit = LONGEST_S * bpm / 60
    events = [(0, 0, bytes([0xC0, program]))]
    for start, end, pitch in notes:
        if start < limit:
            events.append((round(start * TICKS), 2, bytes([0x90, pitch, 90])))
            events.append((round(end * TICKS), 1, bytes([0x80, pitch, 0])))
    track, now = b"\x00\xff\x51\x03" + round(60e6 / bpm).to_bytes(3, "big"), 0
    for tick, _, message in sorted(events):
        track += variable_length(tick - now) + message
        now = tick
    track += b"\x00\xff\x2f\x00"
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    with tempfile.NamedTemporaryFile(suffix=".mid") as score:
        score.write(head + b"MTrk" + struct.pack(">I", len(track)) + track)
        score.flush()
        command = ["fluidsynth", "-n", "-i", "-q", "-g", "0.5", "-r", "44100", "-F", str(path)]
        subprocess.run([*command, str(font), score.name], check=True, stdout=subprocess.DEVNULL)


def variable_length(value: int) -> bytes:
    parts = [value & 127]
    while value := value >> 7:
        parts.append(128 | (value & 127))
    return bytes(reversed(parts))


if __name__ == "__main__":
    main()
