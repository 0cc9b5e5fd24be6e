"""Chapters 3 and 4: Spotify and downloads."""

from __future__ import annotations

import re
from typing import Any

import httpx

from .forge_rows import UUID, Row, problem, repeats
from .forge_table_conventions import FETCH, LINK

DOWNLOAD = "/api/download/track"
JOB_GONE = problem(404, "Job not found", "not_found")
FOREIGN = problem(403, "Access denied", "forbidden")
_PERCENT = {"data.progress": lambda progress: type(progress) is int and 0 <= progress <= 100}
_INVALID_URL = problem(400, str, "invalid_url")
_ID = "<spotify_track>"

# ------------------------------------------------------------------------------------ 3: spotify

_TRACK = {
    "data.type": "track",
    "data.track.id": "<track>",
    "data.track.spotify_id": _ID,
    "data.track.title": "<title>",
    "data.track.artist": "The Band, A Guest",
    "data.track.album": "Harbours",
    "data.track.album_art_url": re.compile(r"https://\S+"),
    "data.track.duration": 7,
    "data.track.spotify_url": f"https://open.spotify.com/track/{_ID}",
}
_FORMS = (
    f"https://open.spotify.com/track/{_ID}",
    f"https://open.spotify.com/track/{_ID}?si=abc&utm_source=x#top",
    f"https://open.spotify.com/track/{_ID}/",
    f"https://open.spotify.com/intl-de/track/{_ID}",
    f"https://open.spotify.com/intl-fr_CA/track/{_ID}",
    f"https://open.spotify.com/embed/track/{_ID}",
    f"https://play.spotify.com/track/{_ID}",
    f"https://www.spotify.com/track/{_ID}",
    f"http://open.spotify.com/track/{_ID}",
    f"open.spotify.com/track/{_ID}",
    f"HTTPS://OPEN.SPOTIFY.COM/TRACK/{_ID}",
    f"spotify:track:{_ID}",
    f"  https://open.spotify.com/track/{_ID}\n",
)
_NO_FORMS = (
    "nonsense",
    "https://open.spotify.com/artist/<spotify_track>",
    "https://open.spotify.com/episode/<spotify_track>",
    "https://open.spotify.com/track/",
    "https://open.spotify.com/track/a-b",
    "https://open.spotify.com.evil.example/track/<spotify_track>",
    "https://evil.example/open.spotify.com/track/<spotify_track>",
    "https://user:pw@open.spotify.com/track/<spotify_track>",
    "https://www.youtube.com/watch?v=aBcDeF12345",
    "ftp://open.spotify.com/track/<spotify_track>",
    "https://open.spotify.com/track/" + "a" * 2048,
)


def _sixty(answer: httpx.Response) -> None:
    tracks = answer.json()["data"]["tracks"]
    assert [track["title"] for track in tracks] == [f"Song {index}" for index in range(1, 61)]
    assert {track["album"] for track in tracks} == {"Sixty Songs"}
    assert len({track["id"] for track in tracks}) == 60


def _two_of_five(answer: httpx.Response) -> None:
    data = answer.json()["data"]
    assert [track["title"] for track in data["tracks"]] == ["Listed 0", "Listed 1"]
    assert data["skipped"] == 3


def _first_five_hundred(answer: httpx.Response) -> None:
    data = answer.json()["data"]
    assert len(data["tracks"]) == 500
    assert data["truncated"] is True


SPOTIFY = [
    *(Row("this form names a track", "POST", FETCH, json={"url": f}, body=_TRACK) for f in _FORMS),
    Row(
        "brackets around a link count for nothing",
        "POST",
        FETCH,
        json={"url": f"<https://open.spotify.com/track/{_ID}>"},
        body={"data.track.id": "<track>"},
    ),
    Row(
        "what Spotify does not say is null",
        "POST",
        FETCH,
        json={"url": "spotify:track:<plain_track>"},
        body={"data.track.album": None, "data.track.album_art_url": None, "data.track.id": UUID},
    ),
    Row(
        "an album comes with all its songs",
        "POST",
        FETCH,
        json={"url": "https://open.spotify.com/album/<album>"},
        body={
            "data.type": "album",
            "data.album.spotify_id": "<album>",
            "data.album.name": "Sixty Songs",
            "data.album.image_url": str,
            "data.album.total_tracks": 60,
        },
        check=_sixty,
    ),
    Row(
        "a playlist comes without what is no song of Spotify's",
        "POST",
        FETCH,
        json={"url": "https://open.spotify.com/user/alice/playlist/<playlist>"},
        body={
            "data.type": "playlist",
            "data.playlist.spotify_id": "<playlist>",
            "data.playlist.name": "Mixed",
            "data.playlist.image_url": str,
            "data.playlist.total_tracks": int,
        },
        check=_two_of_five,
    ),
    Row(
        "of a long playlist the first 500 songs come",
        "POST",
        FETCH,
        json={"url": "spotify:playlist:<long_playlist>"},
        check=_first_five_hundred,
    ),
    *(Row("names nothing", "POST", FETCH, json={"url": it}, **_INVALID_URL) for it in _NO_FORMS),
    Row(
        "what Spotify does not know is its failure",
        "POST",
        FETCH,
        json={"url": "https://open.spotify.com/track/<unknown_spotify_id>"},
        **problem(502, str, "spotify_error"),
    ),
    Row(
        "a playlist that only its owner may read is not had",
        "POST",
        FETCH,
        json={"url": "https://open.spotify.com/playlist/<private_playlist>"},
        **problem(502, str, "spotify_error"),
    ),
]

