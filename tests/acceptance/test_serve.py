"""The service in a process of its own, spoken to over a socket."""

import re
import signal
import subprocess
import sys

import httpx
import pytest

import stemwright


@pytest.fixture
def server():
    process = subprocess.Popen(
        [sys.executable, "-m", "stemwright", "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


def address(process):
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:\d+", line):
            return found[0]
    pytest.fail("the server ended without saying where it listens")


def fetch(url):
    return httpx.get(url, timeout=10, trust_env=False).json()


def test_service_says_it_is_well_and_which_version_it_is(server):
    base = address(server)

    assert fetch(f"{base}/health") == {"status": "ok", "version": stemwright.__version__}
    assert fetch(base)["name"] == "stemwright"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_service_stops_when_asked(server, number, status):
    address(server)
    server.send_signal(number)

    assert "Traceback" not in server.communicate(timeout=20)[1]
    assert server.returncode == status
