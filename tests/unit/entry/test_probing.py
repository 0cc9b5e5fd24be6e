"""What a probe that goes wrong means for the song."""

from pathlib import Path

import pytest

from stemwright.entry.composition import Probing
from stemwright.errors import ChildDied, UnreadableAudio
from stemwright.jobs.children import TookTooLong

SONG = Path("/srv/scratch/input.mp3")


class Failing:
    def __init__(self, error):
        self.error = error

    def ask(self, _work, _arguments, **_options):
        raise self.error


def test_a_song_that_cannot_be_measured_in_time_is_of_unknown_length():
    probing = Probing(Failing(TookTooLong("too slow")))

    assert probing(SONG, name="Hit.mp3") is None
    assert probing.header(SONG) is None


def test_a_file_that_kills_whoever_reads_it_is_refused_by_its_name():
    probing = Probing(Failing(ChildDied("killed twice")))

    with pytest.raises(UnreadableAudio, match=r"Hit\.mp3") as caught:
        probing(SONG, name="Hit.mp3")
    assert "scratch" not in caught.value.message
