"""Chapter 1: who may ask, how bodies are read, and how everything that fails is answered."""

from __future__ import annotations

from typing import Any

import httpx

from .forge_contract import ROUTES, Route, with_access
from .forge_rows import ABSENT, UNSENT, Row, problem
from .forge_serve import BROKEN

_REFUSED = problem(401, "Unauthorized", "unauthorized")
_NO_KEY = problem(401, "Unauthorized", "unauthorized", message="Valid Bearer token required")
_NO_TOKEN = problem(403, "Forbidden", "invalid_csrf_token")
_MODELS = "/api/processing/models"
FETCH, SEPARATE = "/api/spotify/fetch", "/api/processing/separate"
LINK = "https://open.spotify.com/track/<spotify_track>"


def _body(route: Route) -> dict[str, Any]:
    if route.path == "/api/daw/export":
        return {"parts": (("track_id", "<unknown>"),)}
    return {"json": route.takes} if route.takes is not None else {}


def _without_key() -> list[Row]:
    return [
        Row(says, route.method, route.example, who=who, headers=headers, **_body(route), **_NO_KEY)
        for route in with_access("key")
        for says, who, headers in (
            ("nobody is refused", "nobody", {}),
            ("a key that does not exist is refused", "nobody", _bearer("sk_live_" + "0" * 40)),
            ("a session is no key", "page", {}),
        )
    ]


def _bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


_SCHEMES = [
    Row(f"`{said}` is refused", "GET", _MODELS, who="nobody", headers=headers, **_NO_KEY)
    for said in (
        "Basic YTpi",
        "Token <key>",
        "Bearer",
        "<key>",
        "Bearer a b",
        "Bearer é",
    )
    for headers in [{"authorization": said}]
    if said.isascii()
] + [
    Row(f"`{word}` is the same scheme", "GET", _MODELS, who="nobody", headers=headers)
    for word in ("bearer", "BEARER")
    for headers in [{"authorization": f"{word} <key>"}]
]


def _without_session() -> list[Row]:
    refused = [
        Row(
            f"nobody is refused, in JSON, when accepting {accepted}",
            route.method,
            route.example,
            who="nobody",
            headers={"accept": accepted},
            **_body(route),
            **_REFUSED,
        )
        for route in with_access("session", "session or key")
        for accepted in ("application/json", "*/*")
    ]
    sent_away = [
        Row(
            "a browser without a session is sent to log in",
            "GET",
            route.example,
            302,
            who="browser",
            tells={"location": "/users/log-in"},
        )
        for route in with_access("session or key")
        if route.path.startswith("/export/")
    ]
    keyed = [
        Row("a key is no session", route.method, route.example, **_body(route), **_REFUSED)
        for route in with_access("session")
    ]
    return refused + sent_away + keyed


def _without_token() -> list[Row]:
    return [
        Row(
            says, "POST", route.example, who="session", headers=headers, **_body(route), **_NO_TOKEN
        )
        for route in with_access("session", "session or key")
        if route.method == "POST"
        for says, headers in (
            ("a session without a token is refused", {}),
            ("a session with another token is refused", {"x-csrf-token": "x" * 43}),
        )
    ]


# ----------------------------------------------------------------------------------------- methods


def _is_json_or_page(answer: httpx.Response) -> None:
    if "json" in answer.headers["content-type"]:
        assert isinstance(answer.json()["error"], str), answer.text


def _other_methods() -> list[Row]:
    """Health is asked by both APIs' clients; the other one says how that is refused."""
    paths = dict.fromkeys(route.example for route in ROUTES if route.path != "/health")
    taken = {path: {it.method for it in ROUTES if it.example == path} for path in paths}
    return [
        Row(
            f"{method} is not for it",
            method,
            path,
            405,
            headers={"accept": "application/json"},
            body={"error": str, "code": str},
            check=_is_json_or_page,
        )
        for path in paths
        for method in ("PATCH",)
        if method not in taken[path]
    ]


def _bodiless(answer: httpx.Response) -> None:
    assert answer.content == b""


_HEADS = [
    Row(says, "HEAD", path, status, who=who, check=_bodiless)
    for says, path, status, who in (
        ("as GET, without a body", "/health", 200, "nobody"),
        ("as GET, without a body", _MODELS, 200, "key"),
        ("as GET, without a body", "/api/download/job/<download_job>", 200, "key"),
        ("as GET, without a body", "/api/download/job/<unknown>", 404, "key"),
        ("as GET, without a body", "/export/stem/<stem>", 200, "key"),
        ("as GET, without a body", "/files/<audio_path>", 200, "key"),
        ("as GET, without a body", "/users/log-in", 200, "browser"),
        ("as GET, without a body", "/api/lalalai/quota", 401, "nobody"),
    )
]

_NOWHERE = [
    Row(
        "nothing is there",
        method,
        path,
        headers={"accept": "application/json"},
        **problem(404, "Not Found", "not_found", message=str),
    )
    for method, path in (
        ("GET", "/api/nothing"),
        ("POST", "/api/nothing"),
        ("GET", "/api"),
        ("GET", "/export"),
        ("GET", "/nothing"),
        ("GET", "/api/processing/job"),
        ("GET", "/socket/nothing"),
    )
]

