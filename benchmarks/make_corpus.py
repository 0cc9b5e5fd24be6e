"""Write a set of composed pieces with exact labels: audio, ``name.json`` each, ``labels.csv``.

Usage: python benchmarks/make_corpus.py FOLDER [--seed N] [--count N] [--stems]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from corpus.sets import composed


def make_corpus(folder: Path, seed: int, count: int, *, stems: bool) -> None:
    """Render what is not there yet and list the answers."""
    pieces = composed(folder, seed, count, stems=stems)
    with (folder / "labels.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "bpm", "key"])
        for answers in pieces.songs.values():
            writer.writerow([answers["file"], answers["bpm"], answers["key"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--stems", action="store_true", help="also each part for itself")
    chosen = parser.parse_args()
    make_corpus(chosen.folder, chosen.seed, chosen.count, stems=chosen.stems)


if __name__ == "__main__":
    main()
