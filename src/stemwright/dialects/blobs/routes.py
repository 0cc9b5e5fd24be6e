"""``PUT`` and ``GET /blobs/…``: whoever has a signed address may use it, for nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from stemwright.errors import StemwrightError, StorageMissing, UploadIncomplete
from stemwright.features.uploads.service import Uploads
from stemwright.kit.clock import utc_now
from stemwright.storage.base import Storage
from stemwright.storage.signing import PATH, UrlSigner
from stemwright.web.receiving import Body
from stemwright.web.sending import READERS

from .downloads import download
from .failures import failure
from .receiving import length_of, receive


@dataclass(frozen=True, slots=True)
class BlobRoutes:
    """The endpoints and what they need."""

    storage: Storage
    signer: UrlSigner
    uploads: Uploads
    clock: Callable[[], datetime] = utc_now
    silence_s: float = 120.0
    """A client that sends nothing for so long is taken for gone."""

    def routes(self) -> list[BaseRoute]:
        """Build them; they stand at the root of the server, outside of any API's prefix."""
        path = f"{PATH}{{key:path}}"
        return [
            Route(path, self.get, methods=["GET", "HEAD"], name="blob"),
            Route(path, self.put, methods=["PUT"], name="upload"),
        ]

    async def get(self, request: Request) -> Response:
        """Send an object."""
        key = request.path_params["key"]
        try:
            grant = self.signer.opened("GET", key, request.query_params, self.clock())
            found = await to_thread.run_sync(self.storage.stat, key, limiter=READERS)
            if found is None:
                raise StorageMissing("The file is not here any more: its time is over.")
            return await download(request, self.storage, found, grant)
        except StemwrightError as error:
            return failure(error)

    async def put(self, request: Request) -> Response:
        """Take an upload. The same address may be used again until it expires."""
        key = request.path_params["key"]
        body = Body(request, self.silence_s)
        try:
            self.signer.opened("PUT", key, request.query_params, self.clock())
            await receive(body, length_of(request), self.uploads, key)
        except StemwrightError as error:
            with suppress(UploadIncomplete):
                await body.discard()
            return failure(error)
        return Response(status_code=200)
