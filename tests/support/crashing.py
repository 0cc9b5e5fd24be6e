"""stemwright in a process that kills itself, once, at a named point of a job's life.

``CRASH_AT`` names the point and ``CRASH_MARK`` a file that says it has happened. Everything else
is the product's own command line.
"""

from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

from stemwright.entry import worker
from stemwright.entry.cli import main
from stemwright.features.intake.service import Intake
from stemwright.features.results.service import Results
from stemwright.jobs.children import ChildPool
from stemwright.jobs.service import Jobs

POINTS = (
    "begun",  # the attempt is counted, nothing is done
    "fetched",  # the song is in the scratch folder
    "separated",  # the child is done, nothing is stored
    "stored-one",  # one of the stems is in storage
    "stored",  # all of them are
    "worked",  # the engine has noted the result
    "ending",  # inside the transaction that ends the job
    "ended",  # it is committed, and the engine does not know
)


def crash(point: str) -> None:
    if point != os.environ["CRASH_AT"]:
        return
    mark = Path(os.environ["CRASH_MARK"])
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def crashing_after(kind: type, method: str, point: str) -> None:
    original = getattr(kind, method)

    @functools.wraps(original)
    def called(*args, **options):
        result = original(*args, **options)
        crash(point)
        return result

    setattr(kind, method, called)


class CrashingWorker(worker.Worker):
    def __init__(self, service) -> None:
        super().__init__(service, boundary=crash)


def crash_in_separation() -> None:
    """Only separations count: files are measured by children, too."""
    original = ChildPool.ask

    def ask(self, work, *args, **options):
        result = original(self, work, *args, **options)
        if work == "separations.separate":
            crash("separated")
        return result

    ChildPool.ask = ask


if __name__ == "__main__":
    crashing_after(Intake, "bring", "fetched")
    crashing_after(Results, "_put", "stored-one")
    crashing_after(Results, "store", "stored")
    crashing_after(Jobs, "_tell", "ending")
    crash_in_separation()
    worker.Worker = CrashingWorker
    import stemwright.entry.web

    stemwright.entry.web.Worker = CrashingWorker
    main()
