"""The service in a process of its own, spoken to over a socket."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

import stemwright
from support.live_server import Service

SIGNALS = [signal.SIGTERM, signal.SIGINT]
OFFLINE = {"STEMWRIGHT_MODEL_SOURCES": "none"}


@pytest.fixture
def service(tmp_path):
    with Service(tmp_path / "data", OFFLINE) as service:
        yield service


def upload_url(service):
    """A signed address to send a file to."""
    key = service.run("keys", "create", "test").strip()
    with service.client(headers={"Authorization": f"Bearer {key}"}) as client:
        answer = client.post("/api/v1/upload", json={"filename": "song.wav"}).raise_for_status()
    return httpx.URL(answer.json()["uploadUrl"])


def begin_upload(service):
    """A connection on which a file has begun to come and does not end."""
    url = upload_url(service)
    connection = socket.create_connection((url.host, url.port))
    connection.sendall(
        b"PUT " + url.raw_path + b" HTTP/1.1\r\nHost: stems\r\nContent-Length: 1000\r\n\r\nRIFF"
    )
    return connection


def test_service_says_it_is_well_and_which_version_it_is(service):
    with service.client() as client:
        health = client.get("/health").json()
        page = client.get("/", headers={"Accept": "text/html"})

    assert (health["status"], health["version"]) == ("ok", stemwright.__version__)
    assert {check["status"] for check in health["checks"].values()} == {"ok"}
    assert "stemwright" in page.text


def test_service_says_on_stdout_where_it_is_once_it_answers(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "stemwright", "serve", "--port", "0"],
        env=os.environ | OFFLINE | {"STEMWRIGHT_DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        line = process.stdout.readline()
        found = re.fullmatch(r"stemwright is at (http://127\.0\.0\.1:\d+)\n", line)
        assert httpx.get(f"{found[1]}/health", trust_env=False).is_success
        process.kill()


@pytest.mark.parametrize("number", SIGNALS)
def test_service_that_is_asked_to_stop_ends_well(service, number):
    service.send_signal(number)

    assert service.wait() == 0
    assert "Traceback" not in service.log


@pytest.mark.parametrize("number", SIGNALS)
def test_second_signal_ends_the_service_at_once(service, number):
    with begin_upload(service):
        service.send_signal(number)
        service.wait_for_log("Waiting for connections to close")
        asked = time.monotonic()
        service.send_signal(number)

        assert service.wait() == 128 + number
        assert time.monotonic() - asked < 5  # the upload would have had ten seconds


@pytest.mark.parametrize(
    ("command", "missing"), [("serve", "fastapi"), ("serve", "structlog"), ("worker", "dbos")]
)
def test_without_its_packages_the_service_says_what_to_install(tmp_path, command, missing):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from stemwright.entry.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, command],
        env=os.environ | OFFLINE | {"STEMWRIGHT_DATA_DIR": str(tmp_path), "STEMWRIGHT_PORT": "0"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 11, done.stderr
    assert f"{missing} is not installed: pip install 'stemwright[service]'" in done.stderr
