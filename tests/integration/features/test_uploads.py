"""Uploads on a real database and a real folder, without HTTP."""

import threading
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from sqlalchemy import select

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import (
    QuotaExceeded,
    StorageError,
    UnsupportedFormat,
    UploadEmpty,
    UploadInUse,
    UploadNotFound,
    UploadTooLarge,
)
from stemwright.features.uploads.service import Uploads
from stemwright.features.uploads.tables import UploadRow
from stemwright.storage.local import LocalStorage
from stemwright.storage.signing import UrlSigner

START = datetime(2030, 1, 1, tzinfo=UTC)
BASE = "https://host"


class World:
    """The service with a clock that stands still, and what it works on."""

    def __init__(self, database_url, folder):
        self.now = START
        self.signer = UrlSigner(b"thirty-two bytes or more, for tests")
        self.storage = LocalStorage(folder, self.signer)
        self.database = Database(database_url)
        Table.metadata.create_all(self.database.engine)
        self.needed = set()
        self.uploads = Uploads(
            self.database,
            self.storage,
            self.signer,
            max_file_bytes=1000,
            quota_bytes=2500,
            in_use=lambda _session, keys: self.needed & set(keys),
            clock=lambda: self.now,
        )

    def asked(self, owner="usr_1", name="song.mp3"):
        return self.uploads.create(owner, name, None, BASE).upload_key

    def sent(self, content=b"x" * 10, key=None, declared=True):
        key = key or self.asked()
        with self.uploads.receive(key, len(content) if declared else None) as receiving:
            receiving.write(content)
            receiving.finish()
        return key

    def claimed(self, key, owner="usr_1"):
        with self.database.transaction() as session:
            return self.uploads.claim(session, owner, key)

    def content(self, upload):
        return b"".join(self.storage.read(upload.storage_key))

    def objects(self):
        return [found.key for found in self.storage.list()]

    def rows(self):
        with self.database.reading() as session:
            return list(session.scalars(select(UploadRow)))


@pytest.fixture
def world(database_url, tmp_path):
    world = World(database_url, tmp_path / "objects")
    yield world
    world.database.close()


def test_a_ticket_says_where_to_send_what_by_when(world):
    ticket = world.uploads.create("usr_1", "C:\\Music\\My Song.WAV", "text/html", BASE)
    assert ticket.upload_key.startswith("uploads/api_")
    assert ticket.upload_key.endswith("/input.wav")
    assert ticket.expires_at == START + timedelta(minutes=15)
    assert ticket.max_file_size_bytes == 1000
    assert ticket.content_type == "audio/wav"


def test_the_address_of_a_ticket_opens_its_key_for_sending(world):
    ticket = world.uploads.create("usr_1", "song.mp3", None, BASE)
    url = urlsplit(ticket.upload_url)
    assert url.path == f"/blobs/{ticket.upload_key}"
    grant = world.signer.opened("PUT", ticket.upload_key, dict(parse_qsl(url.query)), START)
    assert grant.expires_at == ticket.expires_at


@pytest.mark.parametrize("name", ["song.txt", "mp3", ".mp3", "song", "song.", "", "x.mp3/y"])
def test_other_formats_are_refused_with_those_that_are_taken(world, name):
    with pytest.raises(UnsupportedFormat, match="mp3, wav, flac") as caught:
        world.uploads.create("usr_1", name, None, BASE)
    assert "wma" in caught.value.supported
    assert "opus" in caught.value.supported


def test_what_was_sent_can_be_had_by_its_owner_again_and_again(world):
    key = world.sent(b"music")
    for _ in range(2):
        upload = world.claimed(key)
        assert world.content(upload) == b"music"
    assert (upload.key, upload.file_name, upload.size_bytes) == (key, "song.mp3", 5)
    assert upload.content_type == "audio/mpeg"


def test_a_long_name_keeps_its_extension(world):
    key = world.sent(key=world.asked(name="ß" * 400 + ".mp3"))
    assert world.claimed(key).file_name == "ß" * 251 + ".mp3"


def test_what_no_name_contains_is_left_out(world):
    key = world.sent(key=world.asked(name="../a\0b\r\n\ud800.mp3"))
    assert world.claimed(key).file_name == "ab?.mp3"


def test_a_storage_that_fails_at_once_keeps_no_room(world, monkeypatch):
    def fail(_key, _content_type):
        raise StorageError("away")

    monkeypatch.setattr(world.storage, "writer", fail)
    for _ in range(3):
        with pytest.raises(StorageError):
            world.sent(b"x" * 1000)
    assert sum(row.receiving_bytes for row in world.rows()) == 0


def test_unknown_foreign_never_sent_and_old_uploads_look_the_same(world):
    sent, never_sent = world.sent(), world.asked()
    for key, owner in [
        (sent, "usr_2"),
        (never_sent, "usr_1"),
        ("uploads/api_none/input.mp3", "usr_1"),
        ("../../etc/passwd", "usr_1"),
        ("uploads/\0/input.mp3", "usr_1"),
        ("\ud800", "usr_1"),
    ]:
        with pytest.raises(UploadNotFound):
            world.claimed(key, owner)
    world.now += timedelta(hours=24)
    with pytest.raises(UploadNotFound):
        world.claimed(sent)


def test_sending_again_replaces_what_was_sent(world):
    key = world.sent(b"first")
    world.sent(b"second", key)
    assert world.content(world.claimed(key)) == b"second"
    assert len(world.objects()) == 1


def test_what_a_job_has_taken_stays_as_it_is(world):
    key = world.sent(b"first")
    upload = world.claimed(key)
    with pytest.raises(UploadInUse):
        world.sent(b"second", key)
    assert world.content(upload) == b"first"


