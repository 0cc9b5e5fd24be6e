"""What a child process does to install a model: fetch, verify, convert.

It is a process of its own because converting weights takes NumPy and memory that the service is
not to keep, and because a process can be stopped at any point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stemwright.engine.model import Licence, Model
from stemwright.engine.sources import PullProgress
from stemwright.engine.weights import ModelStore
from stemwright.errors import LicenceNotAccepted

from .state import Step

Report = Callable[[str, float], None]


def install_model(store: ModelStore, model: Model, report: Report) -> dict[str, Any]:
    """Install a model whose licence was accepted.

    Raises
    ------
    LicenceNotAccepted, LicenceRefused
    DownloadFailed
        With each source's reason.
    OutputError
        The folder cannot be written, or is full.

    """

    def require(licence: Licence) -> None:
        if store.accepted.of(licence) is None:
            raise LicenceNotAccepted(f"Nobody has accepted the licence {licence.name} here.")

    def pulled(progress: PullProgress) -> None:
        step = Step(progress.phase, progress.file, progress.files, progress.source)
        report(step.text(), progress.done / progress.total if progress.total else 0.0)

    store.pull(model, progress=pulled, on_licence=require)
    return {"size_bytes": store.size_bytes(model)}
