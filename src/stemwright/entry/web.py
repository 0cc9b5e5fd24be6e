"""The HTTP service: every dialect behind one edge, and the process that serves it."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import ASGIApp, Scope

import stemwright
from stemwright.dialects.blobs.routes import BlobRoutes
from stemwright.dialects.soundforge import app as soundforge
from stemwright.dialects.soundforge import daw
from stemwright.dialects.soundforge.account_services import AccountServices
from stemwright.dialects.soundforge.callers import Callers
from stemwright.dialects.soundforge.classes import class_of
from stemwright.dialects.soundforge.errors import render as render_forge
from stemwright.dialects.soundforge.models_pages import ModelServices, create_model_routes
from stemwright.dialects.soundforge.services import ForgeServices
from stemwright.dialects.stemsplit import app as stemsplit
from stemwright.dialects.stemsplit.errors import handle_errors, render
from stemwright.dialects.stemsplit.services import StemSplitServices
from stemwright.errors import OptionError, StemwrightError
from stemwright.kit import logs
from stemwright.storage.signing import PATH as BLOBS
from stemwright.web.attempts import Attempts
from stemwright.web.cookies import Cookies
from stemwright.web.edge import Edge, wrap
from stemwright.web.forwarded import parse_networks
from stemwright.web.methods import methods_at
from stemwright.web.metrics_page import MetricsPage
from stemwright.web.patience import PatientProtocol, allow_many_connections
from stemwright.web.ratelimits import Caller, caller_of
from stemwright.web.sockets import UVICORN
from stemwright.web.windows import Windows

from .composition import Service, base_url
from .health import Health
from .lasting import lasting
from .realtime import Realtime, open_realtime
from .upkeep import Upkeep
from .worker import Worker

STEMSPLIT: Final = "/api/v1"
_LARGE: Final = (BLOBS, daw.PATH)
"""Addresses whose bodies are songs; they bound them themselves."""
_GRACE_S: Final = 10
"""Seconds that requests in work get when the service stops."""

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Face:
    """The service's HTTP face, and what of it lasts longer than a request."""

    app: ASGIApp
    routes: Sequence[BaseRoute]
    """Of all dialects, as they are walked through to see that each says who may call it."""
    realtime: Realtime


def create_app(service: Service) -> ASGIApp:
    """Compose the service's HTTP face, for whoever needs no sockets."""
    return create_face(service).app


def create_face(service: Service) -> Face:
    """Compose all of it; sockets are told something once ``realtime`` is started."""
    blobs = BlobRoutes(service.storage, service.signer, service.uploads)
    account = _account_services(service)
    realtime = open_realtime(service, account.door())
    service.metrics.watch_connections(lambda: len(realtime.live))
    routes = [
        *_watching(service, Health(service).answer),
        *blobs.routes(),
        *realtime.socket.routes(),
        Mount(STEMSPLIT, stemsplit.create_app(_stemsplit_services(service))),
    ]
    forge = _soundforge(service, account, realtime)
    app = Starlette(routes=[*routes, _Rest(forge, routes)])
    app.router.redirect_slashes = False
    handle_errors(app, lambda path: methods_at(path, app.routes))
    return Face(wrap(app, _edge(service)), app.routes, realtime)


