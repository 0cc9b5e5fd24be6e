"""A real S3 server for tests: SeaweedFS from its wheel, in a temporary folder, with credentials.

The server starts with the first test that asks for it and dies with the test process, whichever
way that ends. Every test gets a bucket of its own.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from .ports import free_port

_ATTEMPTS = 5
_START_S = 60.0
# Every service listens twice. Unless told where, its second port is its first plus 10000.
_PORTS = [
    f"{name}.port{kind}" for name in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")
]
_OPTIONS = {
    "ip": "127.0.0.1",
    "ip.bind": "127.0.0.1",
    "filer": "true",
    "s3": "true",
    "s3.port.iceberg": "0",
    "s3.port.lance": "0",
    "master.telemetry": "false",
    "master.volumeSizeLimitMB": "64",
    "volume.max": "0",
    "volume.preStopSeconds": "0",
}


@dataclass
class S3Server:
    """A running server with one account that may do everything."""

    port: int
    filer_port: int
    access_key_id: str = "tests"
    secret_access_key: str = "not-much-of-a-secret"
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def fresh_url(self, prefix: str = "") -> str:
        """Make an empty bucket, and name it as a storage address."""
        bucket = f"test-{next(self._numbers)}"
        folder = f"http://127.0.0.1:{self.filer_port}/buckets/{bucket}/"
        httpx.post(folder, trust_env=False).raise_for_status()
        return self.url(f"{bucket}{prefix}")

    def url(self, place: str, **changes: str) -> str:
        options = {
            "endpoint": self.endpoint,
            "region": "us-east-1",
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key,
        }
        return f"s3://{place}?{urlencode(options | changes)}"

    def unfinished_uploads(self, bucket: str) -> list[str]:
        """Multipart uploads that were begun and neither completed nor aborted."""
        url = f"http://127.0.0.1:{self.filer_port}/buckets/{bucket}/.uploads/"
        answer = httpx.get(url, headers={"Accept": "application/json"}, trust_env=False)
        if answer.status_code == 404:
            return []
        return [entry["FullPath"] for entry in answer.json()["Entries"] or []]


@pytest.fixture(scope="session")
def seaweedfs() -> Iterator[S3Server]:
    """The one server of this test run."""
    binary = _binary()
    if binary is None:
        pytest.skip("SeaweedFS is not installed")
    folder = Path(tempfile.mkdtemp(prefix="stemwright-seaweedfs-"))
    try:
        with _running(binary, folder) as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _binary() -> str | None:
    beside_python = Path(sys.executable).parent / "weed"
    return str(beside_python) if beside_python.exists() else shutil.which("weed")


@contextmanager
def _running(binary: str, folder: Path) -> Iterator[S3Server]:
    """Start on free ports; another process may take one of them first, so try some."""
    for attempt in range(_ATTEMPTS):
        ports = _free_ports()
        server = S3Server(port=ports["s3.port"], filer_port=ports["filer.port"])
        process = _start(binary, folder / str(attempt), ports, server)
        if _answers(process, server):
            break
        _stop(process, ports)
        assert attempt < _ATTEMPTS - 1, (folder / str(attempt) / "log").read_text("utf-8")
    try:
        yield server
    finally:
        _stop(process, ports)


def _start(
    binary: str, folder: Path, ports: dict[str, int], server: S3Server
) -> subprocess.Popen[bytes]:
    (folder / "db").mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps(_accounts(server)))
    command = [binary, "-logtostderr=true", "server", f"-dir={folder / 'db'}"]
    command += [f"-{name}={value}" for name, value in _OPTIONS.items()]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [f"-s3.config={folder / 's3.json'}", f"-s3.localSocket={folder / 's3.sock'}"]
    command += [f"-filer.localSocket={folder / 'filer.sock'}"]
    if setpriv := shutil.which("setpriv"):
        # the kernel ends the server when the tests are killed
        command = [setpriv, "--pdeathsig", "KILL", *command]
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "TMPDIR": str(folder)}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            command, cwd=folder, env=environ, stdout=log, stderr=log, process_group=0
        )


def _accounts(server: S3Server) -> dict[str, object]:
    key = {"accessKey": server.access_key_id, "secretKey": server.secret_access_key}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {"identities": [{"name": "tests", "credentials": [key], "actions": actions}]}


def _answers(process: subprocess.Popen[bytes], server: S3Server) -> bool:
    """Wait until an object can be stored, or the server has given up.

    The S3 face answers before there is a volume to write to.
    """
    last = time.perf_counter() + _START_S
    probe = f"http://127.0.0.1:{server.filer_port}/ready/probe"
    with httpx.Client(trust_env=False, timeout=5) as client:
        while time.perf_counter() < last and process.poll() is None:
            with suppress(httpx.HTTPError):
                listens = client.get(f"{server.endpoint}/status").is_success
                if listens and client.put(probe, content=b"x" * 2048).is_success:
                    return process.poll() is None
            time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes], ports: dict[str, int]) -> None:
    """End it at once: it takes 15 seconds to say goodbye, and nothing of it is kept."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for name, port in ports.items():  # these it puts there whatever it is told
        kind = name.replace(".port.grpc", "-grpc").removesuffix(".port")
        Path(f"/tmp/seaweedfs-{kind}-{port}.sock").unlink(missing_ok=True)  # noqa: S108


def _free_ports() -> dict[str, int]:
    return {name: free_port() for name in _PORTS}
