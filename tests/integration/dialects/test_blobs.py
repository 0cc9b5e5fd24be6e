"""Signed addresses over real HTTP, on a folder and on an S3 server."""

import http.client
import socket
import threading
from datetime import timedelta

import httpx
import pytest
from starlette.applications import Starlette

from stemwright.db.base import Table
from stemwright.db.database import Database, sqlite_url
from stemwright.dialects.blobs.routes import BlobRoutes
from stemwright.errors import UploadNotFound
from stemwright.features.uploads.service import Uploads
from stemwright.features.uploads.tables import UploadRow
from stemwright.kit.clock import utc_now
from stemwright.storage.local import _Blocks
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import Grant, UrlSigner
from support.live_server import AppServer, wait_until

MIB = 1 << 20
LIMIT = 24 * MIB


class Site:
    """A server with uploads and downloads, and what is behind it."""

    def __init__(self, storage_url, folder, silence_s):
        self.signer = UrlSigner(b"thirty-two bytes or more, for tests")
        self.storage = open_storage(storage_url, signer=self.signer)
        self.database = Database(sqlite_url(folder / "db.sqlite3"))
        Table.metadata.create_all(self.database.engine)
        self.later = timedelta()
        self.uploads = Uploads(
            self.database,
            self.storage,
            self.signer,
            max_file_bytes=LIMIT,
            quota_bytes=4 * LIMIT,
            clock=self.now,
        )
        blobs = BlobRoutes(self.storage, self.signer, self.uploads, self.now, silence_s)
        self.server = AppServer(Starlette(routes=blobs.routes()))

    def now(self):
        return utc_now() + self.later

    def ticket(self, name="song.mp3"):
        return self.uploads.create("usr_1", name, None, self.server.url)

    def uploaded(self, key):
        with self.database.transaction() as session:
            upload = self.uploads.claim(session, "usr_1", key)
        return b"".join(self.storage.read(upload.storage_key))

    def objects(self):
        return [found.key for found in self.storage.list()]

    def stored(self, key, content, **said):
        with self.storage.writer(key, "audio/mpeg") as writer:
            writer.write(content)
            writer.commit()
        grant = Grant(key, "GET", self.now() + timedelta(hours=1), **said)
        return self.signer.url(self.server.url, grant)


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """What is asked of the loopback does not go through a proxy of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def _site(url, folder, silence_s=60.0):
    site = Site(url, folder, silence_s)
    with site.server:
        yield site
    site.database.close()


@pytest.fixture
def local(tmp_path):
    yield from _site((tmp_path / "objects").as_uri(), tmp_path)


@pytest.fixture
def impatient(tmp_path):
    yield from _site((tmp_path / "objects").as_uri(), tmp_path, silence_s=0.5)


@pytest.fixture(params=["file", "s3"])
def site(request, tmp_path):
    if request.param == "file":
        yield from _site((tmp_path / "objects").as_uri(), tmp_path)
    else:
        yield from _site(request.getfixturevalue("seaweedfs").fresh_url(), tmp_path)


def _error(answer):
    return answer.status_code, answer.json()["error"]["code"]


# ------------------------------------------------------------------------------------- uploads


def test_a_file_is_sent_and_sent_again(site):
    ticket = site.ticket()
    for content in (b"first", b"second, longer than the first"):
        answer = httpx.put(ticket.upload_url, content=content)
        assert (answer.status_code, answer.content) == (200, b"")
    assert site.uploaded(ticket.upload_key) == b"second, longer than the first"


def test_a_file_of_many_blocks_arrives_as_it_is(site):
    ticket, content = site.ticket(), bytes(range(256)) * 4096 * 20 + b"end"
    assert httpx.put(ticket.upload_url, content=content).status_code == 200
    assert site.uploaded(ticket.upload_key) == content


def test_a_chunked_body_and_any_content_type_are_taken(site):
    ticket = site.ticket()
    pieces = (b"x" * 100_000 for _ in range(30))
    answer = httpx.put(ticket.upload_url, content=pieces, headers={"Content-Type": "text/html"})
    assert answer.status_code == 200
    assert site.uploaded(ticket.upload_key) == b"x" * 3_000_000


def test_an_address_that_is_over_or_changed_is_refused(local):
    ticket = local.ticket()
    forged = ticket.upload_url.replace("input.mp3", "input.wav")
    assert _error(httpx.put(forged, content=b"x")) == (403, "URL_INVALID")
    bare = ticket.upload_url.partition("?")[0]
    assert _error(httpx.put(bare, content=b"x")) == (403, "URL_INVALID")
    assert _error(httpx.get(ticket.upload_url)) == (403, "URL_INVALID")
    local.later = timedelta(minutes=15)
    assert _error(httpx.put(ticket.upload_url, content=b"x")) == (403, "URL_EXPIRED")


def test_a_file_that_is_too_large_is_refused_with_the_sizes(site):
    answer = httpx.put(site.ticket().upload_url, content=b"x" * (LIMIT + 1))
    assert _error(answer) == (413, "FILE_TOO_LARGE")
    assert answer.json()["error"]["maxSizeBytes"] == LIMIT
    assert answer.json()["error"]["actualSizeBytes"] == LIMIT + 1


def test_a_file_that_says_it_is_too_large_is_refused_before_it_comes(local):
    url = httpx.URL(local.ticket().upload_url)
    line = http.client.HTTPConnection(url.host, url.port, timeout=10)
    line.putrequest("PUT", url.raw_path.decode())
    line.putheader("Content-Length", str(10**12))
    line.putheader("Expect", "100-continue")
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()


def test_a_chunked_body_is_cut_off_at_the_limit(site):
    pieces = (b"x" * MIB for _ in range(LIMIT // MIB + 2))
    answer = httpx.put(site.ticket().upload_url, content=pieces)
    assert _error(answer) == (413, "FILE_TOO_LARGE")
    assert site.objects() == []


def test_a_file_without_bytes_is_refused(site):
    assert _error(httpx.put(site.ticket().upload_url, content=b"")) == (400, "EMPTY_FILE")
    pieces = iter([b""])
    assert _error(httpx.put(site.ticket().upload_url, content=pieces)) == (400, "EMPTY_FILE")


def test_a_file_a_job_has_is_not_replaced(local):
    ticket = local.ticket()
    httpx.put(ticket.upload_url, content=b"first")
    assert local.uploaded(ticket.upload_key) == b"first"
    assert _error(httpx.put(ticket.upload_url, content=b"x")) == (409, "UPLOAD_IN_USE")
    assert local.uploaded(ticket.upload_key) == b"first"


def _begin(ticket, length, sent):
    """Send a part of a body and leave the rest to the caller."""
    url = httpx.URL(ticket.upload_url)
    line = http.client.HTTPConnection(url.host, url.port, timeout=10)
    line.putrequest("PUT", url.raw_path.decode())
    line.putheader("Content-Length", str(length))
    line.endheaders()
    line.send(b"x" * sent)
    return line


def _nothing_kept(site, ticket):
    """Wait until room is given back, then look."""
    wait_until(lambda: not _receiving(site, ticket.upload_key), "the end of the upload")
    with pytest.raises(UploadNotFound):
        site.uploaded(ticket.upload_key)
    return site.objects() == []


def _receiving(site, key):
    with site.database.reading() as session:
        return session.get_one(UploadRow, key).receiving_bytes


def test_a_client_that_goes_away_leaves_nothing(site):
    ticket = site.ticket()
    line = _begin(ticket, 20 * MIB, 12 * MIB)
    wait_until(lambda: _receiving(site, ticket.upload_key), "the beginning of the upload")
    line.close()
    assert _nothing_kept(site, ticket)


def test_a_client_that_falls_silent_is_told_and_leaves_nothing(impatient):
    ticket = impatient.ticket()
    line = _begin(ticket, 20 * MIB, 3 * MIB)
    assert line.getresponse().status == 400
    line.close()
    assert _nothing_kept(impatient, ticket)


def test_files_sent_to_one_address_at_once_do_not_mix(site):
    ticket = site.ticket()
    contents = [bytes([number]) * (9 * MIB) for number in range(4)]
    threads = [
        threading.Thread(target=httpx.put, args=(ticket.upload_url,), kwargs={"content": content})
        for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert site.uploaded(ticket.upload_key) in contents
    assert len(site.objects()) == 1


# ----------------------------------------------------------------------------------- downloads

CONTENT = bytes(range(256)) * 16384  # 4 MiB
NAMED = {"file_name": "Été.mp3", "content_type": "audio/mpeg"}


def test_a_file_is_downloaded_with_all_that_is_known_of_it(site):
    answer = httpx.get(site.stored("jobs/j/1/vocals.mp3", CONTENT, **NAMED))
    assert (answer.status_code, answer.content) == (200, CONTENT)
    headers = answer.headers
    assert headers["content-length"] == str(len(CONTENT))
    assert headers["content-type"] == "audio/mpeg"
    assert headers["content-disposition"].startswith('attachment; filename="Ete.mp3"')
    assert headers["accept-ranges"] == "bytes"
    assert headers["etag"].startswith('"')
    assert headers["last-modified"].endswith("GMT")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"].startswith("private")


def test_the_address_the_folder_gives_out_works(local):
    local.stored("jobs/j/1/vocals.mp3", CONTENT)
    url = local.storage.download_url(
        "jobs/j/1/vocals.mp3",
        base_url=local.server.url,
        expires_at=local.now() + timedelta(hours=1),
        **NAMED,
    )
    assert httpx.get(url).content == CONTENT


def test_the_head_of_a_file_is_that_of_the_whole_without_it(site):
    url = site.stored("a.mp3", CONTENT, **NAMED)
    head, whole = httpx.head(url), httpx.get(url)
    drop = {"date"}
    assert {k: v for k, v in head.headers.items() if k not in drop} == {
        k: v for k, v in whole.headers.items() if k not in drop
    }
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("0-99", 0, 100),
        ("-100", -100, None),
        ("4194000-", 4194000, None),
        ("5-3000000", 5, 3000001),
    ],
)
def test_a_part_is_downloaded(site, asked, start, stop):
    url = site.stored("a.mp3", CONTENT)
    answer = httpx.get(url, headers={"Range": f"bytes={asked}"})
    assert (answer.status_code, answer.content) == (206, CONTENT[start:stop])
    first, _, total = answer.headers["content-range"].removeprefix("bytes ").partition("/")
    assert int(first.partition("-")[0]) == CONTENT.index(answer.content[:1], start % len(CONTENT))
    assert total == str(len(CONTENT))
    assert answer.headers["content-length"] == str(len(answer.content))


def test_a_part_beyond_the_end_cannot_be_had(local):
    url = local.stored("a.mp3", CONTENT)
    answer = httpx.get(url, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


def test_a_client_that_has_the_file_is_told_so(site):
    url = site.stored("a.mp3", CONTENT)
    etag = httpx.get(url).headers["etag"]
    answer = httpx.get(url, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)


def test_a_download_is_continued_only_in_the_same_file(local):
    url = local.stored("a.mp3", CONTENT)
    resume = {"Range": "bytes=100-", "If-Range": httpx.head(url).headers["etag"]}
    assert httpx.get(url, headers=resume).content == CONTENT[100:]
    local.stored("a.mp3", CONTENT[::-1])
    answer = httpx.get(url, headers=resume)
    assert (answer.status_code, answer.content) == (200, CONTENT[::-1])


def test_a_file_without_bytes_is_downloaded(local):
    answer = httpx.get(local.stored("a.mp3", b""))
    assert (answer.status_code, answer.content) == (200, b"")


def test_addresses_that_open_nothing_say_why(local):
    url = local.stored("a.mp3", CONTENT)
    assert _error(httpx.get(url.replace("a.mp3", "b.mp3"))) == (403, "URL_INVALID")
    assert _error(httpx.put(url, content=b"x")) == (403, "URL_INVALID")
    odd = f"{local.server.url}/blobs/%2e%2e/%00?expires=x&signature=%C3%A9"
    assert _error(httpx.get(odd)) == (403, "URL_INVALID")
    local.storage.delete(["a.mp3"])
    assert _error(httpx.get(url)) == (404, "NOT_FOUND")
    local.later = timedelta(hours=2)
    assert _error(httpx.get(url)) == (403, "URL_EXPIRED")


def test_other_methods_are_not_allowed(local):
    assert httpx.post(local.stored("a.mp3", CONTENT)).status_code == 405


def test_a_client_that_goes_away_frees_the_file(local, monkeypatch):
    url = httpx.URL(local.stored("a.mp3", b"x" * (64 * MIB)))
    closed = threading.Event()
    close = _Blocks.close
    monkeypatch.setattr(_Blocks, "close", lambda self: (close(self), closed.set()))
    with socket.create_connection((url.host, url.port)) as line:
        line.sendall(f"GET {url.raw_path.decode()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert line.recv(100_000)
        assert not closed.is_set()
    assert closed.wait(10)
