"""What bench_service measures, each part on a running service; durations in seconds."""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from harness.candidates import stemwright_command
from harness.footprint import Held, cpu_percent, held
from harness.latencies import Latencies, spread_percent
from harness.places import OUTPUTS, PEER_PYTHON, PEERS, SCRATCH
from harness.processes import measure
from harness.served import PATIENCE_S, POLL_S, Account, Served
from stemwright.kit.clock import utc_now

CLIENTS = 4
PAGE = 100
SHORT = {"outputType": "VOCALS", "quality": "FAST", "outputFormat": "WAV"}
SONG = {"outputType": "FOUR_STEMS", "quality": "BALANCED", "outputFormat": "WAV"}
LONG = {"outputType": "FOUR_STEMS", "quality": "BEST", "outputFormat": "WAV"}
STEMS = 4
QUIET_S = 10.0

Figures = dict[str, Any]


def starts(served: Served, rounds: int) -> Figures:
    """Exec to /health and SIGTERM to exit, nothing to do; the first start makes the database."""
    first, last = served.start(), served.stop()
    times = [(served.start(), served.stop()) for _ in range(rounds)]
    ready, exits = [it[0] for it in times], [it[1] for it in times]
    return {
        "new folder to health": _repeated([first]),
        "exec to health": _repeated(ready),
        "SIGTERM to exit": _repeated([last, *exits]),
    }


def creation(account: Account, song: Path, count: int) -> Figures:
    """Jobs one after the other, each to a worker with nothing to do.

    Between them is a pause of random length: what polls shall not be met at a fixed moment.
    """
    upload = account.upload(song)
    account.ended(account.create(upload, **SHORT))  # the children are warm from here on
    sent: dict[str, tuple[datetime, datetime]] = {}
    for _ in range(count):
        time.sleep(random.uniform(0.2, 0.5))  # noqa: S311
        before = utc_now()
        job = account.create(upload, **SHORT)
        sent[job] = (before, utc_now())
        account.ended(job)
    return started_after(sent, account.moments(list(sent)))


def started_after(
    sent: Mapping[str, tuple[datetime, datetime]],
    moments: Mapping[str, tuple[datetime, datetime | None]],
) -> Figures:
    """Compare when jobs were asked for and answered with when the server made and began them."""
    gaps: dict[str, list[float]] = {
        "POST /jobs answered": [],
        "created to started": [],
        "POST sent to started": [],
    }
    for job, (asked, answered) in sent.items():
        created, started = moments[job]
        assert started is not None, "a complete job has been begun"
        spans = (answered - asked, started - created, started - asked)
        for gap, span in zip(gaps.values(), spans, strict=True):
            gap.append(span.total_seconds())
    return {name: _of(gap) for name, gap in gaps.items()}


@dataclass(frozen=True, slots=True)
class Load:
    """How hard the reading clients press."""

    seconds: float
    rounds: int
    rate: float
    """Requests a second of one client where they are bounded."""


def reads(served: Served, account: Account, songs: tuple[Path, Path], load: Load) -> Figures:
    """Reads at a bounded rate and as fast as answers come, idle and beside a separation."""
    short, long = songs
    job = account.create(account.upload(short), **SHORT)
    account.ended(job)
    upload = account.upload(long)
    clients = _Clients(served.url, account.key, job, load)
    rates = {f"{CLIENTS} x {load.rate:g}/s": load.rate, "unbounded": 0.0}
    found: Figures = {f"idle, {name}": clients(rate) for name, rate in rates.items()}
    busy = account.create(upload, **LONG)
    account.separating(busy)
    found |= {f"separating, {name}": clients(rate) for name, rate in rates.items()}
    if account.get(busy)["status"] != "PROCESSING":
        raise SystemExit("the separation ended while reads were measured; take fewer --rounds")
    served.command("jobs", "cancel", busy)
    _until(lambda: account.count("queued", "running") == 0)
    return found


class _Clients:
    """Runs locust in a process of its own."""

    def __init__(self, url: str, key: str, job: str, load: Load) -> None:
        self._rounds = load.rounds
        self._times = SCRATCH / "load.json"
        self._environment = {**os.environ, "BENCH_KEY": key, "BENCH_JOB": job}
        self._environment["BENCH_TIMES"] = str(self._times)
        self._command = [
            *(PEER_PYTHON, "-W", "ignore", "-m", "locust", "-f", str(PEERS / "load_reads.py")),
            *("--headless", "--only-summary", "--loglevel", "ERROR", "--host", url),
            *("-u", str(CLIENTS), "-r", str(CLIENTS), "-t", f"{load.seconds:g}s"),
        ]

    def __call__(self, rate: float) -> Figures:
        return loaded([self._run(rate) for _ in range(self._rounds)])

    def _run(self, rate: float) -> Figures:
        self._times.unlink(missing_ok=True)
        environment = {**self._environment, "BENCH_RATE": f"{rate:g}"}
        done = subprocess.run(
            self._command, env=environment, capture_output=True, text=True, check=False
        )
        if not self._times.exists():
            raise SystemExit(f"locust: {done.stderr[-1000:]}")
        found: Figures = json.loads(self._times.read_text())
        return found


def loaded(runs: Sequence[Figures]) -> Figures:
    """Sum up runs of one kind of load: all their times together, and how far the runs differ."""
    times = [it for run in runs for it in run["times_s"]]
    each = [Latencies.of(run["times_s"]).p95 for run in runs]
    return {
        **Latencies.of(times).plain(),
        "p95_of_runs": each,
        "per_second": round(len(times) / sum(run["seconds"] for run in runs), 1),
        "errors": sum(len(run["failures"]) for run in runs),
    }


