"""Files whose headers claim less than they hold, and a disk on which things are in the way."""

import pytest

from stemwright.features.separations.child_work import separate_song
from stemwright.features.separations.orders import StemOrder
from stemwright.features.separations.stem_work import StemWork
from support.separators import GainSeparator
from support.song_jobs import GRANT_S
from support.songs import write_song

CLAIMED, REAL = 6, 18


@pytest.fixture
def liar(tmp_path):
    """Three songs in one file: its header speaks of the first."""
    once = write_song(tmp_path / "once.ogg", float(CLAIMED)).read_bytes()
    song = tmp_path / "Liar.ogg"
    song.write_bytes(once * 3)
    return song


def ordered(songs, account, song):
    key = songs.upload(account, song)
    order = StemOrder(output_type="VOCALS", upload_key=key)
    return songs.service.separations.create(account, order)


def test_a_song_longer_than_its_file_claims_costs_what_it_lasts(songs, account, liar):
    job = ordered(songs, account, liar)

    done = songs.run(job)

    assert (job.cost, done.status) == (CLAIMED, "completed")
    assert done.charged == done.facts["duration_s"]
    assert REAL <= done.charged <= REAL + 1  # a codec pads
    assert songs.balance(account) == GRANT_S - done.charged


def test_a_song_longer_than_its_file_claims_is_not_given_to_who_cannot_pay(songs, account, liar):
    job = ordered(songs, account, liar)
    with songs.service.database.transaction() as session:
        songs.service.credits.adjust(session, account.owner, 1 - songs.balance(account))

    done = songs.run(job)

    assert (done.status, done.error_code, done.charged) == (
        "failed",
        "credits.insufficient",
        0,
    )
    assert done.artefacts == ()
    assert songs.balance(account) == 1 + CLAIMED


class Separators:
    def start(self, _model, _precision, _stems):
        return GainSeparator


def test_what_a_child_that_died_left_behind_is_not_in_the_way(tmp_path):
    song = write_song(tmp_path / "song.wav", 6.0)
    (tmp_path / "stems").mkdir()
    (tmp_path / "stems" / "vocals.wav").write_bytes(b"half a song")
    work = StemWork(song, tmp_path / "stems", ("vocals",), "htdemucs", "fast", "wav", None)

    done = separate_song(work, Separators(), lambda _phase, _progress: None)

    assert (tmp_path / "stems" / "vocals.wav").stat().st_size > 1_000_000
    assert list(done["files"]) == ["vocals"]
