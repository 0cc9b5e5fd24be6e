"""Chapters 5 and 6: separations and analyses."""

from __future__ import annotations

import re
from typing import Any

import httpx

from .forge_rows import UUID, Row, problem, repeats
from .forge_table_conventions import SEPARATE
from .forge_table_songs import FOREIGN, JOB_GONE

ANALYSE = "/api/analysis/analyze"
_TRACK_GONE = problem(404, "Track not found", "not_found")
_NO_AUDIO = problem(409, "Track has no audio", "audio_not_ready")

# --------------------------------------------------------------------------------- 5: processing

_FOUR = {"vocals", "drums", "bass", "other"}


def _separation(model: str = "htdemucs", engine: str = "local") -> dict[str, Any]:
    told = {"data.model": model, "data.engine": engine, "data.status": "queued"}
    return {
        "status": 201,
        "body": {"data.job_id": UUID, "data.track_id": "<other_track>", **told},
        "check": repeats("job_id", "status", "model"),
    }


def _four_stems(answer: httpx.Response) -> None:
    data = answer.json()["data"]
    assert {stem["stem_type"] for stem in data["stems"]} == _FOUR
    for stem in data["stems"]:
        kind, path = stem["stem_type"], f"stems/{data['id']}/{stem['stem_type']}.wav"
        assert UUID.fullmatch(stem["id"]), kind
        assert stem["processing_job_id"] == data["id"]
        assert stem["file_path"] == path
        assert stem["url"] == f"/files/{path}"
        assert stem["download_url"] == f"/export/stem/{stem['id']}"
        assert stem["file_size"] > 1024
        assert (stem["source"], type(stem["options"])) == ("local", dict)


def _models(answer: httpx.Response) -> None:
    models = answer.json()["data"]["models"]
    assert [(model["name"], model["stems"]) for model in models] == [
        ("htdemucs", 4),
        ("htdemucs_ft", 4),
        ("htdemucs_6s", 6),
        ("mdx_extra", 4),
    ]
    assert all(model["description"] for model in models)
    assert answer.json()["models"] == models


_OURS = {"track_id": "<other_track>"}
PROCESSING = [
    *(
        Row(f"{model} is taken", "POST", SEPARATE, json=json, **_separation(model))
        for model in ("htdemucs_ft", "htdemucs_6s", "mdx_extra")
        for json in [{**_OURS, "model": model}]
    ),
    Row("by default it is htdemucs, here", "POST", SEPARATE, json=_OURS, **_separation()),
    Row(
        "lalal.ai is taken",
        "POST",
        SEPARATE,
        json={**_OURS, "engine": "lalalai", "stem_filter": "vocals"},
        **_separation(engine="lalalai"),
    ),
    Row(
        "in a form",
        "POST",
        SEPARATE,
        form={**_OURS, "engine": "local"},
        **_separation(),
    ),
    Row(
        "a path of this server's is not taken",
        "POST",
        SEPARATE,
        json={"file_path": "/etc/passwd", "model": "htdemucs"},
        **problem(400, "track_id parameter is required", "missing_parameter"),
    ),
    Row(
        "an unknown model is named",
        "POST",
        SEPARATE,
        json={**_OURS, "model": "umx"},
        **problem(400, re.compile(r"Invalid model: umx.*"), "invalid_model"),
    ),
    *(
        Row(f"{value!r} is no {name}", "POST", SEPARATE, json={**_OURS, name: value}, **refused)
        for name, refused in (
            ("model", problem(400, str, "invalid_model")),
            ("engine", problem(400, str, "invalid_engine")),
        )
        for value in ("", "HTDEMUCS", 5, ["htdemucs"], {"a": 1})
    ),
    *(
        Row(
            f"{options} is no option of lalal.ai's",
            "POST",
            SEPARATE,
            json={**_OURS, "engine": "lalalai", **options},
            **problem(400, str, "invalid_parameter"),
        )
        for options in (
            {"preview": "true"},
            {"preview": 1},
            {"stems": "vocals"},
            {"stems": ["kazoo"]},
            {"stem_filter": 5},
            {"splitter": "nobody"},
        )
    ),
    Row("unknown", "POST", SEPARATE, json={"track_id": "<unknown>"}, **_TRACK_GONE),
    Row("no UUID", "POST", SEPARATE, json={"track_id": "17"}, **_TRACK_GONE),
    Row("somebody else's", "POST", SEPARATE, who="bob", json=_OURS, **FOREIGN),
    Row("without a song", "POST", SEPARATE, json={"track_id": "<bare_track>"}, **_NO_AUDIO),
    Row(
        "a job that is done has its stems",
        "GET",
        "/api/processing/job/<processing_job>",
        body={
            "data.id": "<processing_job>",
            "data.status": "completed",
            "data.progress": 100,
            "data.model": "htdemucs",
            "data.error": None,
            "result": dict,
        },
        check=_four_stems,
    ),
    Row("unknown", "GET", "/api/processing/job/<unknown>", **JOB_GONE),
    Row("no UUID", "GET", "/api/processing/job/17", **JOB_GONE),
    Row("of another kind", "GET", "/api/processing/job/<download_job>", **JOB_GONE),
    Row("somebody else's", "GET", "/api/processing/job/<processing_job>", who="bob", **FOREIGN),
    Row("four, in their order", "GET", "/api/processing/models", check=_models),
]

