"""An object as a response, under the name and type that its address grants."""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from stemwright.storage.base import Storage, StoredObject
from stemwright.storage.disposition import attachment
from stemwright.storage.signing import Grant
from stemwright.web.sending import send_file
from stemwright.web.serving import Facts


async def download(
    request: Request, storage: Storage, found: StoredObject, grant: Grant
) -> Response:
    """Answer a GET or HEAD for an object that exists."""
    facts = Facts(found.size_bytes, found.etag, found.modified_at)
    headers = {
        "Cache-Control": "private, max-age=3600",
        "Content-Type": grant.content_type or "application/octet-stream",
        "Content-Disposition": attachment(grant.file_name),
    }
    return await send_file(request, facts, partial(storage.read, grant.key), headers)
