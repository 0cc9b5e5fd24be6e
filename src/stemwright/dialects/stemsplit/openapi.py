"""The document that describes this dialect."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi

from .access import Anyone

router: Final = APIRouter(tags=["about"])

_DESCRIPTION: Final = """\
Separates songs into stems, cleans recordings of noise. Credits are seconds of audio.

Every reply says in `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` how many
requests the key has left, and in `X-Request-Id` by what name the log knows it. Errors come as
`{"error": {"code", "message"}}`; some codes add keys.
"""
_LIMIT_HEADERS: Final = {
    "X-RateLimit-Limit": "Requests a minute that the key has.",
    "X-RateLimit-Remaining": "Requests left of them.",
    "X-RateLimit-Reset": "When there are more, in Unix seconds.",
}


@router.get("/openapi", name="openapi")
def openapi(_: Anyone, request: Request) -> dict[str, Any]:
    """Describe this API in OpenAPI 3.1."""
    return document(request.app, request.scope.get("root_path", ""))


def document(app: FastAPI, path: str) -> dict[str, Any]:
    """Write the document of an application that is served under ``path``."""
    if app.openapi_schema is None:
        app.openapi_schema = _written(app)
    return app.openapi_schema | {"servers": [{"url": path or "/"}]}


def _written(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="stemwright: StemSplit API",
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
