"""Real servers: an ASGI app under uvicorn in a thread, and stemwright in processes of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import uvicorn

from stemwright.settings import Settings

from .ports import free_port

PATIENCE_S = 60.0
"""Longest wait for something that has to happen; a slow machine is no failure."""


def http_client(base_url: str, **options: Any) -> httpx.Client:
    """A client that goes straight to the loopback, whatever proxy this machine has."""
    return httpx.Client(base_url=base_url, trust_env=False, timeout=30, **options)


class AppServer:
    """An app under uvicorn in a thread, set up as ``stemwright serve`` does it."""

    def __init__(self, app: Any, **options: Any) -> None:
        # asyncio switches Nagle's algorithm off only where the protocol is named
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=5,
            **options,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def client(self, **options: Any) -> httpx.Client:
        return http_client(self.url, **options)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), "the server")
        assert self._server.started, "the server ended while it started"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        self._socket.close()
        assert not self._thread.is_alive(), "the server does not stop"


class Service:
    """A stemwright process on a data folder, to be stopped, killed and started again at will.

    Everything it and its children write goes to ``log``; on leaving, all of them are killed.
    """

    def __init__(
        self,
        data_dir: Path,
        environment: Mapping[str, str] | None = None,
        *,
        command: Sequence[str] = ("serve",),
        port: int | None = None,
        module: str = "stemwright",
    ) -> None:
        self.module = module
        self.data_dir = data_dir
        self.port = port or free_port()
        self.environment = dict(environment or {})
        self.command = tuple(command)
        self._log = data_dir.with_name(f"{data_dir.name}-{self.command[0]}-{self.port}.log")
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def log(self) -> str:
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    def client(self, **options: Any) -> httpx.Client:
        return http_client(self.url, **options)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill(everything=True)

    def start(self, *, wait: bool = True) -> Self:
        """Start the process; with ``wait``, return when it is ready for requests."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.command],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._groups.append(self._process.pid)
        if wait and "serve" in self.command:
            self.wait_ready()
        return self

    def wait_ready(self) -> None:
        wait_until(self._is_ready, f"{self.url}/health", self._still_there)

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        """Wait until something is in the log."""
        found: list[re.Match[str]] = []

        def look() -> bool:
            found.extend(match for match in [re.search(pattern, self.log)] if match)
            return bool(found)

        wait_until(look, f"{pattern!r} in the log", self._still_there)
        return found[0]

    def terminate(self, patience_s: float = PATIENCE_S) -> int:
        """Ask it to stop as a supervisor does, and return its exit status."""
        self._running().send_signal(signal.SIGTERM)
        return self.wait(patience_s)

    def send_signal(self, number: int) -> None:
        self._running().send_signal(number)

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Wait for its end and return its exit status."""
        assert self._process is not None
        return self._process.wait(patience_s)

    def kill(self, *, everything: bool = False) -> None:
        """``kill -9``: the process alone, or with all it started, now and in earlier lives."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        if everything:
            while self._groups:
                _kill_group(self._groups.pop())

    def restart(self, *, gently: bool = False) -> Self:
        """Stop it, by force or gently, and start it on the same folder and port."""
        if gently:
            self.terminate()
        else:
            self.kill()
        return self.start()

    def run(self, *arguments: str, module: str = "stemwright") -> str:
        """Run another command on the same data folder, e.g. ``keys create``; what it prints."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        assert self._process.poll() is None, f"it has ended:\n{self.log[-4000:]}"
        return self._process

    def _environment(self) -> dict[str, str]:
        """What this machine sets, without its stemwright settings but for its models."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("STEMWRIGHT_")
        }
        own = {
            "STEMWRIGHT_DATA_DIR": str(self.data_dir),
            "STEMWRIGHT_MODELS_DIR": str(Settings.load().models_dir),
            "STEMWRIGHT_PORT": str(self.port),
            "STEMWRIGHT_LOG_FORMAT": "json",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        return {**inherited, **own, **self.environment}

    def _is_ready(self) -> bool:
        try:
            answer = httpx.get(f"{self.url}/health", trust_env=False, timeout=2)
        except httpx.TransportError:
            return False
        return answer.is_success

    def _still_there(self) -> None:
        assert self._process is not None
        status = self._process.poll()
        assert status is None, f"it ended with status {status}:\n{self.log[-4000:]}"


def wait_until(
    happened: Callable[[], bool],
    what: str,
    check: Callable[[], None] = lambda: None,
    *,
    patience_s: float = PATIENCE_S,
) -> None:
    """Look again and again until something happened; ``check`` may fail earlier."""
    deadline = time.monotonic() + patience_s
    while not happened():
        check()
        assert time.monotonic() < deadline, f"waited {patience_s:g} s in vain for {what}"
        time.sleep(0.02)


def _kill_group(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