def songs(account: Account, song: Path, rounds: int) -> Figures:
    """A song through the API beside `stemwright separate`, the first one on a cold service."""
    cold = through_api(account, song)
    candidates: dict[str, Callable[[], float]] = {
        "stemwright separate": lambda: through_command(song),
        "API, warm": lambda: through_api(account, song),
    }
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for number in range(rounds):
        for name in sorted(candidates, reverse=number % 2 == 0):
            times[name].append(candidates[name]())
    figures = {name: _repeated(it) for name, it in times.items()}
    command = statistics.median(times["stemwright separate"])
    return {
        **figures,
        "API, cold": _repeated([cold]),
        "ratio": round(statistics.median(times["API, warm"]) / command, 3),
    }


def through_api(account: Account, song: Path) -> float:
    """Upload, job, wait, download; a client that polls ten times a second."""
    output = _empty("service-api")
    began = time.perf_counter()
    job = account.ended(account.create(account.upload(song), **SONG))
    if account.download(job, output) != STEMS:
        raise SystemExit(f"job {job['id']} has not {STEMS} outputs")
    return time.perf_counter() - began


def through_command(song: Path) -> float:
    command = stemwright_command("--quality", SONG["quality"].lower(), "--format", "wav")
    run = measure(command(song, _empty("service-command")), SCRATCH / "service-command.log")
    if run.exit_code:
        raise SystemExit(f"stemwright separate: {run.error}")
    return run.seconds


def many(served: Served, account: Account, song: Path, count: int) -> Figures:
    """Hundreds of jobs: created by four clients at once, all listed, all cancelled.

    A worker is at them all the while.
    """
    upload = account.upload(song)
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = list(pool.map(lambda _: _created(account, upload), range(count)))
    created_s = time.perf_counter() - began
    made = {job for job, _ in answers if job is not None}
    pages = list(_pages(account))
    listed = {job for jobs, _ in pages for job in jobs}
    began = time.perf_counter()
    cancelled = json.loads(served.command("jobs", "cancel", "--all", "--json"))["cancelled"]
    cancelled_s = time.perf_counter() - began
    _until(lambda: account.count("queued", "running") == 0)
    after = account.create(upload, **SHORT)
    account.ended(after)
    created, started = account.moments([after])[after]
    assert started is not None, "a complete job has been begun"
    return {
        "jobs": count,
        "create": {"seconds": round(created_s, 2), **_of(times for _, times in answers)},
        "page": {"seconds": round(sum(it for _, it in pages), 2), **_of(it for _, it in pages)},
        "cancel": {"seconds": round(cancelled_s, 2), "cancelled": cancelled},
        "next_started_s": round((started - created).total_seconds(), 2),
        "not_created": count - len(made),
        "not_listed": len(made - listed),
        "not_cancelled": account.count("queued", "running"),
    }


def _created(account: Account, upload: str) -> tuple[str | None, float]:
    began = time.perf_counter()
    answer = account.client.post("/jobs", json={"uploadKey": upload, **LONG})
    job = answer.json()["id"] if answer.status_code == httpx.codes.CREATED else None
    return job, time.perf_counter() - began


def _pages(account: Account) -> Iterator[tuple[list[str], float]]:
    """All jobs, page by page, and how long each page took."""
    offset, more = 0, True
    while more:
        began = time.perf_counter()
        answer = account.client.get("/jobs", params={"limit": PAGE, "offset": offset})
        page = answer.raise_for_status().json()
        yield [job["id"] for job in page["jobs"]], time.perf_counter() - began
        offset, more = offset + PAGE, page["pagination"]["hasMore"]


def footprints(served: Served, account: Account, song: Path) -> Figures:
    """Memory of every process, and what the service uses while it has nothing to do."""
    _until(lambda: account.count("queued", "running") == 0)
    fresh, cpu_fresh = held(served.pid), cpu_percent(served.pid, QUIET_S)
    job = account.create(account.upload(song), **SONG)
    account.separating(job)
    at_work = _largest(served, lambda: account.get(job)["status"] == "PROCESSING")
    account.ended(job)
    time.sleep(1)
    return {
        "no job yet": {"cpu_percent": cpu_fresh, **_by_role(fresh)},
        "at work": _by_role(at_work),
        "model warm": {
            "cpu_percent": cpu_percent(served.pid, QUIET_S),
            **_by_role(held(served.pid)),
        },
    }


def _largest(served: Served, going_on: Callable[[], bool]) -> list[Held]:
    """The sample with the most memory, all processes together."""
    samples = [held(served.pid)]
    while going_on():
        samples.append(held(served.pid))
        time.sleep(0.2)
    return max(samples, key=lambda sample: sum(it.pss_mb for it in sample))


def _by_role(sample: Sequence[Held]) -> Figures:
    """Number processes of one role; the sum is of the shared parts of pages."""
    rows: Figures = {}
    for it in sample:
        same = sum(name.startswith(it.role) for name in rows)
        rows[f"{it.role} {same + 1}" if same else it.role] = [it.rss_mb, it.pss_mb]
    return {"processes": rows, "pss_mb": sum(it.pss_mb for it in sample)}


def _of(seconds: Iterable[float]) -> Figures:
    return Latencies.of(list(seconds)).plain()


def _repeated(seconds: Sequence[float]) -> Figures:
    middle = statistics.median(seconds)
    return {
        "median_s": round(middle, 3),
        "spread_percent": spread_percent(seconds, middle),
        "seconds": [round(it, 3) for it in seconds],
    }


def _empty(name: str) -> Path:
    folder = OUTPUTS / name
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited {PATIENCE_S:g} s in vain")
        time.sleep(POLL_S)
