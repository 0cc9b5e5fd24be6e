"""Load for bench_service, as a locust file: a few clients that read, over kept connections.

Every response time is kept, as locust's own statistics round them. The environment says what to do:
``BENCH_KEY``, ``BENCH_JOB``, ``BENCH_RATE`` (requests a second and client, 0 for as many as
come back) and ``BENCH_TIMES``, the file for the response times.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from locust import FastHttpUser, constant_throughput, events, task

RATE = float(os.environ["BENCH_RATE"])
times: list[float] = []
failures: list[str] = []
began: list[float] = []


class Reader(FastHttpUser):
    """One client; the three reads come equally often, in random order."""

    if RATE:
        wait_time = constant_throughput(RATE)
    default_headers = {"Authorization": f"Bearer {os.environ['BENCH_KEY']}"}  # noqa: RUF012

    @task
    def job(self) -> None:
        self.client.get(f"/api/v1/jobs/{os.environ['BENCH_JOB']}")

    @task
    def jobs(self) -> None:
        self.client.get("/api/v1/jobs")

    @task
    def balance(self) -> None:
        self.client.get("/api/v1/balance")


@events.request.add_listener
def on_request(response_time: float, exception: Exception | None, **_: object) -> None:
    if not began:
        began.append(time.perf_counter() - response_time / 1000)
    if exception is None:
        times.append(response_time / 1000)
    else:
        failures.append(repr(exception))


@events.quitting.add_listener
def on_quitting(**_: object) -> None:
    found = {
        "times_s": times,
        "failures": failures,
        "seconds": time.perf_counter() - began[0] if began else 0.0,
    }
    Path(os.environ["BENCH_TIMES"]).write_text(json.dumps(found))
