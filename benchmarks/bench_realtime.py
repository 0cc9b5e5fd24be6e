"""Measure sockets: how soon progress arrives, and how fast requests are answered meanwhile.

    python benchmarks/bench_realtime.py [--sockets 500] [--jobs 1 20] [--seconds 10] [--json]

`stemwright serve`, the clients and what reports in a worker's place are processes of their own,
on SQLite in a new folder; `--database URL` names an empty PostgreSQL database instead. One clock
serves them all.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
from websockets.asyncio.client import connect

from harness.places import SCRATCH
from harness.report import print_json, print_table
from harness.served import Account, Served
from stemwright.db.database import Database
from stemwright.features.accounts.service import Accounts
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.service import Jobs, NewJob
from stemwright.kit.ids import new_uuid

FOLDER = SCRATCH / "realtime"
REPORT_S = 0.5
READ_S = 0.02
COLUMNS = (
    "sockets",
    "jobs",
    "joined in s",
    "events",
    "p50 ms",
    "p95 ms",
    "most ms",
    "reads p95 ms",
    "while joining",
)
ORDER = {"track_id": "1", "engine": "local", "model": "htdemucs"}

Figures = dict[str, Any]


def main() -> None:
    options = _parse()
    rows = [_measure(options, jobs) for jobs in options.jobs]
    if not options.json:
        print_table(
            "Progress over sockets", COLUMNS, [[str(it) for it in row.values()] for row in rows]
        )
    print_json("realtime", {"database": options.kind, "seconds": options.seconds, "runs": rows})


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 20], help="that are followed")
    parser.add_argument("--seconds", type=float, default=10, help="of progress")
    parser.add_argument("--database", default="", metavar="URL", help="an empty PostgreSQL one")
    parser.add_argument("--json", action="store_true", help="print the JSON alone")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.kind = "PostgreSQL" if options.database else "SQLite"
    if options.part:
        name, *arguments = options.part
        {"read": _read, "report": _report}[name](*arguments)
        sys.exit()
    return options


class _NoQueue:
    """Tasks that nobody takes: the service's own worker has nothing to do."""

    def enqueue(self, *_: object, **__: object) -> None:
        pass


def _jobs(url: str) -> Jobs:
    return Jobs(Database(url), _NoQueue())


def _measure(options: argparse.Namespace, count: int) -> Figures:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    served = Served(FOLDER, options.database)
    with served.running():
        key = Account(served).key
        ids = _new_jobs(served.database_url, key, count)
        return asyncio.run(_follow(options, served, key, ids))


def _new_jobs(url: str, key: str, count: int) -> list[str]:
    jobs, database = _jobs(url), Database(url)
    owner = Accounts(database).authenticate(f"Bearer {key}").owner
    new = partial(NewJob, kind="processing", owner=owner, request=ORDER, facts={})
    with database.transaction() as session:
        return [jobs.create(session, new(id=new_uuid())).id for _ in range(count)]


async def _follow(options: argparse.Namespace, served: Served, key: str, ids: list[str]) -> Figures:
    arrived: list[tuple[str, int, float]] = []
    joined = asyncio.Semaphore(0)
    with _helping("read", served.url, key, *ids) as reading:
        await asyncio.to_thread(_first_line, reading)
        reads_told = asyncio.create_task(asyncio.to_thread(_lines, reading))
        began = time.monotonic()
        followers = [
            asyncio.create_task(_socket(served, key, ids[n % len(ids)], joined, arrived))
            for n in range(options.sockets)
        ]
        for _ in followers:
            await joined.acquire()
        there = time.monotonic()
        arrived.clear()
        with _helping("report", served.database_url, str(options.seconds), *ids) as reporting:
            told = await asyncio.to_thread(_lines, reporting)
        await asyncio.sleep(1)
        reading.terminate()
        reads = [(float(at), float(spent)) for at, spent in await reads_told]
    for task in followers:
        task.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    sent = {(id_, int(n)): float(at) for id_, n, at in told}
    late = [(at - sent[id_, n]) * 1000 for id_, n, at in arrived if (id_, n) in sent]
    return {
        "sockets": options.sockets,
        "jobs": len(ids),
        "joined_s": round(there - began, 2),
        "events": len(late),
        "p50_ms": _percentile(late, 50),
        "p95_ms": _percentile(late, 95),
        "most_ms": round(max(late), 1),
        "reads_p95_ms": _percentile([spent for at, spent in reads if at >= there], 95),
        "reads_joining_p95_ms": _percentile(
            [spent for at, spent in reads if began <= at < there], 95
        ),
    }


async def _socket(
    served: Served, key: str, job_id: str, joined: asyncio.Semaphore, arrived: list[Any]
) -> None:
    url = f"ws://127.0.0.1:{served.port}/socket/websocket?token={key}&vsn=2.0.0"
    async with connect(url, proxy=None, compression=None, open_timeout=60) as socket:
        await socket.send(json.dumps(["1", "1", f"jobs:{job_id}", "phx_join", {}]))
        await socket.recv()
        await socket.recv()
        joined.release()
        async for text in socket:
            at = time.monotonic()
            *_, event, payload = json.loads(text)
            if event == "job:progress":
                arrived.append((job_id, payload["progress"], at))


@contextmanager
def _helping(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Have a part done in a process of its own."""
    command = [sys.executable, __file__, "--part", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _lines(process: subprocess.Popen[str]) -> list[list[str]]:
    assert process.stdout is not None
    return [line.split() for line in process.stdout]


def _read(url: str, key: str, *ids: str) -> None:
    """One client that makes requests until it is stopped; when each began, and its milliseconds."""
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
        for job_id in itertools.cycle(ids):
            began = time.monotonic()
            client.get(f"/api/processing/job/{job_id}").raise_for_status()
            print(began, (time.monotonic() - began) * 1000, flush=True)
            time.sleep(READ_S)


def _report(url: str, seconds: str, *ids: str) -> None:
    """The worker: its jobs report together, as one by one they would on as many cores."""
    jobs = _jobs(url)
    attempts = []
    for job_id in ids:
        job = jobs.begin(job_id, None)
        assert job is not None
        attempts.append((job_id, Attempt(jobs, job, warn=lambda *_: None).__enter__()))
    for progress in range(1, min(int(float(seconds) / REPORT_S), 99) + 1):
        for job_id, attempt in attempts:
            print(job_id, progress, time.monotonic())
            attempt.report("separate", progress)
            time.sleep(REPORT_S / len(ids))
    time.sleep(REPORT_S)
    for _, attempt in attempts:
        attempt.__exit__()


def _percentile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100, method="inclusive")[percent - 1], 1)


if __name__ == "__main__":
    main()
