"""`stemwright serve` on a folder of its own, and an account that uses its API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
from sqlalchemy import func, select

from stemwright.db.database import Database, sqlite_url
from stemwright.jobs.tables import JobRow
from stemwright.settings import Settings

from .places import STEMWRIGHT_PYTHON

PATIENCE_S = 900.0
POLL_S = 0.1
ENDED = {"COMPLETED", "FAILED", "EXPIRED"}

_Seen = TypeVar("_Seen")


class Served:
    """One service, to be started and stopped again and again; its log is beside its folder."""

    def __init__(self, folder: Path, database_url: str = "") -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = folder.with_name(f"{folder.name}.log")
        self.database_url = database_url or sqlite_url(folder / "stemwright.sqlite3")
        self._environment = {
            **os.environ,
            "STEMWRIGHT_DATA_DIR": str(folder),
            "STEMWRIGHT_MODELS_DIR": str(Settings.load().models_dir),
            "STEMWRIGHT_DATABASE_URL": self.database_url,
            "STEMWRIGHT_PORT": str(self.port),
            "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "0",
            "STEMWRIGHT_MAX_UPLOAD_MB": "1000",
            "STEMWRIGHT_LOG_FORMAT": "json",
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> float:
        """Start it; the seconds from exec to the first answer of /health."""
        began = time.perf_counter()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [STEMWRIGHT_PYTHON, "-m", "stemwright", "serve"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not self._answers():
            self._running()
            time.sleep(0.005)
        return time.perf_counter() - began

    def stop(self) -> float:
        """Ask it to stop; the seconds until it has."""
        process, began = self._running(), time.perf_counter()
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        return time.perf_counter() - began

    def kill(self) -> None:
        """End it at once; its children follow by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Serve for a while; on the way out it is asked to stop, and made to after an error."""
        self.start()
        try:
            yield
            self.stop()
        finally:
            self.kill()

    def command(self, *arguments: str) -> str:
        """Run another command on the same folder; what it prints."""
        command = [STEMWRIGHT_PYTHON, "-m", "stemwright", *arguments]
        done = subprocess.run(
            command, env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"stemwright {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            raise SystemExit(f"the service has ended; {self._log} says why")
        return self._process

    def _answers(self) -> bool:
        # a bare connection: the client library would cost more than what is measured
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as line:
                line.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return line.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False


class Account:
    """Somebody with a key, and a look behind the scenes: what the database says about jobs."""

    def __init__(self, served: Served) -> None:
        self.key = served.command("keys", "create", "bench").strip()
        self.client = httpx.Client(
            base_url=f"{served.url}/api/v1",
            headers={"Authorization": f"Bearer {self.key}"},
            trust_env=False,
            timeout=60,
        )
        self._database = Database(served.database_url)

    def close(self) -> None:
        self.client.close()
        self._database.close()

    def upload(self, song: Path) -> str:
        ticket = self.client.post("/upload", json={"filename": song.name}).json()
        with song.open("rb") as content:
            answer = self.client.put(
                ticket["uploadUrl"],
                content=content,
                headers={"Content-Length": str(song.stat().st_size)},
            )
        answer.raise_for_status()
        key: str = ticket["uploadKey"]
        return key

    def create(self, upload_key: str, **order: str) -> str:
        answer = self.client.post("/jobs", json={"uploadKey": upload_key, **order})
        if answer.status_code != httpx.codes.CREATED:
            raise SystemExit(f"POST /jobs: {answer.status_code} {answer.text}")
        job_id: str = answer.json()["id"]
        return job_id

    def get(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get(f"/jobs/{job_id}").json()
        return found

    def ended(self, job_id: str) -> dict[str, Any]:
        """Wait for a job to be complete."""
        job = self._wait(lambda: self.get(job_id), lambda job: job["status"] in ENDED)
        if job["status"] != "COMPLETED":
            raise SystemExit(f"job {job_id} is {job['status']}: {job.get('errorMessage')}")
        return job

    def download(self, job: dict[str, Any], folder: Path) -> int:
        """Save all outputs of a job; how many."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, output in job["outputs"].items():
            with (
                self.client.stream("GET", output["url"]) as answer,
                (folder / name).open("wb") as file,
            ):
                answer.raise_for_status()
                for block in answer.iter_bytes():
                    file.write(block)
        return len(job["outputs"])

    def separating(self, job_id: str) -> None:
        """Wait until the network computes."""
        self._wait(lambda: self._row(job_id), lambda row: row.phase == "separate")

    def moments(self, job_ids: Sequence[str]) -> dict[str, tuple[datetime, datetime | None]]:
        """When the server says that jobs were created and begun."""
        wanted = select(JobRow).where(JobRow.id.in_(job_ids))
        with self._database.reading() as session:
            return {row.id: (row.created_at, row.started_at) for row in session.scalars(wanted)}

    def count(self, *statuses: str) -> int:
        """How many jobs are in one of these states."""
        matching = select(func.count()).select_from(JobRow).where(JobRow.status.in_(statuses))
        with self._database.reading() as session:
            return session.scalar(matching) or 0

    def _row(self, job_id: str) -> JobRow:
        with self._database.reading() as session:
            return session.scalars(select(JobRow).where(JobRow.id == job_id)).one()

    @staticmethod
    def _wait(look: Callable[[], _Seen], enough: Callable[[_Seen], bool]) -> _Seen:
        deadline = time.monotonic() + PATIENCE_S
        while not enough(seen := look()):
            if time.monotonic() > deadline:
                raise SystemExit(f"waited {PATIENCE_S:g} s in vain")
            time.sleep(POLL_S)
        return seen
