"""An app as the edge sees one: a few routes of FastAPI inside Starlette, and the edge around."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from starlette.applications import Starlette
from starlette.requests import Request as PlainRequest
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Scope

from stemwright.errors import RateLimited, StemwrightError
from stemwright.kit.clock import utc_now
from stemwright.web.edge import Edge, wrap
from stemwright.web.forwarded import base_url, client_address, parse_networks
from stemwright.web.metrics import Metrics
from stemwright.web.metrics_page import MetricsPage
from stemwright.web.ratelimits import Caller, caller_of, recognise
from stemwright.web.windows import Windows

GENUINE = "sk_live_" + "g" * 40
LOOPBACK = parse_networks(("127.0.0.0/8",), "LOOPBACK")


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def edged_app(
    metrics: Metrics | None = None,
    *,
    per_minute: int = 60,
    url: str = "",
    clock: Callable[[], datetime] = utc_now,
    metrics_token: str = "",
    **edge: Any,
) -> ASGIApp:
    """The app; every key that begins with GENUINE is one."""
    metrics = metrics or Metrics("1.2.3")
    page = MetricsPage(metrics, networks=LOOPBACK, token=metrics_token)
    routes = [
        Mount("/api/v1", _api()),
        Mount("/blobs", routes=[Route("/{key:path}", _blob, methods=["PUT", "GET"])]),
        Route("/health", lambda _: JSONResponse({"status": "ok"})),
        Route("/metrics", page),
    ]
    app = Starlette(routes=routes)
    app.router.redirect_slashes = False
    chosen = Edge(
        metrics=metrics,
        windows=Windows(per_minute, url=url, clock=clock),
        identify=_identify,
        render=_render,
        unlimited=lambda scope: scope["path"].startswith("/blobs/"),
        **edge,
    )
    return wrap(app, chosen)


def _identify(scope: Scope) -> Caller | None:
    return caller_of(scope) if scope["path"].startswith("/api/") else None


def _render(scope: Scope, error: StemwrightError) -> ASGIApp:
    code = {429: "RATE_LIMIT_EXCEEDED"}.get(error.http_status, error.code)
    headers = {"x-seen": str(error.retry_after_s)} if isinstance(error, RateLimited) else {}
    envelope = {"error": {"code": code, "message": error.message}}
    return JSONResponse(envelope, error.http_status, headers)


def _api() -> FastAPI:
    jobs = APIRouter(prefix="/jobs")

    @jobs.get("")
    def list_jobs(request: Request) -> dict[str, Any]:
        _authenticate(request)
        return {
            "base": base_url(request.scope),
            "client": str(client_address(request.scope)),
            "url": str(request.url),
        }

    @jobs.post("", status_code=201)
    def create(body: dict[str, Any]) -> dict[str, int]:
        return {"keys": len(body)}

    @jobs.get("/{job_id}")
    def show(job_id: str) -> dict[str, str]:
        return {"id": job_id}

    api = FastAPI(redirect_slashes=False)
    inner = APIRouter(prefix="/deep")
    inner.include_router(jobs)
    for router in (jobs, inner):
        api.include_router(router)

    @api.get("/broken")
    def broken() -> None:
        raise RuntimeError(f"out of order, Authorization: Bearer {GENUINE}")

    @api.get("/half")
    def half() -> StreamingResponse:
        def body() -> Any:
            yield b"half"
            raise RuntimeError("out of order")

        return StreamingResponse(body())

    @api.get("/page")
    def page() -> HTMLResponse:
        return HTMLResponse("<p>", headers={"Server": "secretive/1.0"})

    return api


def _authenticate(request: Request) -> None:
    given = request.headers.get("authorization", "")
    if given.startswith(f"Bearer {GENUINE}"):
        recognise(request.scope)
        return
    raise HTTPException(401)


async def _blob(request: PlainRequest) -> Response:
    if request.method == "PUT":
        size = 0
        async for block in request.stream():
            size += len(block)
        return JSONResponse({"size": size})

    async def blocks() -> Any:
        for _ in range(16):
            yield bytes(1 << 16)

    return StreamingResponse(blocks(), media_type="audio/mpeg")
