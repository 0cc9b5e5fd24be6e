from pathlib import Path

import pytest
import soundfile

from stemwright.engine.separate import Method
from stemwright.errors import OutputError, RuntimeUnavailable
from stemwright.features.separations.batch import Batch, Request, SeparatorLoader
from stemwright.features.separations.formats import Format
from stemwright.features.separations.naming import NameTemplate
from support.separators import GainSeparator
from support.songs import noise, samples, write_song


class Listening:
    def __init__(self):
        self.events = []

    def started(self, song, number, total):
        self.events.append(f"{number}/{total} {song.name}")

    def advanced(self, progress):
        pass

    def ended(self, outcome):
        self.events.append(outcome.status)


class Desk:
    """Runs batches into one output folder and counts what the separator was asked to do."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.separator = GainSeparator()
        self.listening = Listening()
        self.stop = False

    def run(self, *songs, **options):
        options = {"stems": ("vocals", "bass"), "method": Method(), "format": Format(), **options}
        request = Request(folder=self.folder, model="htdemucs", quality="fast", **options)
        loader = SeparatorLoader(lambda: self.separator)
        return list(Batch(request, loader, self.listening, lambda: self.stop).run(songs))

    def files(self):
        paths = self.folder.rglob("*")
        return sorted(str(path.relative_to(self.folder)) for path in paths if path.is_file())


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "out")


@pytest.fixture
def song(tmp_path):
    return write_song(tmp_path / "song.wav")


def test_song_gives_its_stems_and_a_record(desk, song):
    [outcome] = desk.run(song)

    assert outcome.status == "done"
    assert outcome.duration_s == pytest.approx(1.0)
    assert desk.files() == ["song/.song.stemwright.json", "song/bass.wav", "song/vocals.wav"]
    assert desk.listening.events == ["1/1 song.wav", "done"]


def test_vocals_and_instrumental_on_disk_add_up_to_the_song(desk, song):
    [outcome] = desk.run(song, stems=("vocals", "instrumental"))

    vocals, rest = (samples(outcome.stems[stem], "int16") for stem in outcome.stems)
    assert (vocals.astype(int) + rest == samples(song, "int16")).all()


def test_repeated_run_skips_what_is_done(desk, song):
    desk.run(song)
    [again] = desk.run(song)

    assert again.status == "skipped"
    assert set(again.stems) == {"vocals", "bass"}
    assert desk.separator.runs == 1


def test_fewer_stems_than_before_are_done_already(desk, song):
    desk.run(song)

    assert desk.run(song, stems=("bass",))[0].status == "skipped"


@pytest.mark.parametrize(
    "change",
    [
        {"stems": ("vocals", "drums")},
        {"method": Method(overlap=0.5)},
        {"method": Method(shifts=2)},
        {"method": Method(seed=1)},
        {"method": Method(segment_s=1.0)},
        {"format": Format("wav", "24")},
        {"format": Format("flac")},
        {"exact_sum": True, "stems": ("drums", "bass", "other", "vocals")},
        {"engine": {"weights": "another"}},
        {"engine": {"precision": "f32"}},
        {"force": True},
    ],
    ids=str,
)
def test_other_wishes_are_done_again(desk, song, change):
    desk.run(song)

    assert desk.run(song, **change)[0].status == "done"


def test_changed_song_is_done_again_in_its_place(desk, song):
    desk.run(song)
    write_song(song, 1.5, seed=5)
    [outcome] = desk.run(song)

    assert outcome.status == "done"
    assert soundfile.info(desk.folder / "song" / "bass.wav").duration == pytest.approx(1.5)


def test_deleted_stem_is_made_again(desk, song):
    [outcome] = desk.run(song)
    outcome.stems["bass"].unlink()

    assert desk.run(song)[0].status == "done"
    assert outcome.stems["bass"].exists()


def test_formats_live_beside_each_other(desk, song):
    desk.run(song)
    desk.run(song, format=Format("flac"))

    assert [desk.run(song, format=Format(it))[0].status for it in ("wav", "flac")] == [
        "skipped"
    ] * 2


def test_bad_songs_do_not_stop_the_others(desk, song, tmp_path):
    (tmp_path / "text.mp3").write_text("not a song")
    (tmp_path / "empty.wav").touch()
    bad = [tmp_path / "text.mp3", tmp_path / "empty.wav", tmp_path / "missing.flac", tmp_path]
    outcomes = desk.run(*bad, song)

    assert [outcome.status for outcome in outcomes] == ["failed"] * 4 + ["done"]
    assert all(o.song.name in str(o.error) for o in outcomes[:4])


def test_foreign_file_fails_its_song_and_stays(desk, song):
    path = desk.folder / "song" / "vocals.wav"
    path.parent.mkdir(parents=True)
    path.write_text("the user's own")
    [outcome] = desk.run(song)

    assert isinstance(outcome.error, OutputError)
    assert path.read_text() == "the user's own"
    assert desk.separator.runs == 0


def test_failing_separator_leaves_nothing(desk, song):
    class Breaking(GainSeparator):
        def stream(self, mixture, **options):
            yield from super().stream(mixture, **options)
            raise MemoryError("of a sort")

    desk.separator = Breaking()
    [outcome] = desk.run(song)

    assert isinstance(outcome.error, MemoryError)
    assert desk.files() == []


def test_model_that_cannot_be_loaded_ends_the_batch(desk, song):
    def load():
        raise RuntimeUnavailable("no runtime here")

    request = Request(desk.folder, "htdemucs", "fast", ("bass",), Method(), Format())
    batch = Batch(request, SeparatorLoader(load), desk.listening, lambda: False)

    with pytest.raises(RuntimeUnavailable):
        list(batch.run([song, song]))


def test_cancelling_leaves_nothing_and_starts_no_further_song(desk, song, tmp_path):
    class Stopping(GainSeparator):
        def stream(self, mixture, **options):
            desk.stop = True
            return super().stream(mixture, **options)

    desk.separator = Stopping()
    outcomes = desk.run(song, write_song(tmp_path / "next.wav"))

    assert [outcome.status for outcome in outcomes] == ["cancelled"]
    assert desk.files() == []


def test_folder_that_cannot_be_written_is_one_clear_error(desk, song):
    desk.folder.write_text("a file where the folder should be")
    [outcome] = desk.run(song)

    assert isinstance(outcome.error, OutputError)


def test_tags_name_the_stem(desk, tmp_path):
    song = tmp_path / "song.flac"
    with soundfile.SoundFile(song, "w", 44_100, 2) as file:
        file.title = "Song"
        file.write(noise(0.5))
    [outcome] = desk.run(song, format=Format("flac"))

    with soundfile.SoundFile(outcome.stems["bass"]) as stem:
        assert stem.title == "Song (bass)"


def test_template_may_put_stems_in_folders_of_their_own(desk, song):
    template = NameTemplate.parse("{stem}/{song}.{ext}")
    desk.run(song, template=template)

    assert desk.files() == [".song.stemwright.json", "bass/song.wav", "vocals/song.wav"]
    assert desk.run(song, template=template)[0].status == "skipped"