# ---------------------------------------------------------------------------------- 4: downloads

_NEW_DOWNLOAD: dict[str, Any] = {
    "status": 201,
    "body": {"data.job_id": UUID, "data.track_id": UUID, "data.status": "queued"},
    "check": repeats("job_id", "status", "track_id"),
}


def _one_job_each(answer: httpx.Response) -> None:
    data = answer.json()["data"]
    assert len({job["job_id"] for job in data["jobs"]}) == 2
    assert data["jobs"][0]["job_id"] == data["job_id"]
    assert data["jobs"][0]["track_id"] == data["track_id"]


DOWNLOADS = [
    *(
        Row(f"quality {quality} is taken", "POST", DOWNLOAD, json=json, **_NEW_DOWNLOAD)
        for quality in ("lossless", "medium")
        for json in [{"url": LINK, "quality": quality}]
    ),
    Row("without a quality it is high", "POST", DOWNLOAD, json={"url": LINK}, **_NEW_DOWNLOAD),
    Row(
        "in a form",
        "POST",
        DOWNLOAD,
        form={"url": f"spotify:track:{_ID}", "quality": "low"},
        **_NEW_DOWNLOAD,
    ),
    Row(
        "a video is taken, too",
        "POST",
        DOWNLOAD,
        json={"url": "https://youtu.be/<video>"},
        **_NEW_DOWNLOAD,
    ),
    Row("a file is taken, too", "POST", DOWNLOAD, json={"url": "<file_url>"}, **_NEW_DOWNLOAD),
    Row(
        "a playlist is a job for each song",
        "POST",
        DOWNLOAD,
        json={"url": "https://open.spotify.com/playlist/<playlist>"},
        status=201,
        body={"data.job_id": UUID, "data.track_id": UUID, "data.jobs.1.job_id": UUID},
        check=_one_job_each,
    ),
    *(
        Row(
            f"{url} is nothing to download",
            "POST",
            DOWNLOAD,
            json={"url": url},
            **problem(400, re.compile("Invalid Spotify URL format.*", re.DOTALL), "invalid_url"),
        )
        for url in (
            "nonsense",
            "https://open.spotify.com/artist/<spotify_track>",
            "ftp://a.b/c.mp3",
        )
    ),
    *(
        Row(
            f"{quality!r} is no quality",
            "POST",
            DOWNLOAD,
            json={"url": LINK, "quality": quality},
            **problem(400, str, "invalid_quality"),
        )
        for quality in ("best", "HIGH", "", 320, True, ["low"])
    ),
    Row(
        "what Spotify does not know fails at once",
        "POST",
        DOWNLOAD,
        json={"url": "spotify:track:<unknown_spotify_id>"},
        **problem(502, str, "spotify_error"),
    ),
    Row(
        "a job that is done says where the song is",
        "GET",
        "/api/download/job/<download_job>",
        body={
            "data.id": "<download_job>",
            "data.status": "completed",
            "data.progress": 100,
            "data.output_path": re.compile(r"/files/downloads/[0-9a-f-]{36}/[^?#]+\.mp3"),
            "data.file_size": lambda size: type(size) is int and size > 1024,
            "data.error": None,
            "data.track_id": "<track>",
            "result.file_path": str,
        },
        check=repeats(job_id="id"),
    ),
    Row(
        "a job that failed says why",
        "GET",
        "/api/download/job/<failed_job>",
        body={
            "data.status": "failed",
            "data.output_path": None,
            "data.file_size": None,
            "data.error": str,
            "result": None,
            **_PERCENT,
        },
    ),
    Row("unknown", "GET", "/api/download/job/<unknown>", **JOB_GONE),
    Row("no UUID", "GET", "/api/download/job/17", **JOB_GONE),
    Row("of another kind", "GET", "/api/download/job/<processing_job>", **JOB_GONE),
    Row("somebody else's", "GET", "/api/download/job/<download_job>", who="bob", **FOREIGN),
]