def test_a_job_that_comes_while_a_file_is_sent_again_keeps_the_first(world):
    key = world.sent(b"first")
    with world.uploads.receive(key, 6) as receiving:
        receiving.write(b"second")
        upload = world.claimed(key)
        with pytest.raises(UploadInUse):
            receiving.finish()
    assert world.content(upload) == b"first"
    assert world.objects() == [upload.storage_key]


def test_files_sent_to_one_key_at_once_do_not_mix(world):
    key = world.asked()
    contents = [bytes([number]) * 900 for number in range(8)]
    threads = [threading.Thread(target=world.sent, args=(content, key)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.content(world.claimed(key)) in contents
    assert len(world.objects()) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_the_largest_file_is_taken_and_one_byte_more_is_not(world, declared):
    world.sent(b"x" * 1000, declared=declared)
    with pytest.raises(UploadTooLarge) as caught:
        world.sent(b"x" * 1001, declared=declared)
    assert (caught.value.max_bytes, caught.value.actual_bytes) == (1000, 1001)
    assert len(world.objects()) == 1


@pytest.mark.parametrize("declared", [True, False])
def test_a_file_without_bytes_is_refused(world, declared):
    with pytest.raises(UploadEmpty):
        world.sent(b"", declared=declared)
    assert world.objects() == []


def test_what_is_not_finished_leaves_nothing(world):
    key = world.asked()
    with pytest.raises(KeyError), world.uploads.receive(key, 900) as receiving:
        receiving.write(b"x" * 500)
        raise KeyError
    assert world.objects() == []
    with pytest.raises(UploadNotFound):
        world.claimed(key)


def test_nobody_sends_to_what_was_never_asked_for(world):
    with pytest.raises(UploadNotFound):
        world.uploads.receive("uploads/api_none/input.mp3", 10)


def test_files_that_wait_for_a_job_fill_the_quota(world):
    keys = [world.sent(b"x" * 1000), world.sent(b"x" * 1000)]
    with pytest.raises(QuotaExceeded, match="2000 bytes, of 2500"):
        world.sent(b"x" * 501)
    world.sent(b"x" * 500)
    with pytest.raises(QuotaExceeded):
        world.asked()
    assert world.asked(owner="usr_2")
    world.claimed(keys[0])
    assert world.sent(b"x" * 1000)


def test_files_on_their_way_count_as_well(world):
    others = [world.asked() for _ in range(3)]
    with (
        world.uploads.receive(others[0], 1000) as first,
        world.uploads.receive(others[1], 1000),
        pytest.raises(QuotaExceeded),
    ):
        world.uploads.receive(others[2], 501)
    first.abort()
    assert world.sent(b"x" * 1000, others[2])


def test_a_file_of_unknown_size_stops_at_the_quota(world):
    key = world.asked()
    for _ in range(2):
        world.sent(b"x" * 1000)
    with pytest.raises(QuotaExceeded, match="Only 500 bytes"):
        world.sent(b"x" * 501, key, declared=False)


def test_room_kept_for_a_sending_that_was_killed_is_given_back(world):
    abandoned = [world.uploads.receive(world.asked(), 1000) for _ in range(2)]
    keys = [world.asked()]
    world.now += timedelta(hours=1)
    assert world.sent(b"x" * 1000, keys[0])
    for receiving in abandoned:
        receiving.abort()


def test_sending_again_does_not_count_twice(world):
    world.sent(b"x" * 1000)
    key = world.sent(b"x" * 1000)
    world.sent(b"x" * 1000, key)
    assert sum(row.size_bytes for row in world.rows()) == 2000


def test_after_a_day_uploads_go_with_their_files(world):
    world.sent()
    world.asked()
    world.now += timedelta(hours=23)
    young = world.sent()
    assert world.uploads.sweep(world.now) == 0
    world.now += timedelta(hours=1)
    assert world.uploads.sweep(world.now) == 2
    assert [row.key for row in world.rows()] == [young]
    assert len(world.objects()) == 1
    assert world.uploads.sweep(world.now) == 0


def test_what_a_job_still_needs_stays(world):
    keys = [world.sent(), world.sent()]
    world.needed = {keys[0]}
    world.now += timedelta(days=3)
    assert world.uploads.sweep(world.now) == 1
    assert [row.key for row in world.rows()] == [keys[0]]
    world.needed = set()
    assert world.uploads.sweep(world.now) == 1
    assert world.objects() == []


def test_files_of_no_upload_are_swept_when_they_are_old(world):
    with world.storage.writer("uploads/api_x/1/input.mp3", "audio/mpeg") as writer:
        writer.write(b"x")
        writer.commit()
    with world.storage.writer("jobs/job_1/1/vocals.mp3", "audio/mpeg") as writer:
        writer.write(b"x")
        writer.commit()
    made = world.storage.stat("uploads/api_x/1/input.mp3").modified_at
    assert world.uploads.sweep(made + timedelta(hours=23)) == 0
    assert world.uploads.sweep(made + timedelta(hours=25)) == 1
    assert world.objects() == ["jobs/job_1/1/vocals.mp3"]


def test_more_uploads_than_fit_a_page_are_swept(world, monkeypatch):
    monkeypatch.setattr("stemwright.features.uploads.service._BATCH", 2)
    keys = [world.asked() for _ in range(5)]
    world.needed = {keys[1]}
    assert world.uploads.sweep(START + timedelta(days=2)) == 4
    assert [row.key for row in world.rows()] == [keys[1]]
