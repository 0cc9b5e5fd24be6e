"""Measure the service: how soon work starts, how fast it answers, what it costs.

    python benchmarks/bench_service.py [--only start create reads song many memory] [--json]

Every part runs against `stemwright serve` in processes of its own, on a new data folder and on
SQLite; `--database URL` names an empty PostgreSQL database instead. The rate limit is off.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import service_parts as parts
from harness.places import PEER_PYTHON, SCRATCH
from harness.report import print_json, print_table
from harness.served import Account, Served
from harness.songs import song_of

FOLDER = SCRATCH / "service"
SHORT_S, SONG_S, LONG_S = 6.0, 60.0, 600.0
PERCENTILES = ("count", "p50", "p95", "p99", "most")

Figures = dict[str, Any]


def main() -> None:
    options = _parse()
    short, song, long = (song_of(it, options.song) for it in (SHORT_S, SONG_S, LONG_S))
    measured: dict[str, Callable[[Served, Account], Figures]] = {
        "memory": lambda served, account: parts.footprints(served, account, song),
        "song": lambda _, account: parts.songs(account, song, options.rounds),
        "create": lambda _, account: parts.creation(account, short, options.creations),
        "reads": lambda served, account: parts.reads(
            served,
            account,
            (short, long),
            parts.Load(options.seconds, options.rounds, options.rate),
        ),
        "many": lambda served, account: parts.many(served, account, short, options.jobs),
    }
    figures: Figures = {}
    if "start" in options.only:
        figures["start"] = parts.starts(_fresh(options), options.rounds)
    for name in (it for it in measured if it in options.only):
        served = _fresh(options)
        with served.running():
            account = Account(served)
            figures[name] = measured[name](served, account)
            account.close()
        print(f"{name} done", file=sys.stderr, flush=True)
    if not options.json:
        for title, columns, rows in tables(figures):
            print_table(title, columns, rows)
    print_json("service", {"database": options.kind, "rounds": options.rounds, **figures})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ["start", "memory", "song", "create", "reads", "many"]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="PART")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of songs, loads, starts")
    parser.add_argument("--creations", type=int, default=60, help="jobs timed from create to start")
    parser.add_argument("--seconds", type=float, default=10, help="length of one run of reads")
    parser.add_argument("--rate", type=float, default=20, help="reads a second of each client")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs queued at once")
    parser.add_argument("--song", type=Path, help="repeat this file instead of stempeg's excerpt")
    parser.add_argument(
        "--database", default="", metavar="URL", help="an empty PostgreSQL database"
    )
    parser.add_argument("--json", action="store_true", help="print the JSON alone")
    options = parser.parse_args()
    options.kind = "PostgreSQL" if options.database else "SQLite"
    if "reads" in options.only and not Path(PEER_PYTHON).exists():
        raise SystemExit("no .venv-bench: run `make bench-service`")
    return options


def _fresh(options: argparse.Namespace) -> Served:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    return Served(FOLDER, options.database)


Table = tuple[str, list[str], list[list[str]]]


def tables(figures: Figures) -> list[Table]:
    """All figures as tables, for people."""
    drawn = {
        "start": lambda it: _times("start and stop, nothing to do", it),
        "song": _song,
        "create": lambda it: _latencies("a job and a worker with nothing to do, ms", it),
        "reads": lambda it: _latencies(
            "reads by four clients, ms", it, {"per_second": "a second", "errors": "errors"}
        ),
        "many": _many,
        "memory": _memory,
    }
    return [drawn[name](it) for name, it in figures.items()]


def _times(title: str, figures: Figures) -> Table:
    rows = [
        [name, f"{it['median_s']:.2f}", f"{it['spread_percent']} %", str(len(it["seconds"]))]
        for name, it in figures.items()
    ]
    return title, ["", "median s", "spread", "runs"], rows


def _song(figures: Figures) -> Table:
    times = {name: it for name, it in figures.items() if name != "ratio"}
    title = f"a {SONG_S:g} s song to four WAV stems; API over command: {figures['ratio']:.2f}"
    return _times(title, times)


def _latencies(title: str, figures: Figures, more: dict[str, str] | None = None) -> Table:
    more = more or {}
    keys = [*PERCENTILES, *more]
    rows = [[name, *(f"{it[key]:g}" for key in keys)] for name, it in figures.items()]
    return title, ["", *PERCENTILES, *more.values()], rows


def _many(figures: Figures) -> Table:
    rows = [
        ["POST /jobs, 4 clients", *_row(figures["create"])],
        ["GET /jobs?limit=100", *_row(figures["page"])],
        ["stemwright jobs cancel --all", f"{figures['cancel']['seconds']:g}", *"-----"],
        ["the next job starts after", f"{figures['next_started_s']:g}", *"-----"],
    ]
    wrong = sum(figures[key] for key in ("not_created", "not_listed", "not_cancelled"))
    title = f"{figures['jobs']} queued jobs, {wrong} errors; percentiles in ms"
    return title, ["", "seconds", *PERCENTILES], rows


def _row(figures: Figures) -> list[str]:
    return [f"{figures[key]:g}" for key in ("seconds", *PERCENTILES)]


def _memory(figures: Figures) -> Table:
    rows = []
    for state, it in figures.items():
        for role, (rss, pss) in it["processes"].items():
            rows.append([f"{state}: {role}", str(rss), str(pss), ""])
        cpu = f"{it['cpu_percent']:g}" if "cpu_percent" in it else ""
        rows.append([f"{state}: all", "", str(it["pss_mb"]), cpu])
    return "memory in MB", ["", "RSS", "PSS", "CPU % of a core"], rows


if __name__ == "__main__":
    main()
