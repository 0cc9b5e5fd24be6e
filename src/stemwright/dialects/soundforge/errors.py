"""Failures as this dialect words them: an error is a sentence, a code stands beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, cast

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from stemwright.db.database import DATABASE_GONE
from stemwright.errors import (
    AuthError,
    ChildDied,
    NotLoggedIn,
    OutputError,
    RateLimited,
    StemwrightError,
    StorageError,
    StorageMissing,
)
from stemwright.kit import logs

from .library_answers import LIBRARY_ANSWERS, Answer, told
from .pages import problem
from .services import ForgeServices

_log: Final = logs.get_logger(__name__)

_THE_SERVERS_OWN: Final = (OutputError, StorageError, ChildDied)
"""What these say is for the operator: they name folders and hosts."""
_INTERNAL: Final = Answer(500, "Internal Server Error", "internal_error")
_UNAVAILABLE: Final = Answer(503, "Service Unavailable", "service_unavailable")
_UNAUTHORIZED: Final = Answer(401, "Unauthorized", "unauthorized")
_RATE_LIMITED: Final = Answer(429, "Too Many Requests", "RATE_LIMITED")
_NO_LALALAI_KEY: Final = Answer(503, "lalal.ai API key not configured", "service_unavailable")
_INVALID: Final = Answer(400, "", "invalid_parameter")
_URL: Final = Answer(400, "", "invalid_url")
_SPOTIFY: Final = Answer(502, "", "spotify_error")
_LALALAI: Final = Answer(502, "", "lalalai_error")

_SAID_INTERNAL: Final = "Something failed on this side. Try again; if it lasts, tell the operator."
_SAID_UNAVAILABLE: Final = "The service cannot read or keep its data just now. Try again."
_SAID_LIMITED: Final = "Rate limit exceeded. Try again later."
_SAID_NO_KEY: Final = "Valid Bearer token required"
_SAID_NOT_FOUND: Final = "There is no such address; /api/openapi lists those of this API."

ANSWERS: Final[Mapping[str, Answer]] = {
    **LIBRARY_ANSWERS,
    "internal": _INTERNAL,
    "options.invalid": _INVALID,
    "cancelled": Answer(409, "Cancelled", "cancelled"),
    "request.invalid_json": Answer(400, "Invalid JSON", "invalid_json"),
    "request.invalid_parameter": _INVALID,
    "request.rate_limited": _RATE_LIMITED,
    "request.too_slow": Answer(408, "Request Timeout", "timeout"),
    "session.csrf": Answer(403, "Forbidden", "invalid_csrf_token"),
    "spotify.invalid_url": _URL,
    "spotify.failed": _SPOTIFY,
    "spotify.not_linked": _SPOTIFY,
    "spotify.not_configured": Answer(503, "", "unauthorized"),
    "download.invalid_url": Answer(400, "Invalid Spotify URL format", "invalid_url"),
    "download.invalid_quality": Answer(400, "", "invalid_quality"),
    "processing.invalid": _INVALID,
    "processing.invalid_model": Answer(400, "", "invalid_model"),
    "processing.invalid_engine": Answer(400, "", "invalid_engine"),
    "analysis.invalid": _INVALID,
    "analysis.invalid_features": Answer(400, "", "invalid_features"),
    "lalalai.not_configured": _NO_LALALAI_KEY,
    "job.not_found": Answer(404, "Job not found", "not_found"),
    "job.state_conflict": Answer(409, "", "conflict"),
    "credits.insufficient": Answer(402, "Insufficient credits", "insufficient_credits"),
    "upload.not_found": Answer(404, "Upload not found", "not_found"),
    "upload.in_use": Answer(409, "", "conflict"),
    "upload.too_large": Answer(413, "Request Entity Too Large", "too_large"),
    "upload.quota_exceeded": Answer(413, "Request Entity Too Large", "too_large"),
    "input.too_large": Answer(413, "Request Entity Too Large", "too_large"),
    "fetch.too_large": Answer(413, "Request Entity Too Large", "too_large"),
    "source.unavailable": Answer(503, "", "service_unavailable"),
    "youtube.unavailable": _URL,
}
"""By our own code; what is missing is answered by its family."""

_FAMILIES: Final[Mapping[str, Answer]] = {
    "auth.": _UNAUTHORIZED,
    "session.": _UNAUTHORIZED,
    "lalalai.": _LALALAI,
    "youtube.": _URL,
    "soundcloud.": _URL,
    "source.": _URL,
    "fetch.": _URL,
    "input.": Answer(400, "", "invalid_parameter"),
    "upload.": _INVALID,
    "request.": _INVALID,
    "model.": Answer(503, "", "service_unavailable"),
    "weights.": Answer(503, "", "service_unavailable"),
    "runtime.": Answer(503, "", "service_unavailable"),
    "output.": _UNAVAILABLE,
    "storage.": _UNAVAILABLE,
    "service.": _UNAVAILABLE,
}


def answer_for(error: StemwrightError) -> Answer:
    """What a failure is to a client of this dialect."""
    found = ANSWERS.get(error.code)
    if found is None:
        family = error.code.partition(".")[0] + "."
        found = _FAMILIES.get(family, _INTERNAL)
    return found


def render(scope: Scope, error: StemwrightError) -> Response:
    """Answer a failure: programs in JSON, and browsers with a page where there are pages."""
    answer = answer_for(error)
    body, headers = _body(answer, error), _headers(answer, error)
    if wants_page(scope):
        page = problem(str(body["error"]), str(body.get("message", "")), answer.status)
        page.headers.update(headers)
        return page
    return JSONResponse(body, answer.status, headers=headers)


def wants_page(scope: Scope) -> bool:
    """Whether whoever asks is a browser that shows a page, at an address where there are any."""
    if scope["path"].startswith("/api/"):
        return False
    return "text/html" in Headers(scope=scope).get("accept", "").lower()


def handle_errors(app: Starlette, methods_of: Callable[[str], Collection[str]]) -> None:
    """Answer every failure of the application; it says what methods an address takes."""

    async def on_http(request: Request, error: Exception) -> Response:
        known = cast(HTTPException, error)
        if known.status_code == 404:
            return _plain(request.scope, 404, "Not Found", "not_found", _SAID_NOT_FOUND)
        if known.status_code == 405:
            answer = _plain(
                request.scope,
                405,
                "Method Not Allowed",
                "method_not_allowed",
                "This address does not take this method.",
            )
            answer.headers["allow"] = ", ".join(sorted(methods_of(request.scope["path"])))
            return answer
        if known.status_code < 500:
            return _plain(request.scope, 400, "Bad Request", "invalid_parameter", known.detail)
        return _plain(request.scope, 500, *_INTERNAL_TOLD)

    for gone in DATABASE_GONE:
        app.add_exception_handler(gone, _on_database_gone)
    app.add_exception_handler(StemwrightError, _on_known)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, _on_defect)


async def _on_known(request: Request, error: Exception) -> Response:
    known = cast(StemwrightError, error)
    if isinstance(known, _THE_SERVERS_OWN):
        _log.error("request.failed_here", code=known.code, reason=known.message)
    if isinstance(known, NotLoggedIn) and request.method == "GET" and wants_page(request.scope):
        services = cast(ForgeServices, request.app.state.services)
        message = "You must log in to access this page."
        return services.callers.door.send_to_log_in(request, message)
    return render(request.scope, known)


async def _on_database_gone(request: Request, error: Exception) -> Response:
    _log.error("request.database_gone", error=str(error.__cause__ or error))
    answer = _plain(request.scope, 503, _UNAVAILABLE.error, _UNAVAILABLE.code, _SAID_UNAVAILABLE)
    answer.headers["retry-after"] = "1"
    return answer


async def _on_invalid(request: Request, error: Exception) -> Response:
    first = cast(RequestValidationError, error).errors()[0]
    message = f"{first['loc'][-1]}: {first['msg']}"
    return _plain(request.scope, 400, message, "invalid_parameter", "")


async def _on_defect(request: Request, _error: Exception) -> Response:
    return _plain(request.scope, 500, *_INTERNAL_TOLD)


_INTERNAL_TOLD: Final = (_INTERNAL.error, _INTERNAL.code, _SAID_INTERNAL)


def _plain(scope: Scope, status: int, error: str, code: str, message: str) -> Response:
    if wants_page(scope):
        return problem(error, message, status)
    said = {"message": message} if message else {}
    return JSONResponse({"error": error, "code": code, **said}, status)


def _body(answer: Answer, error: StemwrightError) -> dict[str, Any]:
    if answer is _INTERNAL:
        return {"error": answer.error, "code": answer.code, "message": _SAID_INTERNAL}
    if isinstance(error, OutputError | StorageError) and not isinstance(error, StorageMissing):
        return {"error": answer.error, "code": answer.code, "message": _SAID_UNAVAILABLE}
    if isinstance(error, RateLimited):
        return {
            "error": answer.error,
            "code": answer.code,
            "message": _SAID_LIMITED,
            "retry_after": _seconds(error.retry_after_s),
        }
    if isinstance(error, AuthError) and answer is _UNAUTHORIZED:
        said = error.message if error.code.startswith("session.") else _SAID_NO_KEY
        return {"error": answer.error, "code": answer.code, "message": said}
    if answer.error or error.code in LIBRARY_ANSWERS:
        return told(answer, error)
    return _specific(answer, error)


def _specific(answer: Answer, error: StemwrightError) -> dict[str, Any]:
    """The first sentence says what is wrong; the whole also says what to do."""
    first, stop, _ = error.message.partition(". ")
    said: dict[str, Any] = {"error": first.removesuffix("."), "code": answer.code}
    return said | {"message": error.message} if stop else said


def _headers(answer: Answer, error: StemwrightError) -> dict[str, str]:
    if answer.status == 401:
        return {"WWW-Authenticate": "Bearer"}
    if answer.status in {429, 503}:
        return {"Retry-After": str(_seconds(getattr(error, "retry_after_s", None) or 1))}
    return {}


def _seconds(seconds: float) -> int:
    return max(1, math.ceil(seconds))
