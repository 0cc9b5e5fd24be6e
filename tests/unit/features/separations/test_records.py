import os

import pytest

from stemwright.errors import InputNotFound
from stemwright.features.separations.records import Fingerprint, Record, owned_paths, read_record
from support.songs import write_song

RECIPE = {"model": "htdemucs", "format": "wav", "bit_depth": "16"}


@pytest.fixture
def song(tmp_path):
    return write_song(tmp_path / "song.wav", 0.1)


@pytest.fixture
def stems(tmp_path):
    paths = {name: tmp_path / "out" / f"{name}.wav" for name in ("vocals", "bass")}
    (tmp_path / "out").mkdir()
    for path in paths.values():
        path.write_bytes(b"stem")
    return paths


def finished(song, stems):
    record = Record(next(iter(stems.values())).parent, Fingerprint.of(song))
    return record.claiming(record.song, stems).finishing(RECIPE, stems)


def test_record_survives_being_written_and_read(song, stems, tmp_path):
    path = tmp_path / "out" / ".song.stemwright.json"
    finished(song, stems).write(path)

    assert read_record(path) == finished(song, stems)
    assert owned_paths(path.parent, [path.name, "other.txt"]) == set(stems.values())


def test_finished_means_all_stems_by_this_recipe(song, stems):
    record = finished(song, stems)

    assert record.finished(RECIPE, stems)
    assert record.finished(RECIPE, {"bass": stems["bass"]})
    assert not record.finished({**RECIPE, "bit_depth": "24"}, stems)
    assert not record.finished(RECIPE, {"drums": stems["bass"].with_name("drums.wav")})


@pytest.mark.parametrize("change", ["delete", "resize"])
def test_stem_touched_by_the_user_is_not_finished(song, stems, change):
    record = finished(song, stems)
    if change == "delete":
        stems["bass"].unlink()
    else:
        stems["bass"].write_bytes(b"shorter or longer")

    assert not record.finished(RECIPE, stems)
    assert record.owns(stems["bass"])


def test_claimed_stems_are_owned_but_not_finished(song, stems):
    record = finished(song, stems)
    claimed = record.claiming(record.song, stems)

    assert claimed.owns(stems["vocals"])
    assert not claimed.finished(RECIPE, stems)


def test_stems_of_another_format_stay_finished_beside_new_ones(song, stems):
    record, flac = finished(song, stems), {"bass": stems["bass"].with_suffix(".flac")}
    flac["bass"].write_bytes(b"flac")
    both = record.claiming(record.song, flac).finishing({**RECIPE, "format": "flac"}, flac)

    assert both.finished(RECIPE, stems)
    assert both.finished({**RECIPE, "format": "flac"}, flac)


def test_song_with_other_content_forgets_what_was_finished(song, stems):
    record = finished(song, stems)
    write_song(song, 0.1, seed=9)

    assert not record.song.matches(song)
    assert not record.claiming(Fingerprint.of(song), {}).finished(RECIPE, stems)


def test_change_in_the_middle_of_a_long_song_is_noticed(tmp_path):
    song = tmp_path / "long.wav"
    song.write_bytes(bytes(5 << 20))
    before = Fingerprint.of(song)
    with song.open("r+b") as file:
        file.seek(5 << 19)
        file.write(b"x")
    os.utime(song, ns=(0, before.mtime_ns + 1))

    assert not before.matches(song)


def test_touched_or_copied_song_is_still_the_same(song, tmp_path):
    before = Fingerprint.of(song)
    copy = tmp_path / "copy.wav"
    copy.write_bytes(song.read_bytes())
    os.utime(song, (1, 1))

    assert before.matches(song)
    assert before.matches(copy)


def test_song_that_is_gone_is_one_clear_error(tmp_path):
    with pytest.raises(InputNotFound, match=r"gone\.wav"):
        Fingerprint.of(tmp_path / "gone.wav")


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "{}", '{"version": 99}', '{"version": 1, "song": 3}', "null"]
)
def test_unreadable_record_counts_as_none(tmp_path, text):
    path = tmp_path / ".song.stemwright.json"
    path.write_text(text)

    assert read_record(path) is None
