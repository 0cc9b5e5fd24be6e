"""Errors of signed addresses, in the envelope the APIs that hand them out use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from stemwright.errors import (
    LinkExpired,
    LinkInvalid,
    QuotaExceeded,
    StemwrightError,
    StorageFull,
    StorageMissing,
    UploadEmpty,
    UploadIncomplete,
    UploadInUse,
    UploadNotFound,
    UploadTooLarge,
)

_CODES: Final[Mapping[type[StemwrightError], str]] = {
    LinkExpired: "URL_EXPIRED",
    LinkInvalid: "URL_INVALID",
    StorageMissing: "NOT_FOUND",
    StorageFull: "STORAGE_FULL",
    UploadEmpty: "EMPTY_FILE",
    UploadIncomplete: "INCOMPLETE_FILE",
    UploadInUse: "UPLOAD_IN_USE",
    UploadNotFound: "UPLOAD_NOT_FOUND",
    UploadTooLarge: "FILE_TOO_LARGE",
    QuotaExceeded: "QUOTA_EXCEEDED",
}


def failure(error: StemwrightError) -> Response:
    """Render an error."""
    fallback = "INTERNAL_ERROR" if error.http_status == 500 else "SERVICE_UNAVAILABLE"
    facts: dict[str, str | int] = {
        "code": _CODES.get(type(error), fallback),
        "message": error.message,
    }
    if isinstance(error, UploadTooLarge):
        facts |= {"maxSizeBytes": error.max_bytes, "actualSizeBytes": error.actual_bytes}
    return JSONResponse(
        {"error": facts},
        status_code=error.http_status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