class _Rest(Mount):
    """An application at every address that is not another route's, in whatever method."""

    def __init__(self, app: ASGIApp, others: Sequence[BaseRoute]) -> None:
        super().__init__("", app)
        self._others = others

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Leave a wrong method to the route that has the address: there it is refused as one."""
        if any(route.matches(scope)[0] is not Match.NONE for route in self._others):
            return Match.NONE, {}
        return super().matches(scope)


def create_worker_app(service: Service) -> ASGIApp:
    """Compose what a worker by itself answers: whether it lives, and what it measured."""
    return wrap(Starlette(routes=_watching(service, _health)), _edge(service))


def _watching(
    service: Service, health: Callable[[Request], Awaitable[Response]]
) -> list[BaseRoute]:
    settings = service.settings
    metrics = MetricsPage(
        service.metrics,
        networks=parse_networks(settings.metrics_networks, "STEMWRIGHT_METRICS_NETWORKS"),
        token=settings.metrics_token,
    )
    return [Route("/health", health), Route("/metrics", metrics)]


def _edge(service: Service) -> Edge:
    settings = service.settings
    windows = {
        name: Windows(per_minute, url=settings.rate_limit_url, name=name)
        for name, per_minute in (
            ("requests", settings.rate_limit_per_minute),
            ("api", settings.rate_limit_per_minute),
            ("heavy", settings.rate_limit_heavy_per_minute),
            ("browser", settings.rate_limit_browser_per_minute),
        )
    }

    def windows_of(scope: Scope) -> Windows | None:
        of_forge = None if _is_stemsplit(scope) else class_of(scope)
        return windows[of_forge] if of_forge else None

    return Edge(
        metrics=service.metrics,
        windows=windows["requests"],
        windows_of=windows_of,
        identify=_counted,
        render=_render,
        unlimited=lambda scope: scope["path"].startswith(_LARGE),
        trusted_proxies=parse_networks(settings.trusted_proxies, "STEMWRIGHT_TRUSTED_PROXIES"),
        public_url=settings.public_url,
    )


def _is_stemsplit(scope: Scope) -> bool:
    path: str = scope["path"]
    return path.startswith((f"{STEMSPLIT}/", BLOBS)) or path == STEMSPLIT


def _render(scope: Scope, error: StemwrightError) -> ASGIApp:
    """Answer a failure in the words of the API that was asked."""
    return render(scope, error) if _is_stemsplit(scope) else render_forge(scope, error)


def _counted(scope: Scope) -> Caller | None:
    """Whom a request is counted for: signed links, probes and style sheets for nobody."""
    counts = class_of(scope) is not None and not scope["path"].startswith(BLOBS)
    return caller_of(scope) if counts else None


def _account_services(service: Service) -> AccountServices:
    settings, library = service.settings, service.library
    returning = f"{base_url(settings)}/auth/spotify/callback"
    return AccountServices(
        accounts=service.accounts,
        sessions=library.sessions,
        links=library.links,
        registration=library.registration,
        cookies=Cookies(service.secret),
        licences=library.lalalai.keys,
        spotify=library.spotify.links,
        spotify_redirect_url=settings.spotify_redirect_url or returning,
        attempts=Attempts(url=settings.rate_limit_url),
    )


def _soundforge(service: Service, account: AccountServices, realtime: Realtime) -> ASGIApp:
    pages = create_model_routes(ModelServices(account.door(), service.models))
    return soundforge.create_app(_forge_services(service, account, realtime), pages)


def _forge_services(
    service: Service, account: AccountServices, realtime: Realtime
) -> ForgeServices:
    library = service.library
    return ForgeServices(
        account=account,
        callers=Callers(service.accounts, account.door()),
        jobs=service.jobs,
        tracks=library.tracks,
        lookups=library.lookups,
        downloads=library.downloads,
        processing=library.processing,
        analyses=library.analyses,
        lalalai=library.lalalai,
        mixes=library.mixes,
        exports=library.exports,
        topics=realtime.topics,
        live=realtime.live,
    )


def _stemsplit_services(service: Service) -> StemSplitServices:
    return StemSplitServices(
        database=service.database,
        accounts=service.accounts,
        credits=service.credits,
        uploads=service.uploads,
        separations=service.separations,
        denoising=service.denoising,
        webhooks=service.webhooks,
        jobs=service.jobs,
        storage=service.storage,
        url_ttl=timedelta(seconds=service.settings.url_ttl_s),
    )


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok", "version": stemwright.__version__})


class _Server(uvicorn.Server):
    """Stops on the first signal when requests and jobs are done, on the second one at once."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals in place of the base class, which raises them again when it is done."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._asked)
        yield

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + number)
        self.should_exit = True
        # not here: a handler must not wait for a lock that the code below it holds
        threading.Thread(target=self._stopping, daemon=True).start()


def serve(
    service: Service, host: str, port: int, *, with_worker: bool, ready: Callable[[str], None]
) -> None:
    """Serve until SIGINT or SIGTERM, then end the process.

    ``ready`` is told the address once requests are answered.

    Raises
    ------
    OptionError
        The address cannot be listened on, or another worker has the data folder.

    """
    listening = _listening(host, port)
    allow_many_connections()
    worker = Worker(service) if with_worker else None
    if worker is not None:
        worker.start()
    with lasting():
        face = create_face(service)
    face.realtime.start()
    upkeep = Upkeep(service.host_chores)
    if worker is None:  # which does these chores with its own
        upkeep.start()

    def stopping() -> None:
        if worker is not None:
            worker.stop_taking()
        upkeep.stop()
        face.realtime.stop()

    server = _Server(_config(face.app), stopping)
    threading.Thread(target=_tell_when_ready, args=(server, listening, ready), daemon=True).start()
    server.run(sockets=[listening])
    drained = worker is None or worker.stop(service.settings.drain_s)
    if drained:
        face.realtime.close()
        service.close()
    log.info("stopped", drained=drained)
    # threads of the job engine may still be at work; what they were at is begun again elsewhere
    os._exit(0 if server.started else 1)


def answer_for_worker(service: Service) -> None:
    """Answer, from a thread, for a worker that serves nothing else."""
    settings = service.settings
    listening = _listening(settings.host, settings.worker_port)
    server = uvicorn.Server(_config(create_worker_app(service)))
    # signals are the main thread's, and uvicorn sees that this is not it
    threading.Thread(target=server.run, args=([listening],), daemon=True).start()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=PatientProtocol,
        **UVICORN,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listening(host: str, port: int) -> socket.socket:
    """Take the address before anything is started.

    Raises
    ------
    OptionError
        It is taken, not this machine's, or not for this user.

    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # with the protocol named: asyncio would otherwise leave Nagle's algorithm on
        taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(1024)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OptionError(
            f"Cannot listen on {host} port {port}: {reason}. Choose another --host or --port."
        ) from error
    return taken


def _tell_when_ready(
    server: uvicorn.Server, listening: socket.socket, ready: Callable[[str], None]
) -> None:
    waiting = threading.Event()
    while not server.started and not server.should_exit:
        waiting.wait(0.02)
    if server.started:
        host, port, *_ = listening.getsockname()
        ready(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
