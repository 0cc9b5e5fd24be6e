"""What every storage does: the same tests for a folder and for an S3 server."""

import os
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from stemwright.errors import StorageError, StorageMissing
from stemwright.kit.clock import utc_now
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import UrlSigner

MIB = 1 << 20
SECRET = b"thirty-two bytes or more, for tests"


@pytest.fixture(params=["file", "s3"])
def storage(request, tmp_path):
    if request.param == "file":
        url = (tmp_path / "objects").as_uri()
    else:
        request.getfixturevalue("monkeypatch").setenv("NO_PROXY", "127.0.0.1")
        url = request.getfixturevalue("seaweedfs").fresh_url("/some/prefix")
    return open_storage(url, signer=UrlSigner(SECRET))


def _store(storage, key, content, content_type="audio/mpeg"):
    with storage.writer(key, content_type) as writer:
        for start in range(0, len(content), MIB):
            writer.write(content[start : start + MIB])
        writer.commit()


def _content(storage, key):
    return b"".join(storage.read(key))


def test_what_was_stored_is_read_back(storage):
    _store(storage, "jobs/job_1/1/vocals.mp3", b"sung")
    assert _content(storage, "jobs/job_1/1/vocals.mp3") == b"sung"


def test_a_file_of_several_parts_is_stored_whole(storage, tmp_path):
    song = tmp_path / "song.wav"
    song.write_bytes(os.urandom(19 * MIB + 7))
    storage.put_file("a/song.wav", song, content_type="audio/wav")
    storage.fetch("a/song.wav", tmp_path / "again.wav")
    assert (tmp_path / "again.wav").read_bytes() == song.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == [
        "again.wav",
        "song.wav",
    ]


def test_a_writer_takes_what_needs_several_parts(storage):
    content = os.urandom(19 * MIB + 7)
    _store(storage, "a/song.wav", content)
    assert _content(storage, "a/song.wav") == content


def test_an_object_is_described(storage):
    before = utc_now() - timedelta(seconds=2)
    _store(storage, "a/b.mp3", b"12345")
    found = storage.stat("a/b.mp3")
    assert (found.key, found.size_bytes) == ("a/b.mp3", 5)
    assert before <= found.modified_at <= utc_now() + timedelta(seconds=2)
    assert found.etag.startswith('"')
    assert found.etag.endswith('"')


def test_other_bytes_of_the_same_length_have_another_tag(storage):
    _store(storage, "a/b.mp3", b"12345")
    first = storage.stat("a/b.mp3")
    _store(storage, "a/b.mp3", b"54321")
    assert storage.stat("a/b.mp3").etag != first.etag
    assert _content(storage, "a/b.mp3") == b"54321"


def test_what_is_not_there_is_none_and_cannot_be_read(storage, tmp_path):
    assert storage.stat("a/b.mp3") is None
    with pytest.raises(StorageMissing, match=r"a/b\.mp3"):
        storage.read("a/b.mp3")
    with pytest.raises(StorageMissing):
        storage.fetch("a/b.mp3", tmp_path / "b.mp3")
    assert not (tmp_path / "b.mp3").exists()


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 5, b"34"),
        (8, 99, b"89"),
        (3, 3, b""),
        (10, None, b""),
        (11, 12, b""),
    ],
)
def test_a_part_is_read(storage, start, end, expected):
    _store(storage, "a/b.mp3", b"0123456789")
    assert b"".join(storage.read("a/b.mp3", start, end)) == expected


def test_nothing_is_visible_before_it_is_committed(storage):
    with storage.writer("a/b.mp3", "audio/mpeg") as writer:
        writer.write(b"x" * (20 * MIB))
        assert storage.stat("a/b.mp3") is None
        assert list(storage.list()) == []
        writer.commit()
    assert storage.stat("a/b.mp3").size_bytes == 20 * MIB


def test_an_older_object_stays_until_the_new_one_is_whole(storage):
    _store(storage, "a/b.mp3", b"older")
    with storage.writer("a/b.mp3", "audio/mpeg") as writer:
        writer.write(b"x" * (20 * MIB))
        writer.abort()
    assert _content(storage, "a/b.mp3") == b"older"


def test_an_error_leaves_nothing(storage):
    with pytest.raises(KeyError), storage.writer("a/b.mp3", "audio/mpeg") as writer:
        writer.write(b"x" * (20 * MIB))
        raise KeyError
    assert list(storage.list()) == []


def test_writers_of_one_key_do_not_mix(storage):
    contents = [bytes([number]) * (9 * MIB) for number in range(6)]
    threads = [
        threading.Thread(target=_store, args=(storage, "a/b.mp3", content)) for content in contents
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _content(storage, "a/b.mp3") in contents


def test_objects_are_deleted_and_again(storage):
    for name in ("a", "b", "c"):
        _store(storage, f"x/{name}.mp3", b"1")
    for _ in range(2):
        storage.delete(["x/a.mp3", "x/b.mp3", "x/never.mp3"])
    assert [found.key for found in storage.list()] == ["x/c.mp3"]


def test_a_folder_is_listed_and_not_its_namesakes(storage):
    for key in ("up/a/1.mp3", "up/2.mp3", "upper/3.mp3", "other.mp3"):
        _store(storage, key, b"123")
    assert {found.key for found in storage.list("up")} == {"up/a/1.mp3", "up/2.mp3"}
    assert {found.key for found in storage.list("up/")} == {"up/a/1.mp3", "up/2.mp3"}
    assert len(list(storage.list())) == 4
    assert list(storage.list("none")) == []
    assert {found.size_bytes for found in storage.list()} == {3}


@pytest.mark.parametrize(
    "key",
    [
        *("", "/a", "a/", "a//b", "..", "a/../b", "./a", "a/.b", "a\0b", "a b", "a\\b", "é", "a\n"),
        "x" * 256,
        "/".join(["x" * 200] * 3),
    ],
)
def test_what_is_not_a_key_is_refused(storage, key):
    calls = [
        storage.stat,
        storage.read,
        lambda key: storage.delete([key]),
        lambda key: storage.writer(key, "audio/mpeg"),
        lambda key: storage.download_url(key, base_url="http://x", expires_at=utc_now()),
    ]
    for call in calls:
        with pytest.raises(StorageError, match="cannot be the key"):
            call(key)


def test_a_download_address_ends_as_the_key_does(storage):
    soon = utc_now() + timedelta(minutes=5)
    url = storage.download_url("jobs/j/1/vocals.mp3", base_url="http://host", expires_at=soon)
    assert httpx.URL(url).path.endswith("/jobs/j/1/vocals.mp3")


def test_what_was_read_in_part_may_be_left(storage):
    _store(storage, "a/b.mp3", b"x" * (20 * MIB))
    blocks = storage.read("a/b.mp3")
    assert next(blocks)
    blocks.close()
    storage.delete(["a/b.mp3"])
    assert storage.stat("a/b.mp3") is None


def test_times_are_aware(storage):
    _store(storage, "a/b.mp3", b"1")
    assert storage.stat("a/b.mp3").modified_at.astimezone(UTC) > datetime(2020, 1, 1, tzinfo=UTC)
