"""Show that peak memory does not grow with the song: whole processes on songs of growing length.

    python benchmarks/bench_memory.py [--lengths 1 10 30] [--quality fast] [--mode all|vocals]

Lengths are minutes of audio; three hours (``--lengths 1 10 180``) take about 20 minutes and, in
mode ``all``, 8 GB of disk for the stems.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from harness.candidates import stemwright_command
from harness.places import OUTPUTS, SCRATCH
from harness.processes import Run, measure
from harness.report import print_json, print_table
from harness.songs import song_of

STEMS = {"all": "4", "vocals": "vocals"}


def main() -> None:
    options = _parse()
    runs = {minutes: _run(minutes, options) for minutes in options.lengths}
    figures = {
        f"{minutes:g}": {
            "peak_rss_mb": round(run.peak_rss_mb),
            "seconds": round(run.seconds, 1),
            "times_realtime": round(60 * minutes / run.seconds, 2),
        }
        for minutes, run in runs.items()
    }
    rows = [[f"{minutes} min", *map(str, f.values())] for minutes, f in figures.items()]
    title = f"{options.quality}, stems: {options.mode}"
    print_table(title, ["audio", "peak MB", "seconds", "x realtime"], rows)
    peaks = [run.peak_rss_mb for run in runs.values()]
    growth = round(100 * (max(peaks) / min(peaks) - 1), 1)
    print(f"largest over smallest: {growth} % more")
    print_json(
        "memory",
        {
            "quality": options.quality,
            "mode": options.mode,
            "runtime": options.runtime,
            "minutes": figures,
            "growth_percent": growth,
        },
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lengths", type=float, nargs="+", default=[1, 10, 30], metavar="MINUTES")
    parser.add_argument("--quality", default="fast")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--mode", choices=sorted(STEMS), default="all", help="which stems to write")
    parser.add_argument("--song", type=Path, help="repeat this file instead of stempeg's excerpt")
    return parser.parse_args()


def _run(minutes: float, options: argparse.Namespace) -> Run:
    song = song_of(60 * minutes, options.song)
    output = OUTPUTS / "memory"
    shutil.rmtree(output, ignore_errors=True)
    flags = ["--quality", options.quality, "--runtime", options.runtime]
    command = stemwright_command(*flags, "--stems", STEMS[options.mode])
    run = measure(command(song, output), SCRATCH / "memory.log")
    shutil.rmtree(output, ignore_errors=True)
    if run.exit_code != 0:
        raise SystemExit(f"{minutes:g} min: {run.error}")
    print(f"{minutes:g} min: {run.peak_rss_mb:.0f} MB, {run.seconds:.1f} s", file=sys.stderr)
    return run


if __name__ == "__main__":
    main()
