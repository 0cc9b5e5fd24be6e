"""The dialect as one application, to be mounted at ``/api/v1``."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from stemwright.web.methods import methods_at

from . import account, denoise, jobs, openapi, soundcloud, uploads, webhooks, youtube
from .errors import handle_errors
from .services import StemSplitServices

_ROUTERS: Final = (
    jobs.KIND.reading(),
    jobs.router,
    youtube.KIND.reading(),
    youtube.router,
    soundcloud.KIND.reading(),
    soundcloud.router,
    denoise.KIND.reading(),
    denoise.router,
    uploads.router,
    account.router,
    webhooks.router,
    openapi.router,
)


class JsonBodies:
    """Takes every body for JSON, whatever its header says: clients forget it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in {"POST", "PUT", "PATCH"}:
            MutableHeaders(scope=scope)["content-type"] = "application/json"
        await self.app(scope, receive, send)


def create_app(services: StemSplitServices) -> FastAPI:
    """Compose the routes."""
    app = FastAPI(
        title="stemwright",
        openapi_url=None,
        redirect_slashes=False,  # a client that follows none would be lost
    )
    app.state.services = services
    app.add_middleware(JsonBodies)
    handle_errors(app, lambda path: methods_at(path, *(router.routes for router in _ROUTERS)))
    for router in _ROUTERS:
        app.include_router(router)
    return app
