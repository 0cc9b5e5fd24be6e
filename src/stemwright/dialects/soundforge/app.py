"""The dialect as one application, at the root of the server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from fastapi import FastAPI, Request
from starlette.routing import BaseRoute

from stemwright.web.methods import methods_at

from . import analysis, downloads, events, lalalai, openapi, processing, spotify
from .accounts import create_routes
from .daw import DawRoutes
from .errors import handle_errors
from .exports import ExportRoutes
from .files import FileRoutes
from .home import HomePages
from .services import ForgeServices
from .visits import Entrance

_ROUTERS: Final = (
    spotify.router,
    downloads.router,
    processing.router,
    analysis.router,
    lalalai.router,
    events.router,
    openapi.router,
)


def create_app(services: ForgeServices, pages: Sequence[BaseRoute] = ()) -> FastAPI:
    """Compose the routes; ``pages`` are more of them."""
    app = FastAPI(title="stemwright", openapi_url=None, redirect_slashes=False)
    app.state.services = services
    callers = services.callers
    owner = _owner_by(callers.by_either)
    routers = (
        *_ROUTERS,
        ExportRoutes(services.exports, owner).router(),
        FileRoutes(services.exports, owner).router(),
        DawRoutes(services.mixes, callers.by_either).router(),
    )
    # the application itself keeps a router as one route, whose methods it does not tell
    known = [app.router, *routers]
    handle_errors(app, lambda path: methods_at(path, *(router.routes for router in known)))
    for router in routers:
        app.include_router(router)
    home = HomePages(services.tracks)
    app.router.routes += [
        *create_routes(services.account),
        services.account.door().route("/", {"GET": home.show}),
        *pages,
    ]
    return app


def _owner_by(
    enter: Callable[[Request], Awaitable[Entrance]],
) -> Callable[[Request], Awaitable[str]]:
    async def owner(request: Request) -> str:
        return (await enter(request)).principal.owner

    return owner
