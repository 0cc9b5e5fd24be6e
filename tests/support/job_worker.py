"""A worker on the real engine whose jobs do what their request says; started as a process.

``python -m support.job_worker URL FOLDER SLOTS [SILENT_S]``. Jobs write what they do to files in
the folder, where tests look. With the last argument it beats and takes over, as PostgreSQL needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from stemwright.db.database import Database
from stemwright.jobs.engine import DurableEngine, QueueSize, migrate_engine, new_executor_id
from stemwright.jobs.job import Artefact
from stemwright.jobs.liveness import Liveness
from stemwright.jobs.queue import DurableQueue
from stemwright.jobs.runner import JobRunner
from stemwright.jobs.service import JOB_QUEUE, RUN_JOB, Jobs, Outcome
from stemwright.kit import logs
from stemwright.kit.clock import utc_now

from .live_server import wait_until

KIND = "scripted"
NOTES, NOTE = "notes", "note"
"""A second queue and its task, which writes a line."""
FORGET = "forget"
"""A task that has the engine forget what ended."""


class Folder:
    """What jobs leave for a test to find, and what it tells them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def note(self, line: str) -> None:
        with (self.path / "notes").open("a") as file:
            file.write(f"{line}\n")

    def notes(self) -> list[str]:
        file = self.path / "notes"
        return file.read_text().splitlines() if file.exists() else []

    def open(self, gate: str) -> None:
        (self.path / gate).touch()

    def is_open(self, gate: str) -> bool:
        return (self.path / gate).exists()


class ScriptedHandler:
    """Notes its beginning, waits for the gate its request names, and leaves a file."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def run(self, job, attempt):
        name = job.request.get("name", job.id)
        self._folder.note(f"begun {name} {attempt.number} {os.getpid()}")
        attempt.report("work", 50)
        gate = job.request.get("gate")
        while gate and not self._folder.is_open(gate):
            attempt.check()
            threading.Event().wait(0.02)
        if job.request.get("defect"):
            raise ValueError("/srv/scratch/secret")
        key = f"jobs/{job.id}/{attempt.number}/out.txt"
        self._folder.note(f"stored {key}")
        return Outcome((Artefact("out", key, "text/plain", 1),))

    def discard(self, job, attempt) -> None:
        self._folder.note(f"discarded jobs/{job.id}/{attempt}")

    def leave(self, job) -> None:
        self._folder.note(f"left {job.request.get('name', job.id)} {job.status}")


class WorkerProcess:
    """A worker to be stopped, resumed and killed; use as a context manager."""

    def __init__(
        self, url: str, folder: Folder, *, slots: int = 1, silent_s: float | None = None
    ) -> None:
        self._folder = folder
        self._arguments = [url, str(folder.path), str(slots), *([str(silent_s)] * bool(silent_s))]

    def __enter__(self) -> Self:
        with (self._folder.path / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "support.job_worker", *self._arguments],
                stdin=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            )
        wait_until(lambda: f"ready {self.process.pid}" in self._folder.notes(), "the worker")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)


def prepare(url: str) -> Database:
    """Make the product's tables and the engine's."""
    database = Database(url)
    database.migrate()
    migrate_engine(database)
    return database


def forget(engine: DurableEngine, folder: Folder) -> None:
    """Let the engine forget what ended, in a thread, as a worker does it: not as part of a task."""

    def forget_twice() -> None:
        counts = [engine.forget_finished(utc_now()) for _ in range(2)]
        folder.note("forgot {} and {}".format(*counts))

    threading.Thread(target=forget_twice).start()


def main(url: str, folder: Folder, slots: int, silent_s: float | None) -> None:
    logs.configure("json", "info")
    database = Database(url)
    jobs = Jobs(database, DurableQueue(database))
    runner = JobRunner(jobs, {KIND: ScriptedHandler(folder)})
    executor = new_executor_id(database)
    queues = {JOB_QUEUE: QueueSize(slots, 0.02), NOTES: QueueSize(4, 0.02)}
    tasks = {RUN_JOB: runner, NOTE: folder.note, FORGET: lambda: forget(engine, folder)}
    engine = DurableEngine(database, executor, tasks, queues)
    if silent_s is not None:
        beat_s = silent_s / 5
        Liveness(database, executor, engine.recover, beat_s=beat_s, silent_s=silent_s).start()
    engine.start()
    folder.note(f"ready {os.getpid()}")
    sys.stdin.read()  # until the test lets go
    os._exit(0)


if __name__ == "__main__":
    url, path, slots, *silent_s = sys.argv[1:]
    main(url, Folder(Path(path)), int(slots), float(silent_s[0]) if silent_s else None)
