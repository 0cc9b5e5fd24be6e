"""What only a bucket does."""

import time
from datetime import timedelta

import httpx
import pytest

from stemwright.errors import StorageError, StorageUnreachable
from stemwright.kit.clock import utc_now
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import UrlSigner

SIGNER = UrlSigner(b"thirty-two bytes or more, for tests")
MIB = 1 << 20


def _open(url, **options):
    return open_storage(url, signer=SIGNER, environ={}, **options)


def _bucket(url):
    return httpx.URL(url).host


@pytest.fixture
def url(seaweedfs):
    return seaweedfs.fresh_url()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    """What is asked of the loopback does not go through a proxy of this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


def _link(storage, key, lasts=timedelta(minutes=5)):
    return storage.download_url(key, base_url="unused", expires_at=utc_now() + lasts)


def test_a_presigned_address_tells_type_and_name_and_takes_ranges(url, tmp_path):
    storage = _open(url)
    (tmp_path / "x").write_bytes(b"0123456789")
    storage.put_file(
        "j/1/vocals.mp3", tmp_path / "x", content_type="audio/mpeg", file_name="Été.mp3"
    )
    answer = httpx.get(_link(storage, "j/1/vocals.mp3"))
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Ete.mp3\"; filename*=UTF-8''%C3%89t%C3%A9.mp3"
    )
    part = httpx.get(_link(storage, "j/1/vocals.mp3"), headers={"Range": "bytes=2-3"})
    assert (part.status_code, part.content) == (206, b"23")


def test_a_presigned_address_is_good_for_its_time_and_object_alone(url, tmp_path):
    storage = _open(url)
    (tmp_path / "x").write_bytes(b"x")
    for key in ("a.mp3", "b.mp3"):
        storage.put_file(key, tmp_path / "x", content_type="audio/mpeg")
    link = _link(storage, "a.mp3", timedelta(seconds=1))
    assert httpx.get(link.replace("a.mp3", "b.mp3")).status_code == 403
    assert httpx.delete(link).status_code == 403
    last = time.monotonic() + 10
    while httpx.get(link).status_code == 200:
        assert time.monotonic() < last
    assert httpx.get(link).status_code == 403


def test_a_public_endpoint_signs_for_its_own_name(seaweedfs, url, tmp_path):
    storage = _open(url, public_endpoint=f"http://localhost:{seaweedfs.port}")
    (tmp_path / "x").write_bytes(b"x")
    storage.put_file("a.mp3", tmp_path / "x", content_type="audio/mpeg")
    link = _link(storage, "a.mp3")
    assert httpx.URL(link).host == "localhost"
    assert httpx.get(link).status_code == 200
    assert httpx.get(link.replace("localhost", "127.0.0.1")).status_code == 403


def test_what_is_given_up_leaves_no_hidden_parts(seaweedfs, url):
    storage = _open(url)
    with storage.writer("a.wav", "audio/wav") as writer:
        for _ in range(40):
            writer.write(b"x" * MIB)
        assert seaweedfs.unfinished_uploads(_bucket(url))
    assert seaweedfs.unfinished_uploads(_bucket(url)) == []


def test_wrong_credentials_are_told_without_the_secret(seaweedfs):
    storage = _open(seaweedfs.url("test-denied", secret_access_key="wrong-secret"))
    calls = [
        lambda: storage.stat("a"),
        lambda: list(storage.list()),
        lambda: storage.delete(["a"]),
        lambda: storage.writer("a", "audio/mpeg").commit(),
    ]
    for call in calls:
        with pytest.raises(StorageError, match="refused") as caught:
            call()
        assert "wrong-secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_server_that_is_away_is_unreachable(monkeypatch):
    monkeypatch.setattr("stemwright.storage.s3._RETRIES", {"max_retries": 1})
    storage = _open("s3://bucket?endpoint=http://127.0.0.1:1&access_key_id=a&secret_access_key=b")
    with pytest.raises(StorageUnreachable, match="did not answer"):
        storage.stat("a")
    with pytest.raises(StorageUnreachable), storage.writer("a", "audio/mpeg") as writer:
        for _ in range(64):  # far more than may wait: nobody hangs where the other side is gone
            writer.write(b"x" * MIB)
        writer.commit()
