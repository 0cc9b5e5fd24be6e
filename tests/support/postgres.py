"""A real PostgreSQL for tests: its own server in a temporary folder, a fresh database on request.

The server starts with the first test that asks for it and dies with the test process, whichever
way that ends. PostgreSQL refuses to run as root, so under root it runs as an unprivileged user.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from .ports import free_port

USER = "stemwright"
_ATTEMPTS = 5
_START_S, _STOP_S = 60.0, 20.0
# Nothing here outlives the tests, so nothing is written for a power cut.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
}


class PostgresServer:
    """A running server that knows no password and listens on the loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = itertools.count(1)

    def fresh_url(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """The one server of this test run."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server is not installed")
    folder = Path(tempfile.mkdtemp(prefix="stemwright-postgres-"))
    try:
        _own(folder)
        _initialise(binaries, folder)
        with _running(binaries, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> str:
    """Address of an empty PostgreSQL database."""
    return postgres.fresh_url()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty database; the test runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    return request.getfixturevalue("postgres").fresh_url()


def _binaries() -> Path | None:
    """Find the folder of the real programs; what is on the path may be a link or be missing."""
    found = shutil.which("postgres")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    candidates = [Path(found).resolve()] if found else []
    for postgres in [*candidates, *reversed(debian)]:
        if (postgres.parent / "initdb").exists():
            return postgres.parent
    return None


def _servant() -> dict[str, object]:
    """Say for `subprocess` as whom to run: as ourselves, or as nobody when we are root."""
    if os.getuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _own(folder: Path) -> None:
    servant = _servant()
    if servant:
        os.chown(folder, servant["user"], servant["group"])


def _initialise(binaries: Path, folder: Path) -> None:
    command = [binaries / "initdb", "--pgdata", folder / "db", "--username", USER]
    command += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"]
    done = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, **_servant()
    )
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _running(binaries: Path, folder: Path) -> Iterator[PostgresServer]:
    """Start on a free port; another process may take it first, so try some."""
    for attempt in range(_ATTEMPTS):
        port = free_port()
        process = _start(binaries, folder, port)
        if _answers(process, port):
            break
        _stop(process)
        assert attempt < _ATTEMPTS - 1, (folder / "log").read_text("utf-8")
    try:
        yield PostgresServer(port)
    finally:
        _stop(process)


def _start(binaries: Path, folder: Path, port: int) -> subprocess.Popen[bytes]:
    command = [binaries / "postgres", "-D", folder / "db", "-p", str(port)]
    for name, value in _OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    if setpriv := shutil.which("setpriv"):
        # the kernel ends the server when the tests are killed; set after the change of user,
        # which would forget it
        command = [setpriv, "--pdeathsig", "QUIT", *command]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, process_group=0, **_servant()
        )


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server takes connections, or has given up."""
    url, last = PostgresServer(port).url("postgres"), time.perf_counter() + _START_S
    while time.perf_counter() < last and process.poll() is None:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return process.poll() is None
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Shut down without waiting for clients; what is left after some time is killed."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
