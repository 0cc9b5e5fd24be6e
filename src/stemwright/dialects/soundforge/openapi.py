"""The document of this dialect in OpenAPI 3.1; pages are no part of it."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from .access import Anyone

router: Final = APIRouter(prefix="/api", tags=["about"])

_DESCRIPTION: Final = """\
Tracks from Spotify, YouTube, links and uploads: downloaded, separated into stems, analysed, mixed
and exported. Replies hold `data`; beside it stand copies for older clients.

Failures come as `{"error": sentence, "code": word}`. Requests are limited to 60 a minute, those
that begin work to 10, pages, exports and files to 120; each says in `X-RateLimit-Limit`,
`X-RateLimit-Remaining` and `X-RateLimit-Reset` how many are left.

Progress is told at `/api/jobs/{job_id}/events`, and in Phoenix channels `jobs:{job_id}` at
`/socket`.
"""
_LIMIT_HEADERS: Final = {
    "X-RateLimit-Limit": "Requests a minute.",
    "X-RateLimit-Remaining": "Requests left of them.",
    "X-RateLimit-Reset": "When there are more, in Unix seconds.",
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
    )
    for operation in _operations(made):
        operation["responses"].pop("422", None)  # 400 is what a request that makes no sense gets
        for answer in operation["responses"].values():
            answer["headers"] = {
                name: {"$ref": f"#/components/headers/{name}"} for name in _LIMIT_HEADERS
            }
    components = made["components"]
    components["headers"] = {
        name: {"description": meaning, "required": True, "schema": {"type": "integer"}}
        for name, meaning in _LIMIT_HEADERS.items()
    }
    for name in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(name, None)
    return made


def _operations(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in made["paths"].values():
        yield from path.values()
