"""Files of jobs on their way to storage and out of it."""

from __future__ import annotations

import pytest

from stemwright.errors import StorageFull, StorageUnreachable
from stemwright.features.results.service import Results, download_name
from stemwright.jobs.job import Artefact
from stemwright.storage.local import LocalStorage
from stemwright.storage.signing import UrlSigner
from support.finished_jobs import completed_job


class Away(LocalStorage):
    """Cannot be reached as often as a test says."""

    times = 0
    error = StorageUnreachable("The store does not answer.")

    def put_file(self, *args, **options):
        self._fail()
        super().put_file(*args, **options)

    def delete(self, keys):
        self._fail()
        super().delete(keys)

    def list(self, folder=""):
        self._fail()
        return super().list(folder)

    def _fail(self):
        if self.times:
            self.times -= 1
            raise self.error


@pytest.fixture
def storage(tmp_path):
    return Away(tmp_path / "objects", UrlSigner(b"secret"))


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def results(storage, pauses):
    return Results(storage, pauses.append)


@pytest.fixture
def files(tmp_path):
    made = [("vocals", tmp_path / "a.MP3"), ("fullAudio", tmp_path / "b.webm")]
    for _, path in made:
        path.write_bytes(path.name.encode())
    return made


def keys(storage, folder="jobs"):
    return {it.key for it in storage.list(folder)}


def test_files_are_stored_under_the_attempt_with_their_types_in_their_order(
    results, storage, files
):
    stored = results.store(completed_job(attempt=3), "Hit.mp3", files)

    assert stored == (
        Artefact("vocals", "jobs/job_1/3/vocals.mp3", "audio/mpeg", 5),
        Artefact("fullAudio", "jobs/job_1/3/fullAudio.webm", "audio/webm", 6),
    )
    assert b"".join(storage.read(stored[0].key)) == b"a.MP3"


def test_a_file_of_no_known_type_is_stored_all_the_same(results, tmp_path):
    (tmp_path / "odd.mka").write_bytes(b"x")

    [stored] = results.store(completed_job(), "x", [("fullAudio", tmp_path / "odd.mka")])

    assert stored.content_type == "application/octet-stream"


def test_storing_again_replaces(results, storage, files):
    first = results.store(completed_job(), "x", files)
    files[0][1].write_bytes(b"longer than before")

    again = results.store(completed_job(), "x", files)

    assert [file.key for file in again] == [file.key for file in first]
    assert again[0].size_bytes == 18


def test_a_store_that_is_away_for_a_while_is_waited_for_longer_each_time(
    results, storage, files, pauses
):
    storage.times = 4

    assert len(results.store(completed_job(), "x", files)) == 2
    assert len(pauses) == 4
    assert pauses == sorted(pauses)
    assert sum(pauses) < 60


def test_a_store_that_stays_away_is_given_up(results, storage, files):
    storage.times = 99

    with pytest.raises(StorageUnreachable):
        results.store(completed_job(), "x", files)


def test_a_store_that_is_full_is_not_waited_for(results, storage, files, pauses):
    storage.times, storage.error = 1, StorageFull("There is no room.")

    with pytest.raises(StorageFull):
        results.store(completed_job(), "x", files)
    assert pauses == []


def test_what_no_longer_counts_is_deleted_also_when_the_store_is_away_at_first(
    results, storage, files
):
    stored = results.store(completed_job(), "x", files)
    storage.times = 1

    results.discard(file for file in stored)

    assert keys(storage) == set()


def test_an_attempts_files_are_deleted_and_no_other_attempts(results, storage, files):
    first = results.store(completed_job(attempt=1), "x", files)
    tenth = results.store(completed_job(attempt=10), "x", files)

    results.discard_attempt(completed_job(attempt=10), 1)

    assert {file.key for file in tenth} == keys(storage)
    assert {file.key for file in first}.isdisjoint(keys(storage))


def test_of_an_ended_job_its_result_is_kept_and_other_jobs_are_left_alone(results, storage, files):
    results.store(completed_job(attempt=1), "x", files)
    counted = results.store(completed_job(attempt=2), "x", files)
    other = results.store(completed_job(id="job_10"), "x", files)
    storage.times = 2

    results.keep_result(completed_job(artefacts=counted))

    assert keys(storage) == {file.key for file in (*counted, *other)}


def test_deleting_what_was_never_stored_is_no_error(results):
    results.discard_attempt(completed_job(id="job_unknown"), 7)
    results.keep_result(completed_job(id="job_unknown"))


@pytest.mark.parametrize(
    ("song", "saved"),
    [
        ("Hit.mp3", "Hit (vocals).wav"),
        ("Live.2024.FLAC", "Live.2024 (vocals).wav"),
        ("Mr. Brightside", "Mr. Brightside (vocals).wav"),
        ("Vol. 2.5", "Vol. 2.5 (vocals).wav"),
        ("AC/DC: Live", "AC/DC: Live (vocals).wav"),
        ("folder/Hit.wav", "Hit (vocals).wav"),
        ("Straße ♯1.opus", "Straße ♯1 (vocals).wav"),
        ("", "song (vocals).wav"),
        (".mp3", "song (vocals).wav"),
        ("x" * 300 + ".mp3", "x" * 200 + " (vocals).wav"),
    ],
)
def test_a_stem_is_saved_under_the_songs_name(song, saved):
    assert download_name(song, "vocals", ".wav") == saved
