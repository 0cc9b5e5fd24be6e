"""Failures as this dialect words them: one envelope, and one table from our codes to its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.types import Scope

from stemwright.db.database import DATABASE_GONE
from stemwright.errors import (
    ChildDied,
    DatabaseUnavailable,
    OutputError,
    StemwrightError,
    StorageError,
)
from stemwright.kit import logs
from stemwright.web.forwarded import base_url

from .replies import ProblemReply
from .wire import Wrong

_THE_SERVERS_OWN: Final = (OutputError, StorageError, ChildDied)
"""What these say is for the operator: they name folders and hosts."""
_log: Final = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a failure is to a client."""

    status: int
    code: str


_INTERNAL: Final = Answer(500, "INTERNAL_ERROR")
_UNAVAILABLE: Final = Answer(503, "SERVICE_UNAVAILABLE")
_INVALID: Final = Answer(400, "INVALID_REQUEST")
_NO_MODEL: Final = Answer(400, "MODEL_UNAVAILABLE")
"""400 and not 503: the clients repeat a 5xx, and what is not installed does not come by itself."""
_FORMAT: Final = Answer(400, "UNSUPPORTED_FORMAT")
_TOO_LARGE: Final = Answer(400, "FILE_TOO_LARGE")
_UNREACHABLE: Final = Answer(400, "SOURCE_URL_UNREACHABLE")
_BAD_SOURCE: Final = Answer(400, "INVALID_SOURCE_URL")
_NO_VIDEO: Final = Answer(400, "VIDEO_UNAVAILABLE")
_BAD_KEY: Final = Answer(401, "INVALID_API_KEY")

CONTRACT: Final[Mapping[str, Answer]] = {
    "internal": _INTERNAL,
    "cancelled": Answer(400, "CANCELLED"),
    "options.invalid": _INVALID,
    # the song
    "input.invalid": _FORMAT,
    "input.not_found": _INTERNAL,
    "input.unreadable": _FORMAT,
    "input.no_audio": _FORMAT,
    "input.not_audio": _FORMAT,
    "input.empty": Answer(400, "AUDIO_TOO_SHORT"),
    "input.too_short": Answer(400, "AUDIO_TOO_SHORT"),
    "input.too_long": Answer(400, "AUDIO_TOO_LONG"),
    "input.too_large": _TOO_LARGE,
    # uploads
    "upload.failed": _INVALID,
    "upload.unsupported_format": _FORMAT,
    "upload.too_large": _TOO_LARGE,
    "upload.empty": _FORMAT,
    "upload.incomplete": _INVALID,
    "upload.in_use": _INVALID,
    "upload.not_found": Answer(400, "UPLOAD_NOT_FOUND"),
    "upload.quota_exceeded": Answer(400, "QUOTA_EXCEEDED"),
    # links to songs elsewhere
    "source.failed": _UNREACHABLE,
    "source.invalid_url": _BAD_SOURCE,
    "source.unreachable": _UNREACHABLE,
    "source.unavailable": _UNAVAILABLE,
    "fetch.failed": _UNREACHABLE,
    "fetch.refused": _BAD_SOURCE,
    "fetch.unreachable": _UNREACHABLE,
    "fetch.unresolved": _UNREACHABLE,
    "fetch.too_large": _TOO_LARGE,
    "youtube.invalid_url": Answer(400, "INVALID_YOUTUBE_URL"),
    "youtube.unavailable": _NO_VIDEO,
    "youtube.private": Answer(400, "VIDEO_PRIVATE"),
    "youtube.age_restricted": Answer(400, "VIDEO_AGE_RESTRICTED"),
    "youtube.live": Answer(400, "VIDEO_LIVE"),
    "youtube.too_long": Answer(400, "VIDEO_TOO_LONG"),
    "soundcloud.invalid_url": Answer(400, "INVALID_SOUNDCLOUD_URL"),
    "soundcloud.not_found": Answer(400, "TRACK_NOT_FOUND"),
    # who asks, and what it may cost
    "auth.refused": _BAD_KEY,
    "auth.missing_key": Answer(401, "MISSING_API_KEY"),
    "auth.key_format": Answer(401, "INVALID_API_KEY_FORMAT"),
    "auth.invalid_key": _BAD_KEY,
    "auth.key_revoked": Answer(403, "API_KEY_REVOKED"),
    "auth.key_expired": Answer(403, "API_KEY_EXPIRED"),
    "auth.email_not_verified": Answer(403, "EMAIL_NOT_VERIFIED"),
    "auth.account_suspended": Answer(403, "ACCOUNT_SUSPENDED"),
    "account.invalid": _INVALID,
    "account.unknown": _BAD_KEY,
    "account.unknown_key": _BAD_KEY,
    "account.email_taken": _INVALID,
    "account.invalid_email": _INVALID,
    "account.invalid_password": _INVALID,
    "account.invalid_name": _INVALID,
    "credits.invalid": _INTERNAL,
    "credits.insufficient": Answer(402, "INSUFFICIENT_CREDITS"),
    "credits.out_of_order": _INTERNAL,
    # jobs
    "job.failed": _INTERNAL,
    "job.not_found": Answer(404, "JOB_NOT_FOUND"),
    "job.state_conflict": Answer(409, "JOB_STATE_CONFLICT"),
    "job.idempotency_conflict": Answer(409, "IDEMPOTENCY_CONFLICT"),
    "job.abandoned": _INTERNAL,
    "job.child_died": _INTERNAL,
    # webhooks
    "webhook.invalid": _INVALID,
    "webhook.invalid_url": _INVALID,
    "webhook.unknown_event": _INVALID,
    "webhook.too_many": _INVALID,
    "webhook.not_found": Answer(404, "WEBHOOK_NOT_FOUND"),
    "webhook.delivery_not_found": Answer(404, "DELIVERY_NOT_FOUND"),
    # requests
    "request.invalid": _INVALID,
    "request.rate_limited": Answer(429, "RATE_LIMIT_EXCEEDED"),
    "request.too_large": _INVALID,
    "request.too_slow": _INVALID,
    # the machine
    "model.invalid": _NO_MODEL,
    "model.unknown": _NO_MODEL,
    "model.unknown_stem": _NO_MODEL,
    "weights.missing": _NO_MODEL,
    "weights.corrupt": _NO_MODEL,
    "weights.download_failed": _NO_MODEL,
    "weights.licence_refused": _NO_MODEL,
    "weights.licence_not_accepted": _NO_MODEL,
    "model.in_use": _NO_MODEL,
    "runtime.unavailable": _NO_MODEL,
    "service.unavailable": _UNAVAILABLE,
    "service.not_installed": _UNAVAILABLE,
    "service.database_unavailable": _UNAVAILABLE,
    "service.seal_broken": _UNAVAILABLE,
    "storage.failed": _UNAVAILABLE,
    "storage.missing": _INTERNAL,
    "storage.unreachable": _UNAVAILABLE,
    "storage.full": _UNAVAILABLE,
    "link.refused": Answer(403, "LINK_REFUSED"),
    "link.invalid": Answer(403, "LINK_REFUSED"),
    "link.expired": Answer(403, "LINK_REFUSED"),
    "output.failed": _INTERNAL,
}
"""What every code of ours is in this dialect; a code that is missing is a defect."""

