"""Chapter 7: mixes by a manifest, edited stems, and what is wrong with either."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import soundfile

from .forge_rows import UUID, Row, manifest, problem
from .lalalai_rules import sound

EXPORT = "/api/daw/export"
RATE = 44_100
_STEP = 1 / 32_768

Part = tuple[str, str | tuple[str, bytes]]


def _stem(name: str, level: int, frames: int = RATE) -> Part:
    """A file of which every sample is as loud."""
    return "stems[]", (f"{name}.wav", sound(level, frames))


_TWO = (_stem("vocals", 1000), _stem("Drums_edited_1700000000", 2000))


def _mix(says: str, check: Callable[..., None], *expected: Any, **told: Any) -> Row:
    """Mix two stems of a second, 1000 and 2000 steps loud, by a manifest."""
    parts = (("track_id", "<track>"), *_TWO, ("manifest", manifest(**told)))
    return Row(says, "POST", EXPORT, parts=parts, check=lambda answer: check(answer, *expected))


def _edit(says: str, check: Callable[..., None], *expected: Any, **edit: Any) -> Row:
    """Edit a stem of a second, 2000 steps loud."""
    return _edits(says, check, *expected, edits=[{"stem": "drums", "position": 0, **edit}])


def _edits(says: str, check: Callable[..., None], *expected: Any, edits: Any) -> Row:
    parts = (("track_id", "<track>"), _TWO[1], ("manifest", manifest(edits=edits)))
    return Row(says, "POST", EXPORT, parts=parts, check=lambda answer: check(answer, *expected))


def heard(answer: httpx.Response) -> tuple[np.ndarray, int, str]:
    """Samples, rate and format of a WAV."""
    file = soundfile.SoundFile(io.BytesIO(answer.content))
    return file.read(always_2d=True), file.samplerate, file.subtype


def _is_level(answer: httpx.Response, left: float, right: float | None = None) -> None:
    samples, rate, subtype = heard(answer)
    wanted = np.array([left, left if right is None else right]) * _STEP
    assert (rate, subtype, samples.shape) == (RATE, "PCM_16", (RATE, 2))
    assert np.abs(samples - wanted).max() <= 2 * _STEP, samples[:: RATE // 4]


def _lasts(answer: httpx.Response, seconds: float) -> None:
    samples, rate, _ = heard(answer)
    assert abs(len(samples) / rate - seconds) < 0.01


def _is(answer: httpx.Response, rate: int, subtype: str) -> None:
    assert heard(answer)[1:] == (rate, subtype)


def _rises(answer: httpx.Response, *levels: float) -> None:
    """A stretch of constant loudness at each level, evenly over the mix."""
    samples = heard(answer)[0][:, 0] / _STEP
    at = np.linspace(0, len(samples) - 1, len(levels)).astype(int)
    assert np.allclose(samples[at], levels, atol=25), samples[at]


def _is_not_clipped(answer: httpx.Response) -> None:
    samples = heard(answer)[0]
    assert 0.98 < np.abs(samples).max() <= 1.0
    assert np.ptp(samples[:, 0]) < 3 * _STEP


_MIXES = [
    _mix("stems add up", _is_level, 3000.0),
    _mix("volumes are gains", _is_level, 1500.0, volumes={"vocals": 0.5, "drums": 0.5}),
    _mix("more than two is percent", _is_level, 3500.0, volumes={"vocals": 150}),
    _mix("names in any case", _is_level, 2000.0, mutes={"VOCALS": True}),
    _mix("what is muted is not heard", _is_level, 1000.0, mutes={"drums": True}),
    _mix("what is solo is heard alone", _is_level, 2000.0, solos={"drums": True}),
    _mix(
        "what is solo and muted is not heard",
        _is_level,
        0.0,
        solos={"drums": True},
        mutes={"drums": True},
    ),
    _mix(
        "unknown keys are ignored",
        _is_level,
        3000.0,
        version=1,
        theme="dark",
        solos={},
    ),
    _mix("24 bits", _is, RATE, "PCM_24", bit_depth=24),
    _mix("32 bits of floats", _is, RATE, "FLOAT", bit_depth=32),
    _mix("48 kHz", _is, 48_000, "PCM_16", sample_rate=48_000),
    _edit("crop", _lasts, 0.25, type="crop", params={"start_ms": 250, "end_ms": 500}),
    _edit("crop in seconds", _lasts, 0.25, type="crop", params={"start": 0.25, "end": 0.5}),
    _edit("trim", _lasts, 0.75, type="trim", params={"start_ms": 250, "end_ms": 500}),
    _edit("trim is clamped", _lasts, 0.5, type="trim", params={"start_ms": 500, "end_ms": 9000}),
    _edit("fade in", _rises, 0, 1000, 2000, type="fade_in", params={"duration_ms": 1000}),
    _edit("fade out", _rises, 2000, 1000, 0, type="fade_out", params={}),
    _edit("gain", _is_level, 4000.0, type="gain", params={"level": 2}),
    _edit(
        "gain of a part",
        _rises,
        2000,
        2000,
        1000,
        type="gain",
        params={"level": 0.5, "start_ms": 600, "end_ms": 1000},
    ),
    _edit("split is a marker", _is_level, 2000.0, type="split", params={"position_ms": 500}),
    _edit(
        "another name of the type",
        _lasts,
        0.5,
        operation_type="crop",
        params={"start_ms": 500, "end_ms": 1000},
    ),
    _edit("time stretch", _lasts, 0.5, type="time_stretch", params={"tempo_factor": 2.0}),
    _edit("pitch shift", _lasts, 1.0, type="pitch_shift", params={"semitones": 12}),
    _mix(
        "edits by stem",
        _lasts,
        0.5,
        edits={
            name: [{"type": "crop", "params": {"start_ms": 0, "end_ms": 500}}]
            for name in ("drums", "vocals")
        },
    ),
    _edits(
        "edits go by their positions",
        _rises,
        2000,
        0,
        edits=[
            {"stem": "drums", "type": "fade_out", "params": {"duration_ms": 500}, "position": 2},
            {"stem": "drums", "type": "trim", "params": {"start": 0.5, "end": 1}, "position": 1},
        ],
    ),
]


_LOUD = (_stem("vocals", 30_000), _stem("drums", 30_000))
_MIXES += [
    Row(
        "what is too loud is scaled and not clipped",
        "POST",
        EXPORT,
        parts=(("track_id", "<track>"), *_LOUD, ("manifest", "{}")),
        check=_is_not_clipped,
    )
]


def _is_left(answer: httpx.Response) -> None:
    samples, *_ = heard(answer)
    assert np.abs(samples[:, 1]).max() < _STEP
    assert samples[:, 0].min() > 1000 * _STEP


_PANS = [
    _mix(f"a pan of {pan} is all left", _is_left, pans={"vocals": pan, "drums": pan})
    for pan in (-1, -1.0, -100)
]


def _is_download(answer: httpx.Response) -> None:
    assert len(answer.content) == int(answer.headers["content-length"])
    samples, rate, subtype = heard(answer)
    assert (rate, subtype, samples.shape[1]) == (RATE, "PCM_16", 2)
    assert abs(len(samples) / rate - 7) < 0.1


_WAV = {
    "content-type": re.compile("audio/(x-)?wav"),
    "content-disposition": re.compile(r'attachment; filename="[^"]*_export\.wav".*'),
}
_STORED = (("track_id", "<separated_track>"),)
_ANSWERED = [
    Row(says, "POST", EXPORT, who=who, parts=parts, tells=_WAV, check=_is_download)
    for says, who, parts in (
        ("without files the stored stems are mixed", "key", _STORED),
        ("an empty manifest is unity", "key", (*_STORED, ("manifest", ""))),
        ("a page of ours may, too", "page", _STORED),
        ("its token may stand in the form", "session", (*_STORED, ("_csrf_token", "<token>"))),
        ("stems go by their ids", "key", (*_STORED, ("manifest", '{"mutes": {"<stem>": true}}'))),
    )
]


def _refused(says: str, text: str, **more: Any) -> Row:
    parts = (("track_id", "<track>"), *_TWO, ("manifest", text))
    return Row(says, "POST", EXPORT, parts=parts, **problem(400, str, "invalid_manifest", **more))


def _unfit(says: str, **edit: Any) -> Row:
    return _refused(says, manifest(edits=[{"stem": "drums", **edit}]), details=dict)


_REFUSED = [
    _refused("no JSON", "volumes"),
    _refused("a list", "[]"),
    _refused("a stem that is not there", manifest(volumes={"kazoo": 1}), details=dict),
    _refused("too loud", manifest(volumes={"vocals": 201}), details=dict),
    _refused("a negative gain", manifest(volumes={"vocals": -1}), details=dict),
    _refused("a gain in words", manifest(volumes={"vocals": "1"}), details=dict),
    _refused("too far left", manifest(pans={"vocals": -101}), details=dict),
    _refused("a mute in words", manifest(mutes={"vocals": "true"}), details=dict),
    _refused("a format that is none", manifest(bit_depth=12), details=dict),
    _unfit("an unknown edit", type="reverse", params={}),
    _unfit("an edit that ends before it starts", type="trim", params={"start_ms": 5, "end_ms": 5}),
    _unfit("a pitch out of reach", type="pitch_shift", params={"semitones": 13}),
    _unfit("a tempo out of reach", type="time_stretch", params={"tempo_factor": 3}),
    _unfit("a gain out of reach", type="gain", params={"level": 5}),
    Row(
        "a file that is no song",
        "POST",
        EXPORT,
        parts=(("track_id", "<track>"), ("stems[]", ("vocals.wav", b"no song" * 99))),
        **problem(400, str, "invalid_stem", details=lambda told: "vocals" in str(told)),
    ),
    Row(
        "no track",
        "POST",
        EXPORT,
        parts=_TWO,
        **problem(400, "track_id parameter is required", "missing_parameter"),
    ),
    *(
        Row(says, "POST", EXPORT, who=who, parts=(("track_id", track), *_TWO), **refused)
        for says, who, track, refused in (
            ("unknown", "key", "<unknown>", problem(404, "Track not found", "not_found")),
            ("no UUID", "key", "17", problem(404, "Track not found", "not_found")),
            ("somebody else's", "bob", "<track>", problem(403, "Access denied", "forbidden")),
            (
                "somebody else's",
                "bob's page",
                "<track>",
                problem(403, "Access denied", "forbidden"),
            ),
        )
    ),
    Row(
        "neither files nor stems",
        "POST",
        EXPORT,
        parts=(("track_id", "<bare_track>"),),
        **problem(404, "No stems available", "not_found"),
    ),
]

_FILE = ("file", ("mix.wav", sound(1000, RATE)))


def _keep(says: str, status: int, *parts: Part, who: str = "key", **body: Any) -> Row:
    body = {"ok": False, "error": str, **body} if status >= 400 else body
    return Row(says, "POST", EXPORT, status, who=who, parts=parts, body=body)


_BY_NAME = (("track_id", "<track>"), ("stem_type", "vocals"))
_MISSING = "Missing required fields: file, track_id, stem_type"
_EDITED = [
    _keep(
        "an edited stem is kept",
        200,
        *_BY_NAME,
        _FILE,
        who="page",
        ok=True,
        stem_id=UUID,
        file_path=re.compile(r"stems/[0-9a-f-]{36}/vocals_edited_\d+\.wav"),
    ),
    _keep("without a track", 400, ("stem_type", "vocals"), _FILE, error=_MISSING),
    _keep(
        "a track that is no UUID",
        400,
        ("track_id", "17"),
        ("stem_type", "vocals"),
        _FILE,
        error="Invalid track_id format",
    ),
    _keep("an unknown track", 404, ("track_id", "<unknown>"), _BY_NAME[1], _FILE),
    _keep("somebody else's track", 403, *_BY_NAME, _FILE, who="bob"),
    _keep("a file that is no song", 422, *_BY_NAME, ("file", ("mix.wav", b"no song" * 99))),
    _keep("an unknown kind of stem", 422, _BY_NAME[0], ("stem_type", "kazoo"), _FILE),
]
DAW = [*_MIXES, *_PANS, *_ANSWERED, *_REFUSED, *_EDITED]
