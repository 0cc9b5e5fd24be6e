"""Orders that come at the same moment, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.features.credits.service import Credits
from stemwright.features.downloads.service import Downloads
from stemwright.features.spotify.facts import Collection, TrackFacts
from stemwright.features.tracks.ordering import TrackJobs
from stemwright.features.tracks.service import Tracks
from stemwright.jobs.service import Jobs
from support.task_queue import FakeClock, FakeTaskQueue

SONG = TrackFacts("T1", "Song", "Band", None, None, 222, "https://open.spotify.com/track/T1")
TWICE = Collection("playlist", "P1", "Twice", None, 2, (SONG, SONG))


@dataclass
class ToldSpotify:
    answer: TrackFacts | Collection

    def fetch(self, _url, **_how):
        return self.answer


@pytest.fixture
def make(database_url):
    database = Database(database_url)
    Table.metadata.create_all(database.engine)
    jobs = Jobs(database, FakeTaskQueue(FakeClock()))
    tracks = Tracks(database, storage=None)
    yield lambda answer: Downloads(
        tracks, TrackJobs(jobs, Credits(metered=False)), None, ToldSpotify(answer)
    )
    database.close()


def test_the_same_song_ordered_by_many_requests_is_one_track_and_one_job(make):
    downloads = make(SONG)
    with ThreadPoolExecutor(8) as pool:
        orders = list(
            pool.map(lambda _: downloads.order("usr_me", SONG.spotify_url).items[0], range(16))
        )

    assert len({it.track.id for it in orders}) == 1
    assert len({it.job.id for it in orders}) == 1
    assert downloads.tracks.page("usr_me").total == 1
    assert downloads.track_jobs.jobs.page("usr_me").total == 1


def test_a_playlist_that_holds_a_song_twice_orders_it_once(make):
    orders = make(TWICE).order("usr_me", "https://open.spotify.com/playlist/P1")

    assert len(orders.items) == 1
    assert orders.collection == TWICE


def test_a_job_that_ended_makes_room_for_another(make):
    downloads = make(SONG)
    first = downloads.order("usr_me", SONG.spotify_url).items[0].job
    running = downloads.track_jobs.jobs.begin(first.id)
    assert downloads.order("usr_me", SONG.spotify_url).items[0].job.id == first.id
    downloads.track_jobs.jobs.fail(running, "download.failed", "It failed.")

    assert downloads.order("usr_me", SONG.spotify_url).items[0].job.id != first.id
