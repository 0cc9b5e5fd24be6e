"""An API host with sockets and streams of jobs, and a worker that reports from elsewhere."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp
from websockets.sync.client import ClientConnection, connect

from stemwright.db.announcements import Listener
from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.dialects.soundforge.progress import Renderer
from stemwright.dialects.soundforge.socket import JobTopics, by_key, heard_by, unwelcome
from stemwright.errors import StemwrightError
from stemwright.features.accounts.service import Accounts
from stemwright.jobs.attempt import Attempt
from stemwright.jobs.events import JobEvents
from stemwright.jobs.job import Job
from stemwright.jobs.service import Jobs, NewJob, Outcome
from stemwright.web.edge import Edge, wrap
from stemwright.web.live import Evictions, LiveConnections
from stemwright.web.metrics import Metrics
from stemwright.web.patience import PatientProtocol
from stemwright.web.phoenix_door import Door, Origins
from stemwright.web.phoenix_socket import PhoenixSocket
from stemwright.web.sockets import UVICORN
from stemwright.web.sse import EventStream
from stemwright.web.windows import Windows

from .live_server import AppServer, wait_until
from .repository import ROOT

SERVED = {"http": PatientProtocol, **UVICORN}


class NoQueue:
    """Tasks that nobody takes."""

    def enqueue(self, *_: object, **__: object) -> None:
        pass


def jobs_in(database: Database) -> Jobs:
    return Jobs(database, NoQueue())


class Host:
    """One API host on a database, with all that its sockets need."""

    def __init__(
        self,
        url: str,
        *,
        idle_s: float = 60.0,
        most_frames: int = 256,
        beat_s: float = 15.0,
        allow_anonymous: bool = False,
    ) -> None:
        self.url = url
        self.database = Database(url)
        Table.metadata.create_all(self.database.engine)
        self.jobs = jobs_in(self.database)
        self.accounts = Accounts(self.database)
        self.events = JobEvents(self.database)
        self.live = LiveConnections()
        self.evictions = Evictions(self.live, unwelcome(self.accounts.refused_now), every_s=0.5)
        self._listener = Listener(self.database.engine, heard_by(self.events, self.evictions))
        self._topics = JobTopics(self.jobs, self.events, Renderer())
        self._beat_s = beat_s
        door = Door(
            by_key(self.accounts),
            origins=Origins(["app.example"]),
            allow_anonymous=allow_anonymous,
        )
        self._socket = PhoenixSocket(door, self._topics, self.live, idle_s, most_frames)
        self.app = self._compose()
        self.server = AppServer(self.app, **SERVED)

    def _compose(self) -> ASGIApp:
        routes = [
            *self._socket.routes(),
            Route("/api/jobs/{id}", self._job),
            Route("/api/jobs/{id}/events", self._stream),
        ]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        edge = Edge(
            metrics=Metrics("1"),
            windows=Windows(0),
            identify=lambda _scope: None,
            render=lambda _scope, error: JSONResponse({"error": error.code}, error.http_status),
        )
        return wrap(app, edge)

    def _job(self, request: Request) -> Response:
        job = self.jobs.find(None, request.path_params["id"])
        return JSONResponse({"id": job.id, "status": job.status, "progress": job.progress})

    def _stream(self, request: Request) -> Response:
        try:
            caller = self.accounts.authenticate(request.headers.get("authorization"))
            job = self.jobs.find(caller.owner, request.path_params["id"])
        except StemwrightError as error:
            return JSONResponse({"error": error.code}, error.http_status)
        last = request.headers.get("last-event-id")
        feed = self._topics.feed(job.id)
        return EventStream(feed, self.live, caller, last_event_id=last, beat_s=self._beat_s)

    def start(self) -> None:
        """Begin to listen to the database, without serving."""
        self._listener.start()
        self.evictions.start()

    def __enter__(self) -> Self:
        self.start()
        self.server.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: PYI036
        self.live.close()
        self.server.__exit__(*error)
        self.events.close()
        self.evictions.close()
        self._listener.close()
        self.database.close()

    # ------------------------------------------------------------------------------------ what for

    def new_key(self, email: str = "ann@example.org") -> tuple[str, str]:
        """Open an account; its id and a key."""
        owner = self.accounts.create_user(email, verified=True).id
        return owner, self.accounts.create_key(owner, "test")[1]

    def new_job(self, owner: str, kind: str = "processing", **request: object) -> Job:
        with self.database.transaction() as session:
            return self.jobs.create(
                session,
                NewJob(kind=kind, owner=owner, request={"track_id": "91ab", **request}, facts={}),
            )

    def begun_job(self, owner: str, **request: object) -> Job:
        job = self.jobs.begin(self.new_job(owner, **request).id, None)
        assert job is not None
        return job

    @property
    def endpoint(self) -> str:
        """What clients are given; they add the rest themselves."""
        return self.server.url.replace("http", "ws") + "/socket"

    def connect(self, key: str | None, *, vsn: str | None = "2.0.0", **options: Any) -> Client:
        query = "&".join([f"token={key}"] * bool(key) + [f"vsn={vsn}"] * bool(vsn))
        url = f"{self.endpoint}/websocket" + f"?{query}" * bool(query)
        return Client(connect(url, proxy=None, compression=None, max_size=None, **options))


class Client:
    """Speaks version 2 by hand."""

    def __init__(self, opening: AbstractContextManager[ClientConnection]) -> None:
        self.connection = opening.__enter__()
        self._ref = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def push(self, topic: str, event: str, *, join_ref: str | None = None) -> str:
        self._ref += 1
        ref = str(self._ref)
        self.send([join_ref or ref, ref, topic, event, {}])
        return ref

    def send(self, frame: object) -> None:
        self.connection.send(json.dumps(frame))

    def hear(self, within_s: float = 20.0) -> Any:
        return json.loads(self.connection.recv(within_s))

    def join(self, job_id: str) -> str:
        """Join a job's channel; the reference of that."""
        ref = self.push(f"jobs:{job_id}", "phx_join")
        assert self.hear()[3:] == ["phx_reply", {"status": "ok", "response": {}}]
        return ref

    def hear_until(self, event: str) -> list[tuple[str, Any]]:
        """Events and payloads up to the first of a name."""
        heard: list[tuple[str, Any]] = []
        while not heard or heard[-1][0] != event:
            *_, name, payload = self.hear()
            heard.append((name, payload))
        return heard

    def is_silent(self, for_s: float = 0.6) -> bool:
        try:
            self.connection.recv(for_s)
        except TimeoutError:
            return True
        return False


