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
    404: "There is none of that id.",
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


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe failures of a route, those that every route has included."""
    return {
        status: {"model": ProblemReply, "description": _DESCRIBED[status]}
        for status in sorted({*statuses, 401, 429, 500, 503})
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
