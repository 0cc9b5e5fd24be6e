"""Chapters 8 to 10: management of lalal.ai, exports, and files."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import httpx

from .forge_rows import Row, problem

_NUMBER = {"type": lambda value: type(value) in {int, float}}["type"]
_CANCEL, _CANCEL_ALL = "/api/lalalai/cancel", "/api/lalalai/cancel-all"
_NO_TASK = problem(404, str, "not_found")


def _adds_up(answer: httpx.Response) -> None:
    told = answer.json()
    data = told["data"]
    assert told["minutes_left"] == data["remaining_minutes"] >= 0
    assert abs(data["used_minutes"] + data["remaining_minutes"] - data["quota_minutes"]) < 0.05


LALALAI = [
    Row(
        "minutes, in three numbers",
        "GET",
        "/api/lalalai/quota",
        who="session",
        body={
            "data.quota_minutes": _NUMBER,
            "data.used_minutes": _NUMBER,
            "data.remaining_minutes": _NUMBER,
        },
        check=_adds_up,
    ),
    Row("unknown", "POST", _CANCEL, who="page", json={"task_id": "<unknown>"}, **_NO_TASK),
    Row("no UUID", "POST", _CANCEL, who="page", json={"task_id": "17"}, **_NO_TASK),
    Row(
        "a job of another engine",
        "POST",
        _CANCEL,
        who="page",
        json={"task_id": "<processing_job>"},
        **_NO_TASK,
    ),
    Row(
        "nothing to cancel is no error",
        "POST",
        _CANCEL_ALL,
        who="bob's page",
        json={},
        body={"data": {"cancelled": 0, "task_ids": []}, "success": True},
    ),
    Row(
        "nor is a body of nothing",
        "POST",
        _CANCEL_ALL,
        who="bob's page",
        body={"data.cancelled": 0},
    ),
]

# --------------------------------------------------------------------------------------- 9: export

_TITLE = "Grüße 100 1"
"""The title, without what file names do without."""
_ASCII = re.compile(r'attachment; filename="[\x20-\x7e]+"(; filename\*=.*)?')


def _encoded(ending: str) -> re.Pattern[str]:
    title = _TITLE.replace("ü", "%C3%BC").replace("ß", "%C3%9F").replace(" ", "%20")
    quoted = re.escape(f"{title}{ending}")
    return re.compile(
        rf"attachment; filename=\"[^\"]+\"; filename\*=UTF-8''{quoted}", re.IGNORECASE
    )


def _archive(answer: httpx.Response) -> None:
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    kinds = {"vocals", "drums", "bass", "other"}
    assert {f"{_TITLE} - {kind}.wav" for kind in kinds} <= set(archive.namelist())
    assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}


def _song(answer: httpx.Response) -> None:
    assert answer.content[:4] == b"RIFF"
    assert len(answer.content) == int(answer.headers["content-length"])


_STEM, _STEMS, _ANALYSIS = "/export/stem/", "/export/stems/", "/export/analysis/"
_FOREIGN = problem(403, "Access denied", "forbidden")


def _gone(text: str) -> dict[str, Any]:
    return problem(404, text, "not_found")


EXPORTS = [
    *(
        Row(
            f"a file, for a {who}",
            "GET",
            f"{_STEM}<stem>",
            who=who,
            tells={
                "content-type": re.compile("audio/(x-)?wav"),
                "content-disposition": re.compile(r'attachment; filename="vocals\.wav".*'),
            },
            check=_song,
        )
        for who in ("key", "session", "page")
    ),
    Row(
        "a part of it",
        "GET",
        f"{_STEM}<stem>",
        206,
        headers={"range": "bytes=0-3"},
        shows=("RIFF",),
    ),
    Row("unknown", "GET", f"{_STEM}<unknown>", **_gone("Stem not found")),
    Row("no UUID", "GET", f"{_STEM}17", **_gone("Stem not found")),
    Row("somebody else's", "GET", f"{_STEM}<stem>", who="bob", **_FOREIGN),
    Row("somebody else's", "GET", f"{_STEM}<stem>", who="bob's session", **_FOREIGN),
    *(
        Row(
            f"an archive, for a {who}",
            "GET",
            f"{_STEMS}<separated_track>",
            who=who,
            tells={
                "content-type": "application/zip",
                "content-disposition": _encoded("_stems.zip"),
            },
            check=_archive,
        )
        for who in ("key", "session")
    ),
    Row("of a track without any", "GET", f"{_STEMS}<bare_track>", **_gone("No stems available")),
    Row("unknown", "GET", f"{_STEMS}<unknown>", **_gone("Track not found")),
    Row("no UUID", "GET", f"{_STEMS}17", **_gone("Track not found")),
    Row("somebody else's", "GET", f"{_STEMS}<separated_track>", who="bob", **_FOREIGN),
    *(
        Row(
            f"a document, for a {who}",
            "GET",
            f"{_ANALYSIS}<analysed_track>",
            who=who,
            body={
                "track_id": "<track>",
                "title": "<title>",
                "artist": "The Band, A Guest",
                "analysis.tempo": float,
                "analysis.key": str,
                "analysis.energy": float,
                "analysis.spectral_centroid": float,
                "analysis.spectral_rolloff": float,
                "analysis.zero_crossing_rate": float,
                "analysis.features": dict,
                "track.id": "<track>",
                "track.title": "<title>",
                "track.artist": "The Band, A Guest",
                "track.album": "Harbours",
                "track.duration_ms": int,
                "exported_at": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*"),
            },
            tells={"content-disposition": _encoded("_analysis.json")},
        )
        for who in ("key", "session")
    ),
    Row("of a track without any", "GET", f"{_ANALYSIS}<bare_track>", **_gone("No analysis data")),
    Row("unknown", "GET", f"{_ANALYSIS}<unknown>", **_gone("Track not found")),
    Row("no UUID", "GET", f"{_ANALYSIS}17", **_gone("Track not found")),
    Row("somebody else's", "GET", f"{_ANALYSIS}<analysed_track>", who="bob", **_FOREIGN),
]

# --------------------------------------------------------------------------------------- 10: files

_FILE = "/files/<stem_path>"
_KEPT = {"accept-ranges": "bytes", "cache-control": "private, max-age=86400"}


def _starts_with(*starts: bytes) -> Any:
    def check(answer: httpx.Response) -> None:
        assert answer.content.startswith(starts), answer.content[:16]
        assert len(answer.content) == int(answer.headers["content-length"])

    return check


def _has(content: bytes) -> Any:
    def check(answer: httpx.Response) -> None:
        assert answer.content == content

    return check


def _last_byte(answer: httpx.Response) -> None:
    first, last, size = map(int, re.split(r"[-/]", answer.headers["content-range"][6:]))
    assert (first, last, len(answer.content)) == (size - 1, size - 1, 1)


_RANGES = [
    Row(
        f"{asked} is a part",
        "GET",
        _FILE,
        206,
        headers={"range": asked},
        tells={**_KEPT, "content-range": re.compile(told)},
        check=check,
    )
    for asked, told, check in (
        ("bytes=0-3", r"bytes 0-3/\d+", _has(b"RIFF")),
        ("bytes=8-11", r"bytes 8-11/\d+", _has(b"WAVE")),
        ("bytes=8-", r"bytes 8-\d+/\d+", _starts_with(b"WAVE")),
        ("bytes=-1", r"bytes \d+-\d+/\d+", _last_byte),
        ("bytes=0-99999999999", r"bytes 0-\d+/\d+", _starts_with(b"RIFF")),
    )
]
_NO_RANGES = [
    Row(
        f"{asked} is no part",
        "GET",
        _FILE,
        416,
        headers={"range": asked},
        tells={"content-range": re.compile(r"bytes \*/\d+")},
    )
    for asked in ("bytes=99999999999-", "bytes=5-3", "bytes=abc", "bytes=-", "bytes=-0", "bytes=1")
]
_TRAVERSALS = (
    "/files/../settings.py",
    "/files/downloads/../../secret",
    "/files/..%2f..%2fetc/passwd",
    "/files/%2e%2e/%2e%2e/etc/passwd",
    "/files/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/files/..%5c..%5cetc%5cpasswd",
    "/files/%252e%252e%252fetc%252fpasswd",
    "/files/downloads-secret/../downloads/x.mp3",
    "/files/stems/%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "/files/stems/x%00.wav",
    "/files/stems/./x.wav",
)


def _discloses_nothing(answer: httpx.Response) -> None:
    assert "root:" not in answer.text
    assert "/" not in answer.json().get("message", "")


FILES = [
    *(
        Row(
            f"a stem, for a {who}",
            "GET",
            _FILE,
            who=who,
            tells={**_KEPT, "content-type": re.compile("audio/(x-)?wav")},
            check=_song,
        )
        for who in ("session", "key")
    ),
    Row(
        "a song",
        "GET",
        "/files/<audio_path>",
        who="session",
        tells={**_KEPT, "content-type": "audio/mpeg"},
        check=_starts_with(b"ID3", b"\xff\xfb"),
    ),
    Row(
        "several parts are the whole",
        "GET",
        _FILE,
        headers={"range": "bytes=0-3,8-11"},
        check=_song,
    ),
    *_RANGES,
    *_NO_RANGES,
    *(
        Row("leads out", "GET", path, who=who, verbatim=True, check=_discloses_nothing, **refused)
        for path in _TRAVERSALS
        for who, refused in (("session", problem(403, "Forbidden", "forbidden")),)
    ),
    *(
        Row("nothing is there", "GET", path, who="session", **_gone("File not found"))
        for path in (
            "/files/downloads/<track>/other.mp3",
            "/files/downloads/<unknown>/song.mp3",
            "/files/stems/<processing_job>/kazoo.wav",
            "/files/stems/<unknown>/vocals.wav",
            "/files/nothing",
            "/files//etc/passwd",
            "/files/downloads/<track>",
            "/files/stems/<processing_job>/vocals.wav.bak",
        )
    ),
    *(
        Row("somebody else's", "GET", path, who=who, **_FOREIGN)
        for path in (_FILE, "/files/<audio_path>")
        for who in ("bob", "bob's session")
    ),
]
FILES_AND_EXPORTS = [*LALALAI, *EXPORTS, *FILES]