ELSEWHERE: Final = (
    "analysis.",
    "download.",
    "lalalai.",
    "mix.",
    "processing.",
    "request.invalid_json",
    "request.invalid_parameter",
    "request.parameter_missing",
    "session.",
    "spotify.",
    "track.",
)
"""Codes of features that this dialect does not offer: here they would be defects."""

_EXTRAS: Final = {
    "field": "field",
    "supported": "supportedFormats",
    "required_seconds": "requiredSeconds",
    "max_bytes": "maxSizeBytes",
    "max_size_bytes": "maxSizeBytes",
    "actual_bytes": "actualSizeBytes",
    "actual_size_bytes": "actualSizeBytes",
    "min_duration_s": "minDurationSeconds",
    "max_duration_s": "maxDurationSeconds",
    "actual_duration_s": "actualDurationSeconds",
}
"""What an error knows besides its message, and the key it is told under."""

_NO_ADDRESS: Final = Answer(404, "NOT_FOUND")
_NO_METHOD: Final = Answer(405, "METHOD_NOT_ALLOWED")
_SAID: Final = {
    "NOT_FOUND": "There is no such address; the document at /api/v1/openapi lists all.",
    "METHOD_NOT_ALLOWED": "This address does not take this method.",
    "STORAGE": "The service cannot reach its files just now. Try again.",
    "INTERNAL_ERROR": "Something failed on this side. Try again; if it lasts, tell the operator.",
}


def contract_code(code: str) -> str:
    """The word of this dialect for a code of ours."""
    return CONTRACT.get(code, _INTERNAL).code


def handle_errors(app: Starlette, methods_of: Callable[[str], Collection[str]]) -> None:
    """Answer every failure of an application in the envelope; it says what an address takes."""

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        known = cast(HTTPException, error)
        if known.status_code == _NO_METHOD.status:
            path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
            allowed = {"Allow": ", ".join(sorted(methods_of(path)))}
            return _reply(_NO_METHOD, _SAID[_NO_METHOD.code], headers=allowed)
        return _on_http(known)

    for gone in DATABASE_GONE:
        app.add_exception_handler(gone, _on_database_gone)
    app.add_exception_handler(StemwrightError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, _on_defect)


