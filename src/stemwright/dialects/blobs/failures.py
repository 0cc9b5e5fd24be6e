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
    StorageError,
    StorageFull,
    StorageMissing,
    UploadEmpty,
    UploadIncomplete,
    UploadInUse,
    UploadNotFound,
    UploadTooLarge,
)
from stemwright.kit import logs

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


_SAID: Final[Mapping[type[StemwrightError], str]] = {
    StorageFull: "The service has no room for this file. Try again later.",
}
"""Of the storage's own words, what names folders and hosts is for the operator."""
_log: Final = logs.get_logger(__name__)


def failure(error: StemwrightError) -> Response:
    """Render an error."""
    fallback = "INTERNAL_ERROR" if error.http_status == 500 else "SERVICE_UNAVAILABLE"
    code, message = _CODES.get(type(error), fallback), error.message
    if isinstance(error, StorageError) and not isinstance(error, StorageMissing):
        _log.error("blob.failed_here", code=error.code, reason=message)
        message = _SAID.get(type(error), "The service cannot reach its files just now. Try again.")
    facts: dict[str, str | int] = {"code": code, "message": message}
    if isinstance(error, UploadTooLarge):
        facts |= {"maxSizeBytes": error.max_bytes, "actualSizeBytes": error.actual_bytes}
    return JSONResponse(
        {"error": facts},
        status_code=error.http_status,
        headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )
