"""Measure SDR per stem against true stems, next to stock demucs on the same weights.

    python benchmarks/bench_quality.py [FOLDER] [--only 'stemwright fast*']

FOLDER holds items ``ITEM/{mix,drums,bass,other,vocals,instrumental}.{wav,flac}`` at 44.1 kHz; an
item needs ``mix`` and is scored on the stems it has. Without FOLDER the item is the six seconds
of "The Easton Ellises - Falcon 69" that come with stempeg. ``instrumental`` is taken as mixture
minus vocals for every system.
"""

from __future__ import annotations

import argparse
import fnmatch
import math
import shutil
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from harness import candidates
from harness.candidates import Candidate
from harness.places import OUTPUTS, SCRATCH
from harness.processes import measure
from harness.report import print_json, print_table
from harness.sdr import Audio, frame_sdr, global_sdr
from harness.songs import RATE, excerpt_stems

STEMS = ("drums", "bass", "other", "vocals", "instrumental")
MEASURES = ("global", "frames")
FLOAT = ("--format", "wav", "--bit-depth", "32f", "--stems", "4")

Score = dict[str, float]
"""Of one stem by one system: {measure: dB}."""


@dataclass(frozen=True, slots=True)
class Item:
    """A mixture and the true stems known of it."""

    name: str
    mixture: Path
    true: dict[str, Path]


def main() -> None:
    options = _parse()
    items = _items(options.folder or _excerpt_folder())
    systems = [s for s in _systems() if _wanted(s, options.only)]
    scores = {system.name: _scores(system, items) for system in systems}
    reference = systems[0].name
    for measured in MEASURES:
        _print(measured, scores, reference)
    print_json(
        "quality",
        {
            "items": [item.name for item in items],
            "reference": reference,
            "mean_sdr_db": {name: _means(found) for name, found in scores.items()},
            "minus_reference_db": {
                name: _differences(found, scores[reference]) for name, found in scores.items()
            },
            "items_sdr_db": scores,
        },
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--only", nargs="+", default=["*"], help="names or patterns of systems")
    return parser.parse_args()


def _systems() -> list[Candidate]:
    stock = candidates.stock(candidates.STOCK_OVERLAP, 0, "--float")
    if stock.cannot_run:
        raise SystemExit(stock.cannot_run)
    return [
        stock,
        candidates.stemwright_on_stock_grid("f32", *FLOAT),
        candidates.stemwright_on_stock_grid("bf16", *FLOAT),
        *candidates.stemwright_tiers(["auto"], *FLOAT),
    ]


def _wanted(system: Candidate, patterns: Sequence[str]) -> bool:
    names = (candidates.STOCK, *patterns)
    return any(fnmatch.fnmatch(system.name, pattern) for pattern in names)


def _items(folder: Path) -> list[Item]:
    items = [item for path in sorted(folder.iterdir()) if (item := _item(path)) is not None]
    if not items:
        raise SystemExit(f"{folder} holds no ITEM/mix.wav or ITEM/mix.flac with true stems")
    return items


def _item(folder: Path) -> Item | None:
    found = {path.stem: path for path in folder.glob("*") if path.suffix in {".wav", ".flac"}}
    true = {stem: found[stem] for stem in STEMS if stem in found}
    if "mix" not in found or not true:
        return None
    if (rate := soundfile.info(found["mix"]).samplerate) != RATE:
        raise SystemExit(f"{found['mix']} has {rate} Hz; stock demucs is compared at {RATE} Hz")
    return Item(folder.name, found["mix"], true)


def _excerpt_folder() -> Path:
    folder = SCRATCH / "quality"
    item = folder / "excerpt"
    if not item.exists():
        item.mkdir(parents=True)
        for name, stem in excerpt_stems().items():
            soundfile.write(item / f"{name}.wav", stem.T, RATE, subtype="FLOAT")
    return folder


def _scores(system: Candidate, items: Iterable[Item]) -> dict[str, dict[str, Score]]:
    """Run one system on every item: {item: {stem: {measure: dB}}}."""
    scores = {}
    for item in items:
        output = OUTPUTS / "quality"
        shutil.rmtree(output, ignore_errors=True)
        run = measure(system.command(item.mixture, output), SCRATCH / "quality.log")
        if run.exit_code != 0:
            raise SystemExit(f"{system.name} on {item.name}: {run.error}")
        print(f"{item.name}: {system.name}: {run.seconds:.1f} s", file=sys.stderr, flush=True)
        scores[item.name] = _score(item, output)
    return scores


def _score(item: Item, output: Path) -> dict[str, Score]:
    mixture = _read(item.mixture)
    scores = {}
    for stem, path in item.true.items():
        true = _read(path)
        if stem == "instrumental":
            estimate = mixture - _read(output / "vocals.wav")
        else:
            estimate = _read(output / f"{stem}.wav")
        length = min(true.shape[1], estimate.shape[1])
        pair = true[:, :length], estimate[:, :length]
        measured = (global_sdr(*pair), frame_sdr(*pair, frame=RATE))
        if all(map(math.isfinite, measured)):  # not so for a stem that is silent all through
            scores[stem] = {n: round(db, 4) for n, db in zip(MEASURES, measured, strict=True)}
    return scores


def _read(path: Path) -> Audio:
    samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    stereo: Audio = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples
    return stereo.T


def _means(scores: dict[str, dict[str, Score]]) -> dict[str, Score]:
    """Average over items, per stem: {stem: {measure: dB}}, and over the model's stems as ``mean``.

    ``instrumental`` is not among those: it would count the errors of vocals twice.
    """
    found = {
        stem: _mean(known)
        for stem in STEMS
        if (known := [item[stem] for item in scores.values() if stem in item])
    }
    of_model = [score for stem, score in found.items() if stem != "instrumental"]
    found["mean"] = _mean(of_model or list(found.values()))
    return found


def _mean(scores: Sequence[Score]) -> Score:
    return {name: round(statistics.fmean(score[name] for score in scores), 4) for name in MEASURES}


def _differences(
    own: dict[str, dict[str, Score]], reference: dict[str, dict[str, Score]]
) -> dict[str, Score]:
    mine, theirs = _means(own), _means(reference)
    return {
        stem: {name: round(mine[stem][name] - theirs[stem][name], 4) for name in MEASURES}
        for stem in mine
    }


def _print(measured: str, scores: dict[str, dict[str, dict[str, Score]]], reference: str) -> None:
    titles = {
        "global": "Global SDR in dB, mean over items (in brackets: minus stock demucs)",
        "frames": "museval SDR in dB: median of 1 s frames, mean over items (minus stock demucs)",
    }
    means = {name: _means(found) for name, found in scores.items()}
    stems = list(means[reference])
    rows = []
    for name, found in scores.items():
        less = _differences(found, scores[reference])
        cells = [f"{means[name][s][measured]:.3f} ({less[s][measured]:+.3f})" for s in stems]
        rows.append([name, *cells])
    print_table(titles[measured], ["", *stems], rows)


if __name__ == "__main__":
    main()