def render(scope: Scope, error: StemwrightError) -> JSONResponse:
    """Put a failure into the envelope, with the headers that belong to it."""
    answer = CONTRACT.get(error.code, _INTERNAL)
    if answer is _INTERNAL:
        return _reply(answer, _SAID["INTERNAL_ERROR"])
    extras = {
        key: _whole(value)
        for name, key in _EXTRAS.items()
        if (value := getattr(error, name, None)) is not None
    }
    if answer.status == 402:
        extras["purchaseUrl"] = f"{base_url(scope)}/"
    message = _SAID["STORAGE"] if isinstance(error, StorageError) else error.message
    return _reply(answer, message, extras, _headers(answer, error))


def answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe errors of a route for its document, those that every route has included."""
    return {status: _DESCRIBED[status] for status in sorted({*statuses, 401, 403, 429, 500, 503})}


async def _on_known(request: Request, error: Exception) -> JSONResponse:
    known = cast(StemwrightError, error)
    if isinstance(known, _THE_SERVERS_OWN):
        _log.error("request.failed_here", code=known.code, reason=known.message)
    return render(request.scope, known)


async def _on_database_gone(request: Request, error: Exception) -> JSONResponse:
    _log.error("request.database_gone", error=str(error.__cause__ or error))
    gone = DatabaseUnavailable("The service cannot reach its data just now. Try again.")
    return render(request.scope, gone)


async def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    first = cast(RequestValidationError, error).errors()[0]
    field, message, cause = _field(first["loc"]), first["msg"], first.get("ctx", {}).get("error")
    if isinstance(cause, Wrong):
        field, message = cause.field or field, str(cause)
    elif first["type"] == "json_invalid":
        field, message = "body", f"is not JSON: {cause}"
    return _reply(_INVALID, f"{field}: {message}.", {"field": field})


def _on_http(error: HTTPException) -> JSONResponse:
    if error.status_code == _NO_ADDRESS.status:
        return _reply(_NO_ADDRESS, _SAID[_NO_ADDRESS.code])
    if error.status_code < 500:  # a body that cannot be read
        return _reply(_INVALID, f"body: {error.detail}.", {"field": "body"})
    return _reply(_INTERNAL, _SAID["INTERNAL_ERROR"])


async def _on_defect(_request: Request, _error: Exception) -> JSONResponse:
    return _reply(_INTERNAL, _SAID["INTERNAL_ERROR"])


def _field(location: tuple[str | int, ...]) -> str:
    """Name of a field of the body, a query parameter or a header, or of the body as a whole."""
    part, *path = location
    return str(path[0] if path and isinstance(path[0], str) else part)


def _whole(value: object) -> object:
    return math.ceil(value) if isinstance(value, float) else value


def _headers(answer: Answer, error: StemwrightError) -> Mapping[str, str] | None:
    if answer.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if answer.status in {429, 503}:
        # clients take 0 for absent, and sleep as told: no wait, but the shortest
        return {"Retry-After": str(max(1, math.ceil(getattr(error, "retry_after_s", None) or 1)))}
    return None


def _reply(
    answer: Answer,
    message: str,
    extras: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    error = {"code": answer.code, "message": message, **(extras or {})}
    return JSONResponse({"error": error}, answer.status, headers=dict(headers or {}))


def _described(description: str, code: str, **extras: object) -> dict[str, Any]:
    example = {"error": {"code": code, "message": "…", **extras}}
    return {
        "model": ProblemReply,
        "description": description,
        "content": {"application/json": {"example": example}},
    }


_DESCRIBED: Final[Mapping[int, dict[str, Any]]] = {
    400: _described("The request makes no sense.", "INVALID_REQUEST", field="quality"),
    401: _described("There is no valid key.", "MISSING_API_KEY"),
    402: _described(
        "Too few credits are left.",
        "INSUFFICIENT_CREDITS",
        requiredSeconds=204,
        purchaseUrl="https://example.com/",
    ),
    403: _described("The key or its account may not be used.", "API_KEY_REVOKED"),
    404: _described("There is none of that id.", "JOB_NOT_FOUND"),
    409: _described("The Idempotency-Key was used otherwise.", "IDEMPOTENCY_CONFLICT"),
    429: _described("Too many requests; `Retry-After` says for how long.", "RATE_LIMIT_EXCEEDED"),
    500: _described("A fault on this side.", "INTERNAL_ERROR"),
    503: _described("Not now; try again.", "SERVICE_UNAVAILABLE"),
}
