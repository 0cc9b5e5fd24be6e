"""The document of this dialect in OpenAPI 3.1; pages are no part of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from .access import Anyone
from .classes import class_of
from .documented import headers
from .examples import BODIES, PROBLEMS, REPLIES

router: Final = APIRouter(prefix="/api", tags=["about"])

_DESCRIPTION: Final = """\
Tracks from Spotify, YouTube, links and uploads: downloaded, separated into stems, analysed, mixed
and exported. Replies hold `data`; beside it stand copies for older clients.

Failures come as `{"error": sentence, "code": word}`. Requests are counted by `x-rate-class`, and
limited to 60 a minute of `api`, 10 of `heavy` and 120 of `browser` unless the operator has set
others; each says in `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` how many
are left. `GET /health` is not counted, and says whether the service works.

Progress is told at `/api/jobs/{job_id}/events`, and in Phoenix channels `jobs:{job_id}` at
`/socket`.
"""
_FRAMEWORKS_OWN: Final = "Validation Error"
_LIMIT_HEADERS: Final = {
    "X-RateLimit-Limit": "Requests a minute.",
    "X-RateLimit-Remaining": "Requests left of them.",
    "X-RateLimit-Reset": "When there are more, in Unix seconds.",
}
_RETRY: Final = {"Retry-After": "Seconds to wait."}
_RETRIED: Final = frozenset({"429", "503"})
_TOKEN: Final[Mapping[str, Any]] = {
    "name": "x-csrf-token",
    "in": "header",
    "description": 'With a session, and not with a key: what `<meta name="csrf-token">` of any '
    "page holds. Forms may bring it as the field `_csrf_token` instead.",
    "schema": {"type": "string"},
}
_TOKENS_NAME: Final = "csrf"
_OF_BODIES: Final[Mapping[str, str]] = {
    "408": "The body came too slowly.",
    "413": "The body is larger than 1 MiB, or what it names larger than it may be.",
}
_TAGS: Final[Mapping[str, str]] = {
    "spotify": "What links name.",
    "download": "Songs into the library.",
    "processing": "Tracks taken apart.",
    "analysis": "Tempo, key and the like.",
    "daw": "Stems mixed down.",
    "lalalai": "Minutes and tasks at lalal.ai; for people in a browser.",
    "events": "Progress as it comes.",
    "export": "Results to keep.",
    "files": "The library's files, to be played.",
    "about": "This document.",
}


@router.get("/openapi", name="openapi")
def openapi(_: Anyone, request: Request) -> dict[str, Any]:
    """Describe this API in OpenAPI 3.1."""
    return document(request.app)


def document(app: FastAPI) -> dict[str, Any]:
    """Write the document of the application."""
    if app.openapi_schema is None:
        app.openapi_schema = _written(app)
    return app.openapi_schema


def _written(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="stemwright: Sound Forge API",
        version=version("stemwright"),
        openapi_version="3.1.0",
        description=_DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/"}],
        tags=[{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
    )
    for method, path, operation in _operations(made):
        _complete(method, path, operation)
    components = made["components"]
    components["headers"] = {**headers(_LIMIT_HEADERS, "integer"), **headers(_RETRY, "integer")}
    components["parameters"] = {_TOKENS_NAME: dict(_TOKEN)}
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return made


def _operations(made: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in made["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _complete(method: str, path: str, operation: dict[str, Any]) -> None:
    """Say what the endpoint does not: its limit, the token of forms, headers and examples."""
    ours = re.sub(r"\W", "_", f"{path}_{method.lower()}")
    name = operation["operationId"].removesuffix(ours)
    operation["operationId"] = f"{operation['tags'][0]}_{name}"
    operation["x-rate-class"] = class_of({"path": path, "method": method})
    if method == "POST" and {"session": []} in operation.get("security", []):
        token = {"$ref": f"#/components/parameters/{_TOKENS_NAME}"}
        operation["parameters"] = [*operation.get("parameters", []), token]
    answered = operation["responses"]
    if answered.get("422", {}).get("description") == _FRAMEWORKS_OWN:
        del answered["422"]  # 400 is what a request that makes no sense gets
    if "requestBody" in operation:
        _complete_body(method, path, operation)
    for status, answer in answered.items():
        names = [*_LIMIT_HEADERS, *(_RETRY if status in _RETRIED else ())]
        said = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
        answer["headers"] = said | answer.get("headers", {})
        _exemplify(f"{method} {path}", status, answer)


def _complete_body(method: str, path: str, operation: dict[str, Any]) -> None:
    for status, meaning in _OF_BODIES.items():
        told = {"schema": {"$ref": "#/components/schemas/ProblemReply"}}
        answer = {"description": meaning, "content": {"application/json": told}}
        operation["responses"].setdefault(status, answer)
    for content in operation["requestBody"]["content"].values():
        content["example"] = BODIES[f"{method} {path}"]


def _exemplify(label: str, status: str, answer: dict[str, Any]) -> None:
    told = answer.get("content", {}).get("application/json")
    if told is None:
        return
    if status >= "400":
        told["example"] = PROBLEMS[status]
    elif label in REPLIES:
        told["example"] = REPLIES[label]
