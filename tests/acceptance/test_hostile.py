"""The running service against attackers, unlucky users and clumsy clients."""

import json
import socket
import struct
from pathlib import Path

import httpx
import numpy as np
import pytest

from support.live_server import Service
from support.songs import write_song

OFFLINE = {"STEMWRIGHT_MODEL_SOURCES": "none", "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "0"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("hostile") / "data", OFFLINE) as service:
        yield service


@pytest.fixture(scope="module")
def api(service):
    key = service.run("keys", "create", "test").strip()
    with service.client(headers={"Authorization": f"Bearer {key}"}) as client:
        yield client


def refusal(answer, status=400):
    """The error in an answer, which has to be one of the contract's."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"].isupper()
    assert "Traceback" not in error["message"]
    return error


def ordered(api, song, name):
    ticket = api.post("/api/v1/upload", json={"filename": name}).json()
    httpx.put(ticket["uploadUrl"], content=song, trust_env=False).raise_for_status()
    order = {"uploadKey": ticket["uploadKey"], "fileName": name}
    return api.post("/api/v1/jobs", json=order)


def wav(samples, *, rate=44_100, claimed=None, kind=1):
    """A wav whose header may say anything."""
    raw = samples.tobytes()
    channels, bits = samples.shape[1], samples.itemsize * 8
    step = channels * bits // 8
    head = struct.pack("<HHIIHH", kind, channels, rate, rate * step & 0xFFFFFFFF, step, bits)
    size = len(raw) if claimed is None else claimed
    return (
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0" + head + b"data" + struct.pack("<I", size) + raw
    )


BODIES = {
    "nothing": b"",
    "half a body": b"{",
    "no object": b"[1]",
    "a number": b"7",
    "no utf-8": b'{"uploadKey": "\xff\xfe"}',
    "deep objects": b'{"metadata": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
    "deep lists": b"[" * 100_000,
    "an endless number": b'{"uploadKey": ' + b"9" * 10_000 + b"}",
    "infinity": b'{"sourceUrl": "http://example.com/a.mp3", "metadata": {"a": 1e999}}',
    "NUL in a key": b'{"uploadKey": "a\\u0000b"}',
    "NUL in metadata": b'{"sourceUrl": "http://example.com/a.mp3", "metadata": {"a": "\\u0000"}}',
    "half a character": b'{"sourceUrl": "http://example.com/a.mp3", "metadata": {"a": "\\ud800"}}',
    "wrong types": b'{"uploadKey": {"a": 1}, "quality": []}',
    "a novel": json.dumps({"uploadKey": "a", "metadata": {"a": "x" * 100_000}}).encode(),
    "a library": b'{"a": "' + b"x" * (2 << 20) + b'"}',
}


@pytest.mark.parametrize("path", ["jobs", "denoise-jobs", "youtube-jobs", "upload", "webhooks"])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_no_body_makes_the_service_stumble(api, path, body):
    assert refusal(api.post(f"/api/v1/{path}", content=body))["code"]


@pytest.mark.parametrize(
    "part", ["%00", "%0d%0aX:1", "%ed%a0%80", "..%2f..", "'%20OR%201=1", "a" * 9_000]
)
@pytest.mark.parametrize("kind", ["jobs", "youtube-jobs", "soundcloud-jobs", "denoise-jobs"])
def test_an_id_that_is_none_is_not_found_in_the_contracts_words(api, kind, part):
    assert refusal(api.get(f"/api/v1/{kind}/{part}"), 404)["message"]


@pytest.mark.parametrize("path", ["/nothing", "/api", "/blobs", "/.env", "/jobs/%0a"])
def test_addresses_outside_of_the_api_answer_in_the_words_of_the_other(api, path):
    answer = api.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert refusal(api.post("/health"), 405)["code"] == "METHOD_NOT_ALLOWED"


SILENCE = np.zeros((60, 2), np.int16)
FILES = {
    "a header of 300 channels.wav": wav(np.zeros((3_000, 300), np.int16)),
    "a rate of 4 GHz.wav": wav(SILENCE, rate=0xFFFFFFF0),
    "one sample.wav": wav(SILENCE[:1]),
    "four gigabytes claimed.wav": wav(SILENCE, claimed=0xFFFFFFFF),
    "a zip.mp3": b"PK\x03\x04" + bytes(range(256)) * 40,
    "a page.mp3": b"<!DOCTYPE html><html><script>alert(1)</script></html>",
    "a playlist.mp3": b"#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n",
    "a script.mp3": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "zeros.mp3": bytes(1 << 20),
    "sync words.mp3": b"\xff\xfb\x90\0" * 100_000,
    "boxes in boxes.m4a": b"\0\0\0\x18ftypM4A \0\0\0\0M4A isom" + b"\0\0\xff\xffmoov" * 5_000,
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_song_is_refused_by_its_name_and_no_path_is_told(api, service, name):
    error = refusal(ordered(api, FILES[name], name))

    assert error["code"] in {"UNSUPPORTED_FORMAT", "AUDIO_TOO_SHORT"}
    assert name in error["message"]
    assert str(service.data_dir) not in error["message"]


def test_a_header_that_claims_a_year_is_too_long_before_anything_is_decoded(api, tmp_path):
    song = bytearray(write_song(tmp_path / "song.flac", 6.0).read_bytes())
    song[21] |= 0x0F  # the length, 36 bits of the first block
    song[22:26] = b"\xff" * 4

    error = refusal(ordered(api, bytes(song), "year.flac"))

    assert (error["code"], error["maxDurationSeconds"]) == ("AUDIO_TOO_LONG", 3600)


def test_what_strangers_name_their_files_stays_out_of_headers(api, tmp_path):
    ticket = api.post(
        "/api/v1/upload", json={"filename": "../../a\r\nSet-Cookie: b\u202e.mp3"}
    ).json()

    assert ticket["uploadKey"].endswith("/input.mp3")
    assert ".." not in ticket["uploadUrl"]


REQUESTS = {
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    "less than nothing": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "an endless length": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "
    + b"9" * 5_000
    + b"\r\n\r\n",
    "another encoding": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0\r\n\r\n",
    "NUL in the path": b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_what_is_no_http_is_refused_and_hung_up_on(service, request_):
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(request_)
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "..%5c", "%00", "a/" * 2_000]
)
def test_no_spelling_of_a_path_leaves_the_storage(service, key):
    target = f"/blobs/{key}?expires=9999999999&signature=x"
    head = f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as connection:
        connection.sendall(head.encode())
        answer = b"".join(iter(lambda: connection.recv(4096), b""))

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"root:" not in answer


def test_five_hundred_silent_connections_keep_nobody_out(service, api):
    silent = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(500)]

    answer = api.get("/api/v1/balance")

    for connection in silent:
        connection.close()
    assert answer.status_code == 200


def test_after_all_this_nothing_was_a_defect(service):
    assert "Traceback" not in service.log
    assert not list(Path(service.data_dir / "scratch").glob("probe-*"))
