"""Large archives pass through the server without staying in its memory."""

import os
import re
import subprocess
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from support.live_server import wait_until
from support.media import wav_header

MIB = 1 << 20
TESTS = Path(__file__).parents[3]


@contextmanager
def _server(storage_url, folder, size_mib):
    module = "support.library_site"
    command = [sys.executable, "-m", module, storage_url, str(folder), str(size_mib)]
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "NO_PROXY": "127.0.0.1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        try:
            url, track_id = process.stdout.readline().split()
            yield process.pid, f"{url}/export/stems/{track_id}"
        finally:
            process.kill()


def _peak_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def _open_files(pid, folder):
    return [path for path in Path(f"/proc/{pid}/fd").iterdir() if _leads(path, folder)]


def _leads(path, folder):
    try:
        return path.readlink().is_relative_to(folder)
    except FileNotFoundError:
        return False


def _received(client, url, **headers):
    length = crc32 = 0
    with client.stream("GET", url, headers={"x-owner": "usr_1", **headers}) as answer:
        assert answer.status_code in {200, 206}
        for block in answer.iter_raw():
            length += len(block)
            crc32 = zlib.crc32(block, crc32)
        assert int(answer.headers["content-length"]) == length
    return length, crc32


@pytest.mark.slow
@pytest.mark.parametrize(("store", "size_mib"), [("file", 1024), ("s3", 256)])
def test_a_large_archive_is_had_in_little_memory(store, size_mib, request, tmp_path):
    request.getfixturevalue("monkeypatch").setenv("NO_PROXY", "127.0.0.1")
    storage_url = (tmp_path / "objects").as_uri()
    if store == "s3":
        storage_url = request.getfixturevalue("seaweedfs").fresh_url()
    with (
        _server(storage_url, tmp_path, size_mib) as (pid, url),
        httpx.Client(trust_env=False, timeout=120) as client,
    ):
        before_mib = _peak_mib(pid)
        length, crc32 = _received(client, url)
        assert length > size_mib * MIB
        assert _received(client, url) == (length, crc32)
        assert _received(client, url, range=f"bytes={length - 99}-")[0] == 99
        for _ in range(8):
            with client.stream("GET", url, headers={"x-owner": "usr_1"}) as answer:
                next(answer.iter_raw())
        had_mib = _peak_mib(pid)
        wait_until(lambda: not _open_files(pid, tmp_path / "objects"), "files closed")
    assert had_mib - before_mib < 64, (before_mib, had_mib)


def _form(track_id, size_mib):
    for name, value in {"track_id": track_id, "stem_type": "vocals"}.items():
        yield f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    yield wav_header(data_bytes=size_mib * MIB)
    for _ in range(size_mib):
        yield bytes(MIB)
    yield b"\r\n--x--\r\n"


@pytest.mark.slow
def test_a_large_stem_is_kept_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with (
        _server((tmp_path / "objects").as_uri(), tmp_path, 4) as (pid, url),
        httpx.Client(trust_env=False, timeout=120) as client,
    ):
        before_mib = _peak_mib(pid)
        address, _, track_id = url.partition("/export/stems/")
        answer = client.post(
            f"{address}/api/daw/export",
            content=_form(track_id, 480),
            headers={"content-type": "multipart/form-data; boundary=x", "x-owner": "usr_1"},
        )
        had_mib = _peak_mib(pid)
    assert answer.json()["ok"], answer.text
    assert had_mib - before_mib < 64, (before_mib, had_mib)
    assert not list((tmp_path / "scratch").iterdir())
