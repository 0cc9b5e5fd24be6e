import pytest

from stemwright.errors import OutputError
from stemwright.features.separations.naming import NameTemplate, NameValues
from stemwright.features.separations.places import Places, refuse_overwriting
from stemwright.features.separations.records import Fingerprint, Record
from support.songs import write_song

TEMPLATE = NameTemplate.parse("{song}/{stem}.{ext}")


class Output:
    """A folder over several runs; ``finish`` stands for a separation that went well."""

    def __init__(self, folder):
        self.folder = folder

    def run(self):
        return Places(self.folder, TEMPLATE)

    def find(self, places, song):
        return places.find(song, NameValues(song.stem, "m", "q"), "wav")

    def finish(self, place, song):
        path = place.slot.path("bass")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"stem")
        record = Record(place.slot.record.parent, Fingerprint.of(song))
        record = record.claiming(record.song, {"bass": path}).finishing({}, {"bass": path})
        record.write(place.slot.record)
        return path


@pytest.fixture
def output(tmp_path):
    return Output(tmp_path / "out")


@pytest.fixture
def twins(tmp_path):
    return [write_song(tmp_path / name / "song.wav", 0.1, seed=n) for n, name in enumerate("ab")]


def test_two_songs_of_one_name_get_two_places_that_stay_theirs(output, twins):
    places = output.run()
    first = [output.finish(output.find(places, song), song).parent.name for song in twins]
    places = output.run()
    again = [output.find(places, song).slot.path("bass").parent.name for song in reversed(twins)]

    assert first == ["song", "song-2"]
    assert again == ["song-2", "song"]


def test_song_finds_its_own_place_behind_a_removed_one(output, twins):
    places = output.run()
    paths = [output.finish(output.find(places, song), song) for song in twins]
    for path in paths[0].parent.iterdir():
        path.unlink()

    assert output.find(output.run(), twins[1]).slot.path("bass") == paths[1]


def test_moved_song_keeps_its_place(output, twins, tmp_path):
    output.finish(output.find(output.run(), twins[0]), twins[0])
    moved = tmp_path / "elsewhere" / "song.wav"
    moved.parent.mkdir()
    twins[0].rename(moved)

    assert output.find(output.run(), moved).record is not None


def test_songs_of_one_name_in_one_batch_never_share_a_place_before_either_is_done(output, twins):
    places = output.run()

    slots = {output.find(places, song).slot.record for song in twins}

    assert len(slots) == 2


def test_edited_song_keeps_its_place(output, twins):
    output.finish(output.find(output.run(), twins[0]), twins[0])
    write_song(twins[0], 0.2, seed=7)

    assert output.find(output.run(), twins[0]).slot.path("bass").parent.name == "song"


def test_foreign_file_is_replaced_only_with_force(output, twins):
    place = output.find(output.run(), twins[0])
    stems = {"bass": place.slot.path("bass")}
    stems["bass"].parent.mkdir(parents=True)
    stems["bass"].write_text("the user's own")

    refuse_overwriting(place, stems, set(), force=True)
    with pytest.raises(OutputError, match="not made by stemwright"):
        refuse_overwriting(place, stems, set(), force=False)


def test_our_own_stem_may_be_replaced(output, twins):
    path = output.finish(output.find(output.run(), twins[0]), twins[0])

    refuse_overwriting(output.find(output.run(), twins[0]), {"bass": path}, set(), force=False)


def test_song_itself_is_never_replaced_even_with_force(output, twins):
    place = output.find(output.run(), twins[0])

    with pytest.raises(OutputError, match="one of the songs"):
        refuse_overwriting(place, {"bass": twins[0]}, {twins[0]}, force=True)


def test_dangling_link_is_foreign_too(output, twins):
    place = output.find(output.run(), twins[0])
    path = place.slot.path("bass")
    path.parent.mkdir(parents=True)
    path.symlink_to("/nowhere")

    with pytest.raises(OutputError, match="already exists"):
        refuse_overwriting(place, {"bass": path}, set(), force=False)
