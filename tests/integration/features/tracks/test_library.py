"""The library on both databases: whose a track is, and what jobs add to it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.errors import (
    AccessDenied,
    AudioNotReady,
    NoAnalysis,
    StorageMissing,
    UnknownStemFile,
    UnknownTrack,
)
from stemwright.features.spotify.facts import TrackFacts
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Audio, NewTrack, Stem
from stemwright.kit.ids import is_uuid, new_uuid
from stemwright.storage.local import LocalStorage
from stemwright.storage.signing import UrlSigner
from support.task_queue import FakeClock

ALICE, BOB = "usr_alice", "usr_bob"
SONG = TrackFacts(
    spotify_id="T" * 22,
    title="Song",
    artist="One, Two",
    album="Album",
    album_art_url="https://images.example/1",
    duration_s=222,
    spotify_url="https://open.spotify.com/track/T",
    isrc="GBAYE0601498",
)


@pytest.fixture
def database(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def tracks(database, tmp_path, clock):
    storage = LocalStorage(tmp_path / "files", signer=UrlSigner(b"s" * 32))
    return Tracks(database, storage, clock)


@pytest.fixture
def put(tracks, tmp_path):
    def put(key, content=b"sound"):
        (tmp_path / "file").write_bytes(content)
        tracks.storage.put_file(key, tmp_path / "file", content_type="audio/wav")
        return key

    return put


def upserted(tracks, facts=SONG, owner=ALICE):
    with tracks.database.transaction() as session:
        return tracks.upsert(session, owner, facts)


def with_audio(tracks, put, track, key="downloads/j/1/audio.mp3", name="Song.mp3"):
    audio = Audio(put(key), f"downloads/{track.id}/{name}", "audio/mpeg", 5, 221.6)
    with tracks.database.transaction() as session:
        assert tracks.set_audio(session, track.id, audio)
    return tracks.find(ALICE, track.id)


def stem_of(track, put, stem_type="vocals", job="job-1", **more):
    stem = Stem(
        id=new_uuid(),
        track_id=track.id,
        job_id=job,
        stem_type=stem_type,
        file_path=f"stems/{job}/{stem_type}.wav",
        key=put(f"stems/{job}/1/{stem_type}.wav"),
        content_type="audio/wav",
        size_bytes=5,
        source="local",
    )
    return replace(stem, **more)


def added(tracks, track, *stems):
    with tracks.database.transaction() as session:
        return tracks.add_stems(session, track.id, stems)


def kept(tracks):
    return {it.key for it in tracks.storage.list()}


def test_a_song_of_spotify_is_one_track_however_often_it_comes(tracks, clock):
    first = upserted(tracks)
    clock.pass_s(60)
    again = upserted(tracks, replace(SONG, title="Song (Remastered)", album=None))

    assert is_uuid(first.id)
    assert (again.id, again.title, again.album) == (first.id, "Song (Remastered)", None)
    assert again.updated_at - again.created_at == timedelta(seconds=60)
    assert tracks.page(ALICE).total == 1


def test_everybody_has_tracks_of_his_own(tracks):
    mine, theirs = upserted(tracks), upserted(tracks, owner=BOB)

    assert mine.id != theirs.id
    with pytest.raises(AccessDenied):
        tracks.find(ALICE, theirs.id)


@pytest.mark.parametrize(
    "unknown", ["6f0e0000-0000-4000-8000-00000000abcd", "7", "", "../..", "X" * 500, "NUL\0"]
)
def test_what_is_no_track_is_not_found_whatever_its_spelling(tracks, unknown):
    with pytest.raises(UnknownTrack):
        tracks.find(ALICE, unknown)


def test_a_video_is_one_track_and_an_upload_always_a_new_one(tracks):
    video = NewTrack(source="youtube", title="Video", source_ref="a" * 11)
    upload = NewTrack(source="upload", title="Upload")
    with tracks.database.transaction() as session:
        made = [tracks.create(session, ALICE, new).id for new in (video, video, upload, upload)]

    assert made[0] == made[1]
    assert len(set(made)) == 3


def test_titles_are_cut_and_never_empty(tracks):
    assert len(upserted(tracks, replace(SONG, title="x" * 900)).title) == 500
    assert upserted(tracks, replace(SONG, title="  ")).title == "Untitled"


def test_what_no_database_takes_is_left_out_of_names(tracks):
    odd = replace(SONG, title="So\0ng\n(\ud800live)", artist=" A\tB ", album="\0")
    track = upserted(tracks, odd)

    assert (track.title, track.artist, track.album) == ("So ng (live)", "A B", None)


def test_the_songs_of_a_playlist_are_taken_in_its_order(tracks):
    numbers = [*range(120), 7]
    songs = [replace(SONG, spotify_id=f"T{number}") for number in numbers]
    made = tracks.upsert_all(ALICE, songs)

    assert [track.spotify_id for track in made] == [f"T{number}" for number in numbers]
    assert tracks.page(ALICE).total == 120


def test_a_track_has_no_audio_until_it_is_brought(tracks, put):
    track = upserted(tracks)
    with pytest.raises(AudioNotReady):
        tracks.audio(ALICE, track.id)

    assert with_audio(tracks, put, track).audio.size_bytes == 5
    assert tracks.audio(ALICE, track.id).duration_s == 221.6


def test_audio_that_replaces_another_lets_its_file_go_when_nobody_can_be_at_it(tracks, put, clock):
    track = with_audio(tracks, put, upserted(tracks))
    with_audio(tracks, put, track, key="downloads/j/2/audio.flac")

    tracks.tidy()
    assert kept(tracks) == {"downloads/j/1/audio.mp3", "downloads/j/2/audio.flac"}
    clock.pass_s(3600)
    assert tracks.tidy() == 1
    assert kept(tracks) == {"downloads/j/2/audio.flac"}


def test_stems_of_a_later_job_replace_those_of_earlier_ones_and_not_the_edited(tracks, put, clock):
    track = upserted(tracks)
    added(tracks, track, stem_of(track, put), stem_of(track, put, "drums"))
    edited = stem_of(track, put, job="edit", source="edited", job_id=None)
    added(tracks, track, edited)
    added(tracks, track, stem_of(track, put, "bass", job="job-2"))
    clock.pass_s(3600)
    tracks.tidy()

    assert {stem.stem_type: stem.source for stem in tracks.stems(ALICE, track.id)} == {
        "bass": "local",
        "vocals": "edited",
    }
    assert kept(tracks) == {"stems/edit/1/vocals.wav", "stems/job-2/1/bass.wav"}


def test_the_newest_stem_of_a_type_is_the_one_that_counts(tracks, put, clock):
    track = upserted(tracks)
    added(tracks, track, stem_of(track, put))
    clock.pass_s(1)
    edited = stem_of(track, put, job="edit", source="edited", job_id=None)
    added(tracks, track, edited)

    assert [stem.id for stem in tracks.stems(ALICE, track.id)] == [edited.id]


def test_a_preview_neither_replaces_stems_nor_hides_them(tracks, put, clock):
    track, preview = upserted(tracks), {"preview": True}
    whole = stem_of(track, put)
    added(tracks, track, whole)
    clock.pass_s(1)
    added(
        tracks, track, *[stem_of(track, put, it, "p", options=preview) for it in ("vocals", "bass")]
    )

    found = {stem.stem_type: stem for stem in tracks.stems(ALICE, track.id)}
    assert found["vocals"].id == whole.id
    assert found["bass"].is_preview


def test_a_stem_is_its_tracks_owners(tracks, put):
    track = upserted(tracks)
    stem = stem_of(track, put)
    added(tracks, track, stem)

    assert tracks.stem(ALICE, stem.id).file_path == "stems/job-1/vocals.wav"
    with pytest.raises(AccessDenied):
        tracks.stem(BOB, stem.id)
    with pytest.raises(UnknownStemFile):
        tracks.stem(ALICE, "vocals")


def test_the_last_analysis_counts(tracks, clock):
    track = upserted(tracks)
    with pytest.raises(NoAnalysis):
        tracks.analysis(ALICE, track.id)
    for job, tempo in (("job-1", 100.0), ("job-2", 120.0)):
        clock.pass_s(1)
        with tracks.database.transaction() as session:
            tracks.put_analysis(session, track.id, job, ["tempo"], {"tempo": tempo})

    found = tracks.analysis(ALICE, track.id)
    assert (found.result, tuple(found.features)) == ({"tempo": 120.0}, ("tempo",))


def test_files_are_found_by_the_paths_that_users_see(tracks, put):
    track = with_audio(tracks, put, upserted(tracks), name="Ünï - Sông.mp3")
    added(tracks, track, stem_of(track, put))

    song = tracks.file_at(ALICE, f"downloads/{track.id}/Ünï - Sông.mp3")
    assert (song.key, song.name) == ("downloads/j/1/audio.mp3", "Ünï - Sông.mp3")
    assert tracks.file_at(ALICE, "stems/job-1/vocals.wav").key == "stems/job-1/1/vocals.wav"


@pytest.mark.parametrize("path", ["{song}", "stems/job-1/vocals.wav"])
def test_files_of_others_are_refused(tracks, put, path):
    track = with_audio(tracks, put, upserted(tracks))
    added(tracks, track, stem_of(track, put))

    with pytest.raises(AccessDenied):
        tracks.file_at(BOB, path.format(song=track.audio.path))


@pytest.mark.parametrize(
    "path",
    [
        *("", "downloads", "downloads/{id}", "downloads/{id}/Other.mp3", "stems/{id}/Song.mp3"),
        *("stems/\0", "x" * 2000),
    ],
)
def test_what_is_at_no_such_path_is_missing(tracks, put, path):
    track = with_audio(tracks, put, upserted(tracks))

    with pytest.raises(StorageMissing):
        tracks.file_at(ALICE, path.format(id=track.id))


def test_a_deleted_track_leaves_nothing(tracks, put):
    track = with_audio(tracks, put, upserted(tracks))
    added(tracks, track, stem_of(track, put))
    with pytest.raises(AccessDenied):
        tracks.delete(BOB, track.id)

    tracks.delete(ALICE, track.id)

    assert kept(tracks) == set()
    with pytest.raises(UnknownTrack):
        tracks.find(ALICE, track.id)


def test_what_a_job_brings_for_a_deleted_track_is_let_go(tracks, put):
    track = upserted(tracks)
    tracks.delete(ALICE, track.id)

    assert not added(tracks, track, stem_of(track, put))
    with tracks.database.transaction() as session:
        audio = Audio(put("downloads/j/1/audio.mp3"), "downloads/x/y.mp3", "audio/mpeg", 5, 1.0)
        assert not tracks.set_audio(session, track.id, audio)
        assert not tracks.put_analysis(session, track.id, "job-1", ["key"], {})
    tracks.tidy()

    assert kept(tracks) == set()


def test_a_library_is_listed_newest_first(tracks, clock):
    for number in range(5):
        clock.pass_s(1)
        upserted(tracks, replace(SONG, spotify_id=f"T{number}", title=f"Song {number}"))

    page = tracks.page(ALICE, limit=2, offset=1)
    assert [track.title for track in page.tracks] == ["Song 3", "Song 2"]
    assert page.total == 5
