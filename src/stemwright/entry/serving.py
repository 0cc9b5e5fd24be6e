"""``stemwright serve`` and ``stemwright worker``."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from .lasting import lasting
from .opening import service_packages
from .wiring import Wiring

if TYPE_CHECKING:
    from types import FrameType

    from .composition import Service


def serve(
    context: typer.Context,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; default 8000.")
    ] = None,
    worker: Annotated[
        bool, typer.Option(help="Run jobs in this process, too, or leave them to workers.")
    ] = True,
    demo: Annotated[
        bool, typer.Option("--demo", help="Make a key and separate a demo song through the API.")
    ] = False,
) -> None:
    """Run the service: the HTTP APIs and, unless told otherwise, the worker that runs jobs.

    Ctrl-C or SIGTERM stops it when requests and jobs at work are done, a second one at once; what
    was not done is begun again at the next start.
    """
    service = _composed(context.obj, quiet=demo)
    with lasting(), service_packages():
        from .web import serve as serve_http  # noqa: PLC0415  # costs the web framework

    settings = service.settings
    asked = settings.port if port is None else port

    def ready(address: str) -> None:
        print(f"stemwright is at {settings.public_url or address}", flush=True)
        if demo:
            from .service_demo import run_demo  # noqa: PLC0415

            run_demo(service, address)
        elif sys.stdout.isatty():
            print("make a key:  stemwright keys create NAME", flush=True)

    serve_http(service, host or settings.host, asked, with_worker=worker, ready=ready)


def worker(context: typer.Context) -> None:
    """Run jobs for services elsewhere that share the database and the storage.

    SIGTERM stops it when the jobs at work are done, a second one at once.
    """
    service = _composed(context.obj)
    from .worker import work  # noqa: PLC0415

    stopping = threading.Event()

    def asked(number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, asked)
    if service.settings.worker_port:
        with service_packages():
            from .web import answer_for_worker  # noqa: PLC0415
        answer_for_worker(service)
    work(service, stopping)


def _composed(wiring: Wiring, *, quiet: bool = False) -> Service:
    settings = wiring.settings()
    with lasting(), service_packages():
        from stemwright.kit import logs  # noqa: PLC0415

        from .composition import compose  # noqa: PLC0415
        from .model_supply import fetch_missing  # noqa: PLC0415

    # who watches a demonstration reads its story and not the log
    level = "warning" if quiet and settings.log_level == "info" else settings.log_level
    logs.configure(settings.log_format, level)
    with lasting():
        service = compose(settings)
    fetch_missing(service.models)
    return service
