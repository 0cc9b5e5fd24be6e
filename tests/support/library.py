"""The composed service with a library: Spotify, videos and lalal.ai are servers of this machine."""

from __future__ import annotations

from pathlib import Path

from stemwright.db.base import Table
from stemwright.features.analyses.service import ANALYSIS, Analyses
from stemwright.features.analyses.tasks import AnalysisHandler
from stemwright.features.downloads.chaining import Chain
from stemwright.features.downloads.service import DOWNLOAD, Downloads
from stemwright.features.downloads.tasks import FOLDER as SONGS
from stemwright.features.downloads.tasks import DownloadHandler
from stemwright.features.lalalai.api import LalalaiApi
from stemwright.features.lalalai.licences import LicenceKeys
from stemwright.features.lalalai.poller import Pollers
from stemwright.features.lalalai.service import Lalalai
from stemwright.features.lalalai.split import Splitter
from stemwright.features.processing.service import PROCESSING, Processing
from stemwright.features.processing.tasks import FOLDER as STEMS
from stemwright.features.processing.tasks import ProcessingHandler
from stemwright.features.results.service import Results
from stemwright.features.spotify.opening import SpotifyOptions, open_spotify
from stemwright.features.spotify.service import Spotify
from stemwright.features.tracks.ordering import TrackJobs
from stemwright.features.tracks.service import REPLACED_KEPT, Tracks
from stemwright.features.tracks.track import Audio, NewTrack, Track
from stemwright.jobs.runner import JobRunner
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_uuid
from stemwright.kit.sealing import Sealer
from stemwright.web.client import GuardedClient, Limits

from .lalalai_bench import FakeTime
from .lalalai_server import LalalaiServer
from .media_site import MediaSite
from .song_jobs import SongJobs, called
from .spotify import FakeTime as SpotifyTime
from .spotify_server import SpotifyServer

SECRET = b"the instance's secret, long enough"
_OF_OTHERS = 2
"""Listeners of the service to the ends of jobs that have nothing to do with a library."""
LICENCE = "shared-licence-0000000000000001"


class Library(SongJobs):
    """Close it after use; tests run jobs with ``run``, as those of the other API."""

    def __init__(
        self,
        folder: Path,
        site: MediaSite,
        spotify: SpotifyServer,
        lalalai: LalalaiServer,
        time: FakeTime,
    ) -> None:
        super().__init__(folder, site)
        service, self.time = self.service, time
        self._time_of_spotify = SpotifyTime()
        database, jobs, intake = service.database, service.jobs, service.intake
        Table.metadata.create_all(database.engine)
        lalalai.account(LICENCE)
        self.tracks = Tracks(database, service.storage)
        track_jobs = TrackJobs(jobs, service.credits)
        options = SpotifyOptions(
            client_id=spotify.accounts.client_id,
            client_secret=spotify.accounts.client_secret,
            api_url=spotify.api_url,
            accounts_url=spotify.origin,
            pages_url=spotify.origin,
        )
        self._spotify_options = options
        self.downloads = Downloads(self.tracks, track_jobs, intake, self.spotify_anew())
        self.keys = LicenceKeys(database, Sealer(SECRET), shared=LICENCE)
        api = LalalaiApi(GuardedClient(limits=Limits(idle_s=5.0)), lalalai.url)
        self.lalalai = Lalalai(database, api, self.keys, jobs, clock=time.clock)
        splitter = Splitter(
            api, Pollers(api, time.now, time.sleep), clock=time.clock, sleep=time.sleep
        )
        self.processing = Processing(
            self.tracks, track_jobs, lambda model: model.name == "htdemucs", self.lalalai
        )
        self.analyses = Analyses(self.tracks, track_jobs)
        del jobs.on_ended[_OF_OTHERS:]  # what follows is the service's own library
        chain = Chain(self.tracks, self.processing, self.analyses)
        # the chain comes last: a stage begins with what the one before has left
        for feature in (self.downloads, self.processing, self.analyses, chain):
            jobs.on_ended.append(feature.job_ended)
        handlers = {
            **service.handlers,
            DOWNLOAD: DownloadHandler(
                intake,
                self.tracks,
                Results(service.storage, folder=SONGS),
                service.children,
                service.client,
            ),
            PROCESSING: ProcessingHandler(
                intake,
                self.tracks,
                Results(service.storage, folder=STEMS),
                service.children,
                self.lalalai,
                splitter,
            ),
            ANALYSIS: AnalysisHandler(intake, self.tracks, service.children),
        }
        self.runner = JobRunner(jobs, handlers, step=called)

    def track(self, owner: str, song: Path | None = None, title: str = "Hit") -> Track:
        """A track made without a download; with a song it has audio."""
        with self.service.database.transaction() as session:
            track = self.tracks.create(session, owner, NewTrack(source="upload", title=title))
            if song is not None:
                self.tracks.set_audio(session, track.id, self._kept(song, track))
        return self.tracks.find(owner, track.id)

    def _kept(self, song: Path, track: Track) -> Audio:
        key = f"{SONGS}/{new_uuid()}/1/audio{song.suffix}"
        self.service.storage.put_file(key, song, content_type="audio/flac")
        size = song.stat().st_size
        path = f"downloads/{track.id}/{track.title}{song.suffix}"
        return Audio(key, path, "audio/flac", size, 6.25)

    def only_stems(self, owner: str, track: Track) -> dict[str, str]:
        """Sources of a track's newest stems, by type."""
        return {stem.stem_type: stem.source for stem in self.tracks.stems(owner, track.id)}

    def tidy_later(self) -> None:
        """Tidy when nobody can be at replaced files any more."""
        tracks = self.tracks
        Tracks(tracks.database, tracks.storage, lambda: utc_now() + REPLACED_KEPT).tidy()

    def spotify_anew(self) -> Spotify:
        """Spotify, of which nothing is remembered yet."""
        return open_spotify(
            self._spotify_options,
            GuardedClient(),
            self.service.database,
            SECRET,
            timing=self._time_of_spotify.timing,
        )
