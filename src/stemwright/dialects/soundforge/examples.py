"""One exchange of each kind, for the OpenAPI document; what it asks for is what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_TRACK: Final = "0b8f7a4e-5d0c-4c55-9a35-2f1c5f0f6a11"
_JOB: Final = "5e2d9c1b-7f43-4e0a-8f7e-6a1d3c9b2e54"
_STEM: Final = "9f4c2a70-1b6d-4f2f-8f0d-3b7a5e6c8d21"
_SPOTIFY: Final = "3n3Ppam7vgaVa1iaRUc9Lp"
_LINK: Final = f"https://open.spotify.com/track/{_SPOTIFY}"
_PATH: Final = f"stems/{_JOB}/vocals.wav"

_CREATED: Final = {"job_id": _JOB, "track_id": _TRACK, "status": "queued"}
_STATE: Final = {
    "id": _JOB,
    "track_id": _TRACK,
    "status": "completed",
    "progress": 100,
    "message": "Completed",
    "error": None,
}
_VOCALS: Final = {
    "id": _STEM,
    "track_id": _TRACK,
    "processing_job_id": _JOB,
    "stem_type": "vocals",
    "file_path": _PATH,
    "url": f"/files/{_PATH}",
    "download_url": f"/export/stem/{_STEM}",
    "file_size": 39_160_878,
    "source": "local",
    "options": {"model": "htdemucs"},
}
_FOUND: Final = {
    "tempo": 118.0,
    "key": "A minor",
    "energy": 0.21,
    "zero_crossing_rate": None,
    "spectral_centroid": None,
    "spectral_rolloff": None,
    "features": {},
}
_STOPPED: Final = {"success": True, "data": {"id": _JOB, "status": "failed"}}
_MODELS: Final = [
    {"name": "htdemucs", "description": "Hybrid Transformer Demucs", "stems": 4},
    {"name": "htdemucs_6s", "description": "With guitar and piano", "stems": 6},
]
_MANIFEST: Final = """\
{"volumes": {"vocals": 1.2}, "mutes": {"other": true},
 "edits": [{"stem": "vocals", "type": "fade_in", "params": {"duration_ms": 3000}}]}"""
_TASKS: Final = {"job_ids": [_JOB], "task_ids": [_STEM]}

BODIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "POST /api/spotify/fetch": {"url": _LINK},
    "POST /api/download/track": {"url": _LINK, "quality": "lossless"},
    "POST /api/processing/separate": {"track_id": _TRACK, "model": "htdemucs"},
    "POST /api/analysis/analyze": {"track_id": _TRACK, "features": ["tempo", "key", "energy"]},
    "POST /api/lalalai/cancel": {"task_id": _STEM},
    "POST /api/daw/export": {"track_id": _TRACK, "manifest": _MANIFEST},
}
"""What is sent."""

REPLIES: Final[Mapping[str, Any]] = {
    "POST /api/spotify/fetch": {
        "success": True,
        "data": {
            "type": "track",
            "track": {
                "id": _TRACK,
                "spotify_id": _SPOTIFY,
                "title": "Long Way Home",
                "artist": "The Walkers",
                "album": "Harbours",
                "album_art_url": "https://i.scdn.co/image/0",
                "duration": 222,
                "spotify_url": _LINK,
            },
        },
    },
    "POST /api/download/track": {"success": True, "data": _CREATED, **_CREATED},
    "GET /api/download/job/{job_id}": {
        "success": True,
        "data": {
            **_STATE,
            "output_path": f"/files/downloads/{_TRACK}/The_Walkers-Long_Way_Home.flac",
            "file_size": 25_400_312,
            "match": {"video_id": "aBcDeF12345", "title": "The Walkers - Long Way Home"},
        },
        "job_id": _JOB,
        "result": {"file_path": f"/files/downloads/{_TRACK}/The_Walkers-Long_Way_Home.flac"},
    },
    "DELETE /api/download/job/{job_id}": _STOPPED,
    "POST /api/processing/separate": {
        "success": True,
        "data": {**_CREATED, "model": "htdemucs", "engine": "local"},
        "job_id": _JOB,
        "status": "queued",
        "model": "htdemucs",
    },
    "GET /api/processing/job/{job_id}": {
        "success": True,
        "data": {**_STATE, "model": "htdemucs", "engine": "local", "stems": [_VOCALS]},
        "job_id": _JOB,
        "result": {"model": "htdemucs", "stems": [_VOCALS]},
    },
    "DELETE /api/processing/job/{job_id}": _STOPPED,
    "GET /api/processing/models": {"success": True, "data": {"models": _MODELS}, "models": _MODELS},
    "POST /api/analysis/analyze": {
        "success": True,
        "data": _CREATED,
        "job_id": _JOB,
        "status": "queued",
    },
    "GET /api/analysis/job/{job_id}": {
        "success": True,
        "data": {**_STATE, "result": _FOUND},
        "job_id": _JOB,
    },
    "DELETE /api/analysis/job/{job_id}": _STOPPED,
    "GET /api/lalalai/quota": {
        "success": True,
        "data": {"quota_minutes": 300, "used_minutes": 12.5, "remaining_minutes": 287.5},
        "minutes_left": 287.5,
    },
    "POST /api/lalalai/cancel": {
        "success": True,
        "data": {"task_id": _STEM, "status": "cancelled"},
        "result": _TASKS,
    },
    "POST /api/lalalai/cancel-all": {
        "success": True,
        "data": {"cancelled": 1, "task_ids": [_STEM]},
        "cancelled": 1,
        "task_ids": [_STEM],
        "result": _TASKS,
    },
    "GET /export/analysis/{track_id}": {
        "track_id": _TRACK,
        "title": "Long Way Home",
        "artist": "The Walkers",
        "analysis": _FOUND,
        "track": {
            "id": _TRACK,
            "title": "Long Way Home",
            "artist": "The Walkers",
            "album": "Harbours",
            "duration_ms": 222_000,
        },
        "exported_at": "2026-11-20T19:45:00.000000Z",
    },
    "POST /api/daw/export": {
        "ok": True,
        "stem_id": _STEM,
        "file_path": f"stems/{_TRACK}/vocals_edited_1795203900.wav",
    },
}
"""What comes back where all is well, of those that answer in JSON."""

PROBLEMS: Final[Mapping[str, Mapping[str, Any]]] = {
    "400": {"error": "track_id parameter is required", "code": "missing_parameter"},
    "401": {
        "error": "Unauthorized",
        "code": "unauthorized",
        "message": "Valid Bearer token required",
    },
    "402": {"error": "Insufficient credits", "code": "insufficient_credits"},
    "403": {"error": "Access denied", "code": "forbidden"},
    "404": {"error": "Track not found", "code": "not_found"},
    "408": {"error": "Request Timeout", "code": "timeout"},
    "409": {"error": "Track has no audio", "code": "audio_not_ready"},
    "413": {"error": "Request Entity Too Large", "code": "too_large"},
    "422": {"error": "Stem files could not be read", "code": "stems_unreadable"},
    "429": {
        "error": "Too Many Requests",
        "code": "RATE_LIMITED",
        "message": "Rate limit exceeded. Try again later.",
        "retry_after": 12,
    },
    "500": {"error": "Internal Server Error", "code": "internal_error"},
    "502": {"error": "lalal.ai could not be reached", "code": "lalalai_error"},
    "503": {"error": "lalal.ai API key not configured", "code": "service_unavailable"},
}
"""By HTTP status."""
