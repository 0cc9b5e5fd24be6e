"""Time stemwright against its peers: whole processes, from a song's file to WAV stems.

    python benchmarks/bench_speed.py [--runs 3] [--songs 60 240] [--only 'stemwright*' demucs]
    python benchmarks/bench_speed.py --models [NAME ...]

Every candidate separates every song once per round; the rounds interleave them, so that a machine
that slows down slows all of them. One untimed round on a short song comes first: it warms the
page cache and compiles what a second start would find cached.
"""

from __future__ import annotations

import argparse
import fnmatch
import shutil
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from harness import candidates
from harness.candidates import STOCK, Candidate
from harness.places import OUTPUTS, SCRATCH
from harness.processes import Run, measure
from harness.report import print_json, print_table
from harness.songs import song_of
from stemwright.engine.catalog import MODELS, QUALITIES

WARM_UP_S = 10.0

Runs = dict[str, list[Run]]


def main() -> None:
    options = _parse()
    candidates.prepare_peers()
    chosen = [c for c in _candidates(options) if _wanted(c, options.only)]
    able = [c for c in chosen if c.cannot_run is None]
    failed = {c.name: c.cannot_run for c in chosen if c.cannot_run is not None}
    if options.warm_up:
        able = [c for c in able if _warmed_up(c, options.song, failed)]
    songs = {}
    for length in options.songs:
        song = song_of(length, options.song)
        songs[length] = _figures(_timed(able, song, options.runs, failed), able, length)
    for length, figures in songs.items():
        _print(length, figures)
    for name, reason in failed.items():
        print(f"{name} cannot run here: {reason}")
    print_json(
        "speed",
        {
            "rounds": options.runs,
            "songs": {f"{s:g}": f for s, f in songs.items()},
            "cannot_run": failed,
        },
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3, help="timed rounds")
    parser.add_argument("--songs", type=float, nargs="+", default=[60.0, 240.0], metavar="SECONDS")
    parser.add_argument("--song", type=Path, help="repeat this file instead of stempeg's excerpt")
    parser.add_argument("--only", nargs="+", default=["*"], help="names or patterns, see --list")
    parser.add_argument("--runtimes", nargs="+", default=["openvino", "onnx"])
    parser.add_argument(
        "--models",
        nargs="*",
        metavar="NAME",
        help="these models (all, if none is named) beside stock demucs, and nothing else",
    )
    parser.add_argument("--no-warm-up", dest="warm_up", action="store_false")
    parser.add_argument("--list", action="store_true", help="list the candidates and stop")
    options = parser.parse_args()
    if options.list:
        print(*(c.name for c in _candidates(options)), sep="\n")
        raise SystemExit
    return options


def _candidates(options: argparse.Namespace) -> list[Candidate]:
    if options.models is None:
        return _all(options.runtimes)
    names = options.models or list(MODELS)
    vocals = [name for name in names if name == "htdemucs_ft"]
    return [*candidates.every_model(names), *candidates.every_model(vocals, "vocals")]


def _all(runtimes: Sequence[str]) -> list[Candidate]:
    fast = QUALITIES["fast"]
    return [
        candidates.stock(),
        candidates.stock(overlap=fast.overlap),
        candidates.stemwright_on_stock_grid("bf16"),
        candidates.stemwright_on_stock_grid("f32"),
        *candidates.stemwright_tiers(runtimes),
        *candidates.other_peers(),
    ]


def _wanted(candidate: Candidate, patterns: Sequence[str]) -> bool:
    return any(fnmatch.fnmatch(candidate.name, pattern) for pattern in patterns)


def _warmed_up(candidate: Candidate, source: Path | None, failed: dict[str, str]) -> bool:
    run = _run(candidate, song_of(WARM_UP_S, source))
    if run.exit_code != 0:
        failed[candidate.name] = run.error
    return run.exit_code == 0


def _timed(able: Sequence[Candidate], song: Path, rounds: int, failed: dict[str, str]) -> Runs:
    runs: Runs = {candidate.name: [] for candidate in able}
    for index in range(rounds):
        turn = index % max(1, len(able))
        for candidate in [*able[turn:], *able[:turn]]:
            run = _run(candidate, song)
            if run.exit_code == 0:
                runs[candidate.name].append(run)
            else:
                failed[candidate.name] = run.error
    return {name: found for name, found in runs.items() if found}


def _run(candidate: Candidate, song: Path) -> Run:
    output = OUTPUTS / "speed"
    shutil.rmtree(output, ignore_errors=True)
    run = measure(candidate.command(song, output), SCRATCH / "speed.log")
    if run.exit_code == 0 and not list(output.rglob("*.wav")):
        run = Run(**{**asdict(run), "exit_code": -1, "error": "wrote no stems"})
    outcome = f"{run.seconds:.1f} s" if run.exit_code == 0 else run.error
    print(f"{song.name}: {candidate.name}: {outcome}", file=sys.stderr, flush=True)
    return run


def _figures(runs: Runs, able: Sequence[Candidate], length: float) -> dict[str, dict[str, object]]:
    medians = {
        name: statistics.median(run.seconds for run in found) for name, found in runs.items()
    }
    by_name = {candidate.name: candidate for candidate in able}
    return {
        name: {
            "median_s": round(medians[name], 2),
            "seconds": [round(run.seconds, 2) for run in found],
            "spread_percent": round(100 * _spread(found) / medians[name], 1),
            "times_realtime": round(length / medians[name], 2),
            "times_stock": _ratio(medians.get(by_name[name].against or STOCK), medians[name]),
            "times_stock_same_grid": _ratio(
                _same_grid_median(by_name[name], able, medians), medians[name]
            ),
            "cpu_s": round(statistics.median(run.cpu_seconds for run in found), 1),
            "peak_rss_mb": round(max(run.peak_rss_mb for run in found)),
        }
        for name, found in runs.items()
    }


def _same_grid_median(
    candidate: Candidate, able: Sequence[Candidate], medians: dict[str, float]
) -> float | None:
    if candidate.against is not None:
        return medians.get(candidate.against)
    stocks = (other for other in able if other.name.split()[0] == STOCK)
    return next((medians.get(s.name) for s in stocks if s.same_grid(candidate)), None)


def _spread(runs: Sequence[Run]) -> float:
    seconds = [run.seconds for run in runs]
    return max(seconds) - min(seconds)


def _ratio(stock: float | None, own: float) -> float | None:
    return None if stock is None else round(stock / own, 2)


def _print(length: float, figures: dict[str, dict[str, object]]) -> None:
    columns = ["", "median s", "spread", "x realtime", "x stock", "same grid", "CPU s", "peak MB"]
    keys = ["median_s", "spread_percent", "times_realtime", "times_stock"]
    keys += ["times_stock_same_grid", "cpu_s", "peak_rss_mb"]
    rows = [
        [name, *("-" if f[key] is None else f"{f[key]}" for key in keys)]
        for name, f in figures.items()
    ]
    for row in rows:
        row[2] += " %"
    print_table(f"{length:g} s of stereo music, file to four WAV stems", columns, rows)


if __name__ == "__main__":
    main()
