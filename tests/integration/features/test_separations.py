"""Files through the real engine, with the runtime that needs no weights."""

import numpy as np
import pytest
import soundfile

from stemwright.engine.runtimes.fake import FakeRuntime
from stemwright.engine.separate import Method
from stemwright.engine.separator import Separator
from stemwright.features.separations.batch import Batch, Request, SeparatorLoader
from stemwright.features.separations.formats import Format
from support.songs import noise


class Silent:
    def started(self, song, number, total):
        pass

    def advanced(self, progress):
        pass

    def ended(self, outcome):
        pass


def separated(song, folder, stems, **options):
    separator = Separator(FakeRuntime(), 44_100)
    request = Request(folder, "htdemucs", "fast", stems, Method(), Format("wav", "32f"), **options)
    batch = Batch(request, SeparatorLoader(lambda: separator), Silent(), lambda: False)
    [outcome] = batch.run([song])
    if outcome.error is not None:
        raise outcome.error
    return {stem: soundfile.read(path)[0].T for stem, path in outcome.stems.items()}


@pytest.mark.parametrize("seconds", [0.05, 2.0, 5.3])
def test_stems_of_a_file_are_those_of_the_whole_array(tmp_path, seconds):
    audio = noise(seconds).astype(np.float32)
    soundfile.write(tmp_path / "song.wav", audio, 44_100, "FLOAT")

    stems = separated(tmp_path / "song.wav", tmp_path / "out", ("drums", "vocals"))

    whole = Separator(FakeRuntime(), 44_100).separate(audio.T, 44_100)
    for stem, samples in stems.items():
        # Blocks of another length move the mean and deviation by float rounding only.
        assert np.abs(samples - whole[stem]).max() < 1e-6


def test_all_stems_of_a_model_that_splits_exactly_add_up_at_another_rate(tmp_path):
    time = np.arange(96_000) / 48_000
    audio = 0.4 * np.sin(2 * np.pi * np.outer(time, [300, 500]))
    soundfile.write(tmp_path / "song.wav", audio, 48_000, "FLOAT")

    stems = separated(tmp_path / "song.wav", tmp_path / "out", ("drums", "bass", "other", "vocals"))

    # What two conversions of rate leave of a tone, away from the edges.
    assert np.abs(sum(stems.values()) - audio.T)[:, 4800:-4800].max() < 1e-4
