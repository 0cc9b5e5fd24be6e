"""Parts of the OpenAPI document that the framework cannot read off the endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .replies import ProblemReply

_FORMS: Final = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")
_DESCRIBED: Final[Mapping[int, str]] = {
    400: "The request makes no sense; `code` says in which way.",
    401: "There is no valid key, or nobody is logged in.",
    402: "Too few credits are left.",
    403: "It is somebody else's, or the token against forged requests is missing.",
    404: "There is none of that id, or no file.",
    408: "The body came too slowly.",
    409: "Not in the present state.",
    413: "Too large.",
    416: "No byte of the file is in the range that was asked for.",
    422: "The stored files cannot be read.",
    429: "Too many requests; `Retry-After` says for how long.",
    500: "A fault on this side.",
    502: "Another service failed.",
    503: "Not configured, or not now.",
}

Shape = tuple[str, str] | tuple[str, str, Sequence[str]]

EITHER: Final[Sequence[Mapping[str, Any]]] = ({"apiKey": []}, {"session": []})
"""A key, or else a session: of routes whose own dependency does not say so."""
BINARY: Final[Mapping[str, str]] = {"type": "string", "format": "binary"}
_SENT: Final[Mapping[str, str]] = {
    "Accept-Ranges": "`bytes`.",
    "ETag": "Changes with the file.",
}
_SAVED: Final = "Its name, for whoever saves it; beyond ASCII also as `filename*`."
_PART: Final = "Which bytes these are, of how many."
_CONDITIONS: Final[Mapping[str, str]] = {
    "Range": "One range of bytes, such as `bytes=0-65535`, `bytes=65536-` or `bytes=-1024`.",
    "If-Range": "The `ETag` that a range is meant for; of another file all is sent.",
    "If-None-Match": "The `ETag` of what the client has.",
}


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe failures of a route, those that every route has included."""
    return {
        status: {"model": ProblemReply, "description": _DESCRIBED[status]}
        for status in sorted({*statuses, 401, 429, 500, 503})
    }


def sending(
    content_type: str, *statuses: int, saved: bool = False
) -> dict[int | str, dict[str, Any]]:
    """Describe answers of a route that sends a file, or what is asked for of it.

    ``saved``: under a name.
    """
    content = {"content": {content_type: {"schema": dict(BINARY)}}}
    said = {**_SENT, "Content-Disposition": _SAVED} if saved else dict(_SENT)
    return {
        200: {**content, "description": "The file.", "headers": headers(said)},
        206: {
            **content,
            "description": "The part of it that was asked for.",
            "headers": headers({**said, "Content-Range": _PART}),
        },
        304: {"description": "It has not changed.", "headers": headers(_SENT)},
        416: {
            "description": _DESCRIBED[416],
            "headers": headers({"Content-Range": "`bytes */` and the size."}),
        },
        **answers(*statuses),
    }


def reading() -> dict[str, Any]:
    """Describe what a request for a file may ask."""
    parameters = [
        {"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}
        for name, meaning in _CONDITIONS.items()
    ]
    return {"security": list(EITHER), "parameters": parameters}


def headers(meanings: Mapping[str, str], kind: str = "string") -> dict[str, Any]:
    """Describe headers of an answer."""
    return {
        name: {"description": meaning, "required": True, "schema": {"type": kind}}
        for name, meaning in meanings.items()
    }


def body(
    fields: Mapping[str, Shape], required: Sequence[str] = (), **more: object
) -> dict[str, Any]:
    """Describe fields that come as JSON or as a form: type, meaning and, of words, which."""
    properties = {name: _property(*shape) for name, shape in fields.items()}
    schema: dict[str, Any] = {"type": "object", "properties": properties, **more}
    if required:
        schema["required"] = list(required)
    content = {kind: {"schema": schema} for kind in _FORMS}
    return {"requestBody": {"required": bool(required), "content": content}}


def _property(kind: str, meaning: str, words: Sequence[str] = ()) -> dict[str, Any]:
    if kind == "array":
        items: dict[str, Any] = {"type": "string"}
        if words:
            items["enum"] = list(words)
        return {"type": "array", "items": items, "description": meaning}
    described: dict[str, Any] = {"type": kind, "description": meaning}
    if words:
        described["enum"] = list(words)
    return described
