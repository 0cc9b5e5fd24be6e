"""Large files pass through the server without staying in its memory."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from stemwright.kit.clock import utc_now
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import Grant, UrlSigner

MIB = 1 << 20
SECRET = "thirty-two bytes or more, for tests"
TESTS = Path(__file__).parents[2]


@contextmanager
def _server(storage_url, folder):
    command = [sys.executable, "-m", "support.blob_server", storage_url, str(folder), SECRET]
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            url, upload_url = process.stdout.readline().split()
            yield process.pid, url, upload_url
        finally:
            process.kill()


def _peak_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def _send(url, size_mib):
    block = bytes(MIB)
    with httpx.Client(trust_env=False, timeout=120) as client:
        headers = {"Content-Length": str(size_mib * MIB)}
        answer = client.put(url, content=(block for _ in range(size_mib)), headers=headers)
    assert answer.status_code == 200


def _received(url):
    with httpx.Client(trust_env=False, timeout=120) as client, client.stream("GET", url) as answer:
        assert answer.status_code == 200
        return sum(len(block) for block in answer.iter_raw())


def _download_url(storage_url, base_url):
    signer = UrlSigner(SECRET.encode())
    [found] = open_storage(storage_url, signer=signer).list("uploads")
    return signer.url(base_url, Grant(found.key, "GET", utc_now() + timedelta(hours=1)))


@pytest.mark.slow
@pytest.mark.parametrize(("store", "size_mib"), [("file", 1024), ("s3", 256)])
def test_a_large_file_is_sent_and_had_in_little_memory(store, size_mib, request, tmp_path):
    request.getfixturevalue("monkeypatch").setenv("NO_PROXY", "127.0.0.1")
    storage_url = (tmp_path / "objects").as_uri()
    if store == "s3":
        storage_url = request.getfixturevalue("seaweedfs").fresh_url()
    with _server(storage_url, tmp_path) as (pid, url, upload_url):
        before_mib = _peak_mib(pid)
        _send(upload_url, size_mib)
        sent_mib = _peak_mib(pid)
        assert _received(_download_url(storage_url, url)) == size_mib * MIB
        had_mib = _peak_mib(pid)
    # an upload to S3 holds three parts of 8 MiB
    assert had_mib - before_mib < 64, (before_mib, sent_mib, had_mib)