# ------------------------------------------------------------------------------------------- bodies


def _bodies() -> list[Row]:
    url = {"url": LINK}
    good = {"data.type": "track", "data.track.id": "<track>"}
    return [
        Row("JSON is read", "POST", FETCH, json=url, body=good),
        Row("a form is read", "POST", FETCH, form=url, body=good),
        Row("JSON with a charset is read", "POST", FETCH, raw=_WITH_CHARSET, **_missing("url")),
        Row("nothing at all names no url", "POST", FETCH, **_missing("url")),
        Row(
            "an empty form names no url", "POST", FETCH, form={"quality": "low"}, **_missing("url")
        ),
        Row("a list is no object", "POST", FETCH, 400, json=[url], body={"error": str}),
        Row("a text is no object", "POST", FETCH, 400, json="url", body={"error": str}),
        *(
            Row(f"{says} is no JSON", "POST", path, raw=("application/json", raw), **_INVALID_JSON)
            for path in (FETCH, "/api/download/track", SEPARATE, "/api/analysis/analyze")
            for says, raw in (("half of it", b'{"url": "'), ("a word", b"url"), ("0xff", b"\xff{}"))
        ),
        Row(
            "of half a pair of surrogates nothing comes",
            "POST",
            FETCH,
            400,
            raw=("application/json", b'{"url": "\\ud800"}'),
            body={"error": str, "code": str},
        ),
        Row(
            "a body of two megabytes is too large",
            "POST",
            FETCH,
            json={"url": "x" * (2 << 20)},
            **problem(413, "Request Entity Too Large", "too_large"),
        ),
        Row(
            "a defect is told without its reason",
            "POST",
            FETCH,
            json={"url": BROKEN},
            check=_is_silent,
            **problem(500, "Internal Server Error", "internal_error", message=str),
        ),
    ]


_WITH_CHARSET = ("application/json; charset=utf-8", b'{"quality": "high"}')
_INVALID_JSON = problem(400, "Invalid JSON", "invalid_json")


def _missing(name: str) -> dict[str, Any]:
    return problem(400, f"{name} parameter is required", "missing_parameter")


def _is_silent(answer: httpx.Response) -> None:
    assert "hunter2" not in answer.text
    assert "ZeroDivision" not in answer.text


def _required() -> list[Row]:
    """A required field that is absent, empty, or of another type is missing, and not coerced."""
    fields = {
        FETCH: "url",
        "/api/download/track": "url",
        SEPARATE: "track_id",
        "/api/analysis/analyze": "track_id",
    }
    values = [UNSENT, "", None, 5, True, ["x"], {"x": "y"}]
    rows = [
        Row(
            "no body of use" if value is UNSENT else f"{value!r} is no {name}",
            "POST",
            path,
            json={} if value is UNSENT else {name: value},
            **_missing(name),
        )
        for path, name in fields.items()
        for value in values
    ]
    cancels = [
        Row(
            f"{json} has no task_id",
            "POST",
            "/api/lalalai/cancel",
            who="page",
            json=json,
            **_missing("task_id"),
        )
        for json in ({}, {"task_id": ""}, {"task_id": 5}, {"task_id": ["<unknown>"]})
    ]
    return rows + cancels


def _multipart() -> list[Row]:
    """The same fields in the other two ways to send them."""
    wrong = problem(400, str, "invalid_url")
    gone = problem(404, "Track not found", "not_found")
    return [
        Row("a multipart form is read", "POST", FETCH, parts=(("url", "nonsense"),), **wrong),
        Row(
            "a multipart form is read", "POST", SEPARATE, parts=(("track_id", "<unknown>"),), **gone
        ),
        Row(
            "a multipart form is read",
            "POST",
            "/api/analysis/analyze",
            parts=(("track_id", "<unknown>"),),
            **gone,
        ),
        Row("a form is read", "POST", SEPARATE, form={"track_id": "<unknown>"}, **gone),
        Row(
            "a form is read",
            "POST",
            "/api/analysis/analyze",
            form={"track_id": "<unknown>"},
            **gone,
        ),
        Row("a form is read", "POST", "/api/download/track", form={"url": "nonsense"}, **wrong),
    ]


HEALTH = [
    Row(
        "everybody is told that all is well",
        "GET",
        "/health",
        who="nobody",
        body={
            "status": "ok",
            "version": str,
            "uptime_seconds": int,
            "checks.database.status": "ok",
            "checks.queue.status": "ok",
            "checks.storage.status": "ok",
            "checks.storage_stats.status": "ok",
            "checks.storage_stats.file_count": int,
            "checks.storage_stats.total_size_mb": lambda size: isinstance(size, int | float),
        },
        tells={"x-ratelimit-limit": ABSENT},
    )
]
CONVENTIONS = [
    *_without_key(),
    *_SCHEMES,
    *_without_session(),
    *_without_token(),
    *_other_methods(),
    *_HEADS,
    *_NOWHERE,
    *_bodies(),
    *_required(),
    *_multipart(),
]
