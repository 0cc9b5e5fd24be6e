"""Jobs of every kind, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from stemwright.jobs.job import Artefact, Job

CREATED = datetime(2030, 2, 1, 9, 0, 0, 250_000, tzinfo=UTC)
COMPLETED = datetime(2030, 2, 1, 9, 1, 20, tzinfo=UTC)
EXPIRES = datetime(2030, 2, 15, 9, 1, 20, tzinfo=UTC)

VIDEO = {
    "video_id": "aBcDeF12345",
    "video_title": "A video",
    "video_duration": 181,
    "video_thumbnail": "https://i.example/1.jpg",
    "channel_name": "A channel",
    "channel_id": "UC1",
    "video_description": None,
    "published_at": "2029-01-01T00:00:00Z",
    "tags": ["live"],
    "category_id": "Music",
    "definition": "hd",
    "has_captions": False,
    "view_count": 12,
    "like_count": None,
    "comment_count": None,
    "youtube_url": "https://youtu.be/aBcDeF12345",
}
TRACK = {
    "track_id": "77",
    "track_title": "A track",
    "track_duration": 95,
    "track_duration_estimated": False,
    "track_artwork": None,
    "artist_name": "An artist",
    "soundcloud_url": "https://soundcloud.com/an-artist/a-track",
}
FILE = {"file_name": "demo.wav", "duration_s": 204, "size_bytes": 36_000_044}
HEARD = {"bpm": 98.5, "key_short": "F#m"}
FACTS = {"stems": FILE, "denoise": FILE, "youtube": VIDEO, "soundcloud": TRACK}
OPTIONS = {
    "output_type": "BOTH",
    "quality": "BEST",
    "output_format": "MP3",
    "model": "htdemucs_ft",
}
LEFT = {
    "stems": ("instrumental", "vocals"),
    "denoise": ("audio",),
    "youtube": ("vocals", "fullAudio", "instrumental"),
    "soundcloud": ("vocals", "fullAudio", "instrumental"),
}
KINDS = tuple(FACTS)


def queued_job(kind: str = "stems", **changes) -> Job:
    """A job nobody has begun."""
    values = {
        "id": "job_1",
        "kind": kind,
        "owner": "usr_1",
        "status": "queued",
        "progress": 0,
        "phase": None,
        "request": {**OPTIONS, "metadata": {"order": 7}, "callback_url": None, "source": {}},
        "facts": FACTS[kind],
        "result": None,
        "urgency": "interactive",
        "attempt": 0,
        "cost": 204,
        "charged": None,
        "error_code": None,
        "error_message": None,
        "created_at": CREATED,
        "started_at": None,
        "completed_at": None,
        "expires_at": None,
    }
    return Job(**{**values, **changes})


def completed_job(kind: str = "stems", *, names: tuple[str, ...] | None = None, **changes) -> Job:
    """A job whose files can be had."""
    artefacts = tuple(
        Artefact(name, f"jobs/job_1/1/{name}.mp3", "audio/mpeg", 1_000)
        for name in (LEFT[kind] if names is None else names)
    )
    values = {
        "status": "completed",
        "progress": 100,
        "attempt": 1,
        "facts": {**FACTS[kind], **HEARD},
        "charged": 204,
        "started_at": CREATED,
        "completed_at": COMPLETED,
        "expires_at": EXPIRES,
        "artefacts": artefacts,
    }
    return queued_job(kind, **{**values, **changes})


def failed_job(kind: str = "stems", **changes) -> Job:
    """A job that could not be done."""
    values = {
        "status": "failed",
        "progress": 40,
        "attempt": 1,
        "charged": 0,
        "error_code": "input.unreadable",
        "error_message": "demo.wav is no audio.",
        "started_at": CREATED,
        "completed_at": COMPLETED,
    }
    return queued_job(kind, **{**values, **changes})
