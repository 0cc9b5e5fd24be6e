"""The HTTP service, at its smallest: it says that it lives, and which version it is."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

import stemwright


def create_app() -> Starlette:
    """Compose the service."""
    return Starlette(routes=[Route("/", _root), Route("/health", _health)])


async def _root(_request: Request) -> Response:
    return JSONResponse({"name": "stemwright", "version": stemwright.__version__})


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": stemwright.__version__})


def serve(host: str, port: int) -> None:
    """Serve until SIGINT or SIGTERM; requests in work are finished first."""
    import uvicorn  # noqa: PLC0415  # an app is also composed in tests, which need no server

    app = create_app()
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=10, server_header=False)
