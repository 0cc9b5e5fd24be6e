"""stemwright as ``forge_serve`` runs it, in a process that kills itself where a file says.

``FORGE_CRASH`` is the path of that file. It names a point of a job's life; whoever comes by there
removes it first, so that the next process goes on.
"""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path
from typing import Any

from stemwright.kit import clock
from support import forge_serve
from support.children import replace_children

_OF_ALL = ("begun", "fetched")
_AT_LAST = ("worked", "ending", "ended")
_STORED = ("stored-one", "stored")
DOWNLOAD = ("begun", "matched", "brought", "downloads.encode", *_STORED, *_AT_LAST)
PROCESSING = (*_OF_ALL, "separations.separate", *_STORED, *_AT_LAST)
ANALYSIS = (*_OF_ALL, "analyses.analyse", *_AT_LAST)
LALALAI = (
    *_OF_ALL,
    "lalalai-key",  # it is noted which key is used
    "lalalai-sent",  # the song is there, and nobody here knows
    "lalalai-ordered",  # the task is begun, and its id lost
    "lalalai-waited",  # it is done over there
    "lalalai-fetched",  # its tracks are here
    *_STORED,
    *_AT_LAST,
    "lalalai-left",  # the song is deleted over there
)


def crash(point: str) -> None:
    marked = Path(os.environ["FORGE_CRASH"])
    if marked.exists() and marked.read_text() == point:
        marked.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def crashing_after(kind: type, method: str, point: str) -> None:
    original = getattr(kind, method)

    @functools.wraps(original)
    def called(*args: Any, **options: Any) -> Any:
        result = original(*args, **options)
        crash(point)
        return result

    setattr(kind, method, called)


def crash_after_children() -> None:
    from stemwright.jobs.children import ChildPool

    original = ChildPool.ask

    def ask(self: ChildPool, work: str, *args: Any, **options: Any) -> Any:
        result = original(self, work, *args, **options)
        crash(work)
        return result

    ChildPool.ask = ask  # type: ignore[method-assign]


def crash_on_the_way() -> None:
    from stemwright.features.imports.youtube import YouTube
    from stemwright.features.intake.service import Intake
    from stemwright.features.lalalai.api import LalalaiApi
    from stemwright.features.lalalai.poller import Pollers
    from stemwright.features.lalalai.service import Lalalai
    from stemwright.features.lalalai.tracks import Tracks as Fetched
    from stemwright.features.results.service import Results
    from stemwright.features.tracks.service import Tracks
    from stemwright.jobs.service import Jobs

    for kind, method, point in (
        (YouTube, "search", "matched"),
        (Intake, "bring", "brought"),
        (Tracks, "fetch_audio", "fetched"),
        (Lalalai, "begin", "lalalai-key"),
        (LalalaiApi, "upload", "lalalai-sent"),
        (LalalaiApi, "split", "lalalai-ordered"),
        (Pollers, "watch", "lalalai-waited"),
        (Fetched, "fetch", "lalalai-fetched"),
        (Lalalai, "leave", "lalalai-left"),
        (Results, "_put", "stored-one"),
        (Results, "store", "stored"),
        (Jobs, "_tell", "ending"),
    ):
        crashing_after(kind, method, point)


def crash_at_boundaries() -> None:
    import stemwright.entry.web
    from stemwright.entry import worker

    class CrashingWorker(worker.Worker):
        def __init__(self, service: Any) -> None:
            super().__init__(service, boundary=crash)

    worker.Worker = CrashingWorker  # type: ignore[misc]
    stemwright.entry.web.Worker = CrashingWorker  # type: ignore[misc]


if __name__ == "__main__":
    clock.utc_now = forge_serve.later
    from stemwright.entry.cli import main

    replace_children(forge_serve.CHILD)
    crash_after_children()
    crash_on_the_way()
    crash_at_boundaries()
    main()