# ----------------------------------------------------------------------------------- 6: analyses

_NEW_ANALYSIS: dict[str, Any] = {
    "status": 201,
    "body": {"data.job_id": UUID, "data.track_id": "<other_track>", "data.status": "queued"},
}
_MAJOR = r"[A-G]#? (major|minor)"


def _everything(answer: httpx.Response) -> None:
    features = answer.json()["data"]["result"]["features"]
    assert (len(features["mfcc"]), len(features["chroma"])) == (13, 12)
    assert all(0 < len(row) <= 1000 for row in (*features["mfcc"], *features["chroma"]))


ANALYSES = [
    Row("by default four features", "POST", ANALYSE, json=_OURS, **_NEW_ANALYSIS),
    Row(
        "several are taken",
        "POST",
        ANALYSE,
        json={**_OURS, "features": ["tempo", "key"]},
        **_NEW_ANALYSIS,
    ),
    Row(
        "in a form",
        "POST",
        ANALYSE,
        form={**_OURS, "features[]": "tempo"},
        **_NEW_ANALYSIS,
    ),
    Row("a lone type is taken", "POST", ANALYSE, json={**_OURS, "type": "tempo"}, **_NEW_ANALYSIS),
    *(
        Row(
            f"{features!r} are no features",
            "POST",
            ANALYSE,
            json={**_OURS, "features": features},
            **problem(400, str, "invalid_features"),
        )
        for features in ([], ["loudness"], ["tempo", "x"], [5], "tempo", {"tempo": True}, 5)
    ),
    Row(
        "a path of this server's is not taken",
        "POST",
        ANALYSE,
        json={"file_path": "/etc/passwd", "type": "full"},
        **problem(400, "track_id parameter is required", "missing_parameter"),
    ),
    Row("unknown", "POST", ANALYSE, json={"track_id": "<unknown>"}, **_TRACK_GONE),
    Row("no UUID", "POST", ANALYSE, json={"track_id": "17"}, **_TRACK_GONE),
    Row("somebody else's", "POST", ANALYSE, who="bob", json=_OURS, **FOREIGN),
    Row("without a song", "POST", ANALYSE, json={"track_id": "<bare_track>"}, **_NO_AUDIO),
    Row(
        "a job that is done has its result",
        "GET",
        "/api/analysis/job/<analysis_job>",
        body={
            "data.id": "<analysis_job>",
            "data.status": "completed",
            "data.progress": 100,
            "data.error": None,
            "data.result.tempo": float,
            "data.result.key": re.compile(_MAJOR),
            "data.result.energy": lambda energy: type(energy) is float and 0 <= energy <= 1,
            "data.result.zero_crossing_rate": float,
            "data.result.spectral_centroid": float,
            "data.result.spectral_rolloff": float,
        },
        check=_everything,
    ),
    Row("unknown", "GET", "/api/analysis/job/<unknown>", **JOB_GONE),
    Row("no UUID", "GET", "/api/analysis/job/17", **JOB_GONE),
    Row("of another kind", "GET", "/api/analysis/job/<download_job>", **JOB_GONE),
    Row("somebody else's", "GET", "/api/analysis/job/<analysis_job>", who="bob", **FOREIGN),
]

# ------------------------------------------------------------------------- beyond: jobs are stopped

STOPS = [
    Row(says, "DELETE", f"/api/{kind}/job/{job}", who=who, **refused)
    for kind in ("download", "processing", "analysis")
    for says, job, who, refused in (
        ("unknown", "<unknown>", "key", JOB_GONE),
        ("somebody else's", f"<{kind}_job>", "bob", FOREIGN),
        ("done already", f"<{kind}_job>", "key", problem(409, str, "conflict")),
    )
]
