"""Exports and files over real HTTP, of a folder and of an S3 server."""

import http.client
import io
import socket
import subprocess
import zipfile
from urllib.parse import quote

import pytest

from stemwright.errors import StorageError, StorageUnreachable
from stemwright.storage import local
from support.library_site import LibrarySite
from support.live_server import AppServer, wait_until

OWNER = {"x-owner": "usr_1"}
MIB = 1 << 20


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """What is asked of the loopback does not go through a proxy of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _served(storage_url, folder):
    site = LibrarySite(storage_url, folder)
    with AppServer(site.app) as server, server.client(headers=OWNER) as client:
        site.server, site.client = server, client
        yield site
    site.close()


@pytest.fixture
def site(tmp_path):
    yield from _served((tmp_path / "objects").as_uri(), tmp_path)


@pytest.fixture(params=["file", "s3"])
def any_site(request, tmp_path):
    url = (tmp_path / "objects").as_uri()
    if request.param == "s3":
        url = request.getfixturevalue("seaweedfs").fresh_url()
    yield from _served(url, tmp_path)


@pytest.fixture
def song(any_site):
    track = any_site.track(title="Für Elise / Ω")
    any_site.stem(track, "vocals", b"v" * (MIB + 17))
    any_site.stem(track, "drums", b"d" * 300, ending="flac")
    return track


def test_all_stems_come_in_one_archive_of_a_known_length(any_site, song, tmp_path):
    answer = any_site.client.get(f"/export/stems/{song.id}")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-length"] == str(len(answer.content))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        assert read.testzip() is None
        assert read.namelist() == ["Für Elise  Ω - drums.flac", "Für Elise  Ω - vocals.wav"]
        assert read.read("Für Elise  Ω - drums.flac") == b"d" * 300
    path = tmp_path / "all.zip"
    path.write_bytes(answer.content)
    subprocess.run(["unzip", "-tq", path], check=True)


def test_the_archive_is_named_after_the_song_in_all_alphabets(any_site, song):
    said = any_site.client.get(f"/export/stems/{song.id}").headers["content-disposition"]

    assert said.startswith('attachment; filename="Fur Elise  ')
    assert said.endswith(f"filename*=UTF-8''{quote('Für Elise  Ω_stems.zip')}")


def test_any_part_of_the_archive_is_that_slice(any_site, song):
    address = f"/export/stems/{song.id}"
    whole = any_site.client.get(address)
    size = len(whole.content)

    for start, stop in [(0, 1), (20, 90), (300, 500), (MIB, MIB + 300), (size - 99, size)]:
        headers = {"range": f"bytes={start}-{stop - 1}", "if-range": whole.headers["etag"]}
        part = any_site.client.get(address, headers=headers)
        assert part.status_code == 206
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
        assert part.content == whole.content[start:stop]


def test_a_download_is_not_resumed_when_a_stem_is_new(any_site, song):
    address = f"/export/stems/{song.id}"
    before = any_site.client.get(address)
    any_site.stem(song, "drums", b"D" * 300, ending="flac")

    headers = {"range": "bytes=10-", "if-range": before.headers["etag"]}
    after = any_site.client.get(address, headers=headers)

    assert after.status_code == 200
    assert b"D" * 300 in after.content
    assert b"d" * 300 not in after.content


def test_what_a_client_has_is_not_sent_again(any_site, song):
    address = f"/export/stems/{song.id}"
    first = any_site.client.head(address)
    again = any_site.client.get(address, headers={"if-none-match": first.headers["etag"]})

    assert "last-modified" not in first.headers  # another archive may be as old
    assert first.headers["content-length"] == str(len(any_site.client.get(address).content))
    assert (again.status_code, again.content) == (304, b"")


def test_a_stem_that_is_gone_is_left_out(any_site, song):
    stems = any_site.tracks.stems("usr_1", song.id)
    any_site.storage.delete([stem.key for stem in stems if stem.stem_type == "vocals"])

    answer = any_site.client.get(f"/export/stems/{song.id}")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        assert read.namelist() == ["Für Elise  Ω - drums.flac"]


@pytest.fixture
def failing(site, monkeypatch):
    """Makes storage fail with an error for every object whose key has a word in it."""
    read = site.storage.read

    def fail(word, error):
        def failing_read(key, *args):
            if word in key:
                raise error
            return read(key, *args)

        monkeypatch.setattr(site.storage, "read", failing_read)

    return fail


def test_a_stem_that_cannot_be_read_is_left_out(site, failing):
    track = site.track()
    for kind in ("vocals", "drums"):
        site.stem(track, kind, b"x")
    failing("vocals", StorageError("broken disk"))

    answer = site.client.get(f"/export/stems/{track.id}")

    with zipfile.ZipFile(io.BytesIO(answer.content)) as read:
        assert read.namelist() == ["Song - drums.wav"]


def test_a_store_that_does_not_answer_is_no_reason_to_leave_stems_out(site, failing):
    track = site.track()
    for kind in ("vocals", "drums"):
        site.stem(track, kind, b"x")
    failing("vocals", StorageUnreachable("gone for a moment"))

    with pytest.raises(StorageUnreachable):
        site.exports.stems("usr_1", track.id)


def test_it_is_an_error_when_all_are_gone(any_site, song):
    any_site.storage.delete([stem.key for stem in any_site.tracks.stems("usr_1", song.id)])

    answer = any_site.client.get(f"/export/stems/{song.id}")

    assert answer.status_code == 422
    assert answer.json()["error"] == "Stem files could not be read"


def test_a_stem_comes_under_the_name_of_its_type(any_site, song):
    stem = next(it for it in any_site.tracks.stems("usr_1", song.id) if it.stem_type == "vocals")

    answer = any_site.client.get(f"/export/stem/{stem.id}")

    assert answer.content == b"v" * (MIB + 17)
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["content-disposition"] == 'attachment; filename="vocals.wav"'


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/export/stems/{empty}", "No stems available"),
        ("/export/analysis/{empty}", "No analysis data"),
        ("/export/stems/0e", "Track not found"),
        ("/export/stems/7d9f8ad7-7bb7-4a23-9b1a-5b9f2f2d0000", "Track not found"),
        ("/export/analysis/0e", "Track not found"),
        ("/export/stem/0e", "Stem not found"),
        ("/export/stem/{gone}", "Stem not found"),
        ("/files/stems/0e/vocals.wav", "File not found"),
        ("/files/{gone_path}", "File not found"),
    ],
)
def test_what_is_not_there_is_not_found(site, path, error):
    empty, gone = site.track(), site.stem(site.track(), "bass", b"x")
    site.storage.delete([gone.key])
    address = path.format(empty=empty.id, gone=gone.id, gone_path=gone.file_path)

    answer = site.client.get(address)

    assert answer.status_code == 404
    assert (answer.json()["error"], answer.json()["code"]) == (error, "not_found")


@pytest.mark.parametrize(
    "path", ["/export/stem/{s}", "/export/stems/{t}", "/export/analysis/{t}", "/files/{f}"]
)
def test_nobody_has_what_is_another_ones(site, path):
    track = site.track()
    stem = site.stem(track, "bass", b"x")
    address = path.format(s=stem.id, t=track.id, f=stem.file_path)

    foreign = site.client.get(address, headers={"x-owner": "usr_2"})
    unknown = site.client.get(address, headers={"x-owner": ""})

    assert (foreign.status_code, foreign.json()["error"]) == (403, "Access denied")
    assert (unknown.status_code, unknown.json()["error"]) == (401, "Unauthorized")


def test_an_analysis_comes_as_a_document(site):
    track = site.track(title="Ω", artist="A", album="B", duration_s=222)
    site.analysed(track, {"tempo": 120.5, "key": "A minor", "features": {"beats": [0.5]}})

    answer = site.client.get(f"/export/analysis/{track.id}")

    told = answer.json()
    assert told.pop("exported_at").endswith("Z")
    assert told == {
        "track_id": track.id,
        "title": "Ω",
        "artist": "A",
        "analysis": {
            "tempo": 120.5,
            "key": "A minor",
            "energy": None,
            "zero_crossing_rate": None,
            "spectral_centroid": None,
            "spectral_rolloff": None,
            "features": {"beats": [0.5]},
        },
        "track": {
            "id": track.id,
            "title": "Ω",
            "artist": "A",
            "album": "B",
            "duration_ms": 222_000,
        },
    }
    assert quote("Ω_analysis.json") in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("said", "status", "content", "range_told"),
    [
        (None, 200, b"0123456789", None),
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-99", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=2-99", 206, b"23456789", "bytes 2-9/10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=5-2", 416, b"", "bytes */10"),
        ("bytes=x", 416, b"", "bytes */10"),
    ],
)
def test_files_are_played_from_anywhere(any_site, said, status, content, range_told):
    stem = any_site.stem(any_site.track(), "bass", b"0123456789")

    headers = {} if said is None else {"range": said}
    answer = any_site.client.get(f"/files/{stem.file_path}", headers=headers)

    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("content-range") == range_told
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=86400"
    if status != 416:
        assert answer.headers["content-type"] == "audio/wav"


@pytest.mark.parametrize(
    "path",
    [
        "../db.sqlite3",
        "..%2fdb.sqlite3",
        "%2e%2e/db.sqlite3",
        "%2e%2e%2fdb.sqlite3",
        "%252e%252e%252fdb.sqlite3",
        "stems/../../objects_other/x",
        "..%5c..%5cdb.sqlite3",
        "%c0%ae%c0%ae/db.sqlite3",
        "/etc/passwd",
        "%2fetc/passwd",
        "stems/a.wav%00.mp3",
        "stems%00",
    ],
)
def test_no_path_leads_out_of_the_library(site, path):
    host, port = site.server.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    try:
        connection.putrequest("GET", f"/files/{path}", skip_accept_encoding=True)
        connection.putheader("x-owner", "usr_1")
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 403
        assert b'"error":"Forbidden"' in answer.read()
    finally:
        connection.close()


def test_a_client_that_leaves_frees_what_was_open(site, monkeypatch):
    opened = []
    made = local._Blocks.__init__

    def noted(self, *args):
        made(self, *args)
        opened.append(self)

    monkeypatch.setattr(local._Blocks, "__init__", noted)
    track = site.track()
    site.stem(track, "vocals", bytes(24 * MIB))
    host, port = site.server.url.removeprefix("http://").split(":")

    with socket.create_connection((host, int(port))) as connection:
        asked = f"GET /export/stems/{track.id} HTTP/1.1\r\nHost: x\r\nx-owner: usr_1\r\n\r\n"
        connection.sendall(asked.encode())
        with connection.makefile("rb") as answer:
            assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            answer.read(2 * MIB)  # now a stem is being sent

    wait_until(lambda: len(opened) == 2 and all(it._file.closed for it in opened), "files closed")