@contextmanager
def killable(url: str, port: int):
    """A host in a process of its own, on a port that can be had again."""
    with subprocess.Popen(
        [sys.executable, "-m", "support.realtime", "serve", url, str(port)], cwd=ROOT / "tests"
    ) as process:
        wait_until(lambda: _listens(port), "the host")
        try:
            yield process
        finally:
            process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def reporter(url: str, job_id: str, *, step_s: float = 0.3, count: int = 6):
    """Another process that works on a job; it writes when it reported what, by this clock."""
    arguments = ["report", url, job_id, str(step_s), str(count)]
    with subprocess.Popen(
        [sys.executable, "-m", "support.realtime", *arguments],
        cwd=ROOT / "tests",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def reported(process: subprocess.Popen[str]) -> dict[int, float]:
    """When each progress was reported."""
    told, _ = process.communicate(timeout=60)
    return {int(progress): float(at) for progress, at in map(str.split, told.splitlines())}


def report(url: str, job_id: str, step_s: float, count: int) -> None:
    """Work on a job, and write what was reported and when, by the clock of all processes."""
    jobs = jobs_in(Database(url))
    _say("ready")
    sys.stdin.readline()
    job = jobs.begin(job_id, None)
    assert job is not None
    with Attempt(jobs, job, warn=lambda *_: None) as attempt:
        for number in range(1, count + 1):
            time.sleep(step_s)
            attempt.report("separate", number * 10)
            _say(number * 10, time.monotonic())
        time.sleep(step_s)
    jobs.complete(job, Outcome(result={"model": "htdemucs"}))
    _say(100, time.monotonic())


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def serve(url: str, port: int) -> None:
    host = Host(url)
    host.start()
    uvicorn.run(host.app, port=port, log_config=None, access_log=False, **SERVED)


if __name__ == "__main__":
    command, url, *rest = sys.argv[1:]
    if command == "report":
        report(url, rest[0], float(rest[1]), int(rest[2]))
    else:
        serve(url, int(rest[0]))
