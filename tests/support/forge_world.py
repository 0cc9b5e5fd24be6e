"""What the rows are asked in: three people, and what each of them has.

Everything is made through the API when a row first names it, and then shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from .forge_people import HTML, Person
from .forge_service import SONG_S, ForgeService, Surroundings, visitor
from .live_server import wait_until
from .spotify_catalogue import spotify_id

TRACK_PAGE = "https://open.spotify.com/track"
ENDED = ("completed", "failed")


class ForgeWorld:
    """Use its attributes by name, as rows do: ``<track>`` is Alice's track with audio."""

    unknown = "7d2f0b0a-3c1e-4d5f-8a6b-0123456789ab"
    unknown_spotify_id = spotify_id(999_999)
    title = "Grüße: 100%? #1"
    """It has what a path, an address and a header each cannot hold as it is."""

    def __init__(self, service: ForgeService, around: Surroundings) -> None:
        self.service, self.around = service, around
        self.alice, self.bob = Person(service), Person(service)
        self.stranger = visitor(service)

    def close(self) -> None:
        for one in (self.alice, self.bob, self.stranger):
            one.close()

    # ----------------------------------------------------------------------------------- as rows do

    def client(self, who: str) -> httpx.Client:
        """Whose cookies and key go with a request."""
        person = self.bob if who.startswith("bob") else self.alice
        match who.removeprefix("bob's "):
            case "key" | "bob":
                return person.api
            case "session" | "page":
                return person.browser
        return self.stranger

    def headers(self, who: str) -> Mapping[str, str]:
        """What goes with it beside those; a ``page`` knows the token of its session."""
        match who.removeprefix("bob's "):
            case "session":
                return {"accept": "*/*"}
            case "page":
                person = self.bob if who.startswith("bob") else self.alice
                return {"accept": "*/*", "x-csrf-token": person.token}
            case "browser":
                return {"accept": HTML}
            case "program":
                return {"accept": "application/json"}
        return {}

    def named(self, name: str) -> str:
        return str(getattr(self, name))

    @property
    def key(self) -> str:
        return self.alice.key

    @property
    def token(self) -> str:
        return self.alice.token

    @property
    def email(self) -> str:
        assert self.alice.browser
        return self.alice.email

    @property
    def password(self) -> str:
        return self.alice.password

    # ---------------------------------------------------------------------------------- how to wait

    def ended(self, kind: str, job_id: str) -> dict[str, Any]:
        """Wait for a job of Alice's; what is then told of it."""
        told: dict[str, Any] = {}

        def look() -> bool:
            answer = self.alice.api.get(f"/api/{kind}/job/{job_id}")
            told.update(answer.raise_for_status().json()["data"])
            return told["status"] in ENDED

        wait_until(look, f"the {kind} job {job_id}")
        return told

    def order(self, path: str, **body: Any) -> str:
        answer = self.alice.api.post(path, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["job_id"])

    def done(self, kind: str, path: str, **body: Any) -> dict[str, Any]:
        """Order something of Alice's and wait for it."""
        job = self.ended(kind, self.order(path, **body))
        assert job["status"] == "completed", job
        return job

    def fetched(self, person: Person, url: str) -> str:
        """Have a track of Spotify's in the library, without its song."""
        answer = person.api.post("/api/spotify/fetch", json={"url": url})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["data"]["track"]["id"])

    # -------------------------------------------------------------------------- things of Alice's

    @cached_property
    def spotify_track(self) -> str:
        """The id that Spotify has for Alice's track."""
        return self.around.publish(self.title, artists=("The Band", "A Guest"), album="Harbours")

    @cached_property
    def download(self) -> dict[str, Any]:
        url = f"{TRACK_PAGE}/{self.spotify_track}"
        return self.done("download", "/api/download/track", url=url)

    @cached_property
    def download_job(self) -> str:
        return str(self.download["id"])

    @cached_property
    def track(self) -> str:
        return str(self.download["track_id"])

    @cached_property
    def audio_path(self) -> str:
        """Of the file, below ``/files/``."""
        return str(self.download["output_path"]).removeprefix("/files/")

    @cached_property
    def processing(self) -> dict[str, Any]:
        return self.done("processing", "/api/processing/separate", track_id=self.track)

    @cached_property
    def processing_job(self) -> str:
        return str(self.processing["id"])

    @cached_property
    def vocals(self) -> dict[str, Any]:
        return next(it for it in self.processing["stems"] if it["stem_type"] == "vocals")

    @cached_property
    def stem(self) -> str:
        return str(self.vocals["id"])

    @cached_property
    def stem_path(self) -> str:
        return str(self.vocals["file_path"])

    @cached_property
    def separated_track(self) -> str:
        """The same track, of which there are stems by then."""
        assert self.stem
        return self.track

    @cached_property
    def analysis(self) -> dict[str, Any]:
        return self.done("analysis", "/api/analysis/analyze", track_id=self.track, features=["all"])

    @cached_property
    def analysis_job(self) -> str:
        return str(self.analysis["id"])

    @cached_property
    def analysed_track(self) -> str:
        assert self.analysis_job
        return self.track

    @cached_property
    def other_track(self) -> str:
        """With audio, to be separated and analysed as rows like."""
        url = f"{TRACK_PAGE}/{self.around.publish('Workbench')}"
        return str(self.done("download", "/api/download/track", url=url)["track_id"])

    @cached_property
    def bare_track(self) -> str:
        """Known, and without a song."""
        return self.fetched(self.alice, f"{TRACK_PAGE}/{self.around.publish('Bare')}")

    @cached_property
    def failed_job(self) -> str:
        """Of a song that is on Spotify and nowhere else."""
        told = self.around.spotify.catalogue.track(5001, "Zzyzx", ("Qwfpg",), duration_ms=90_000)
        job_id = self.order("/api/download/track", url=f"{TRACK_PAGE}/{told['id']}")
        assert self.ended("download", job_id)["status"] == "failed"
        return job_id

    @cached_property
    def bobs_track(self) -> str:
        return self.fetched(self.bob, f"{TRACK_PAGE}/{self.around.publish('Of Bob')}")

    # ---------------------------------------------------------------------------- what is elsewhere

    @cached_property
    def album(self) -> str:
        return self.around.spotify.catalogue.album(6001, "Sixty Songs", 60)

    @cached_property
    def playlist(self) -> str:
        """Of two songs, an episode, a file of somebody's disk, and one that was removed."""
        catalogue = self.around.spotify.catalogue
        held = [catalogue.track(6100 + index, f"Listed {index}") for index in range(2)]
        odd = [catalogue.episode(6110), catalogue.local_file("Demo tape"), None]
        return catalogue.playlist(6100, "Mixed", [*held, *odd], "old")

    @cached_property
    def long_playlist(self) -> str:
        catalogue = self.around.spotify.catalogue
        held = [catalogue.track(7000 + index, f"Song {index}") for index in range(510)]
        return catalogue.playlist(7000, "Long", held, "old")

    @cached_property
    def private_playlist(self) -> str:
        return self.around.spotify.catalogue.playlist(7900, "Private", [], "new")

    @cached_property
    def plain_track(self) -> str:
        """On Spotify without an album and a picture."""
        told = self.around.spotify.catalogue.track(6200, "Plain")
        del told["album"]
        return str(told["id"])

    @property
    def file_url(self) -> str:
        """A plain file on the web."""
        return f"{self.around.site.origin}/files/{self.video}.flac"

    @cached_property
    def video(self) -> str:
        """The id of a video."""
        self.around.site.add("aBcDeF12345", self.around.song, "Someone - Filmed", SONG_S)
        return "aBcDeF12345"
