"""The models on this machine: what is there, installing in the background, removing, choosing.

Everything that takes long or memory happens in a child process; this one holds what is known of it.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from stemwright.engine.acceptances import How
from stemwright.engine.catalog import ALL_MODELS, QUALITIES, find_model
from stemwright.engine.model import Model, QualityName
from stemwright.engine.tiers import TierChoices, tier_model, tier_named, tiers_of
from stemwright.engine.weights import ModelStore
from stemwright.errors import (
    Cancelled,
    LicenceNotAccepted,
    LicenceRefused,
    ModelInUse,
    StemwrightError,
)
from stemwright.jobs.children import ChildPool
from stemwright.kit import logs

from .state import Installation, ModelState, Step

INSTALL: Final = "models.install"
"""Name under which the child process knows :func:`child_work.install_model`."""

log = logs.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Shelf:
    """All models, and the disk they are on."""

    models: tuple[ModelState, ...]
    tiers: Mapping[QualityName, str]
    """The model each tier runs now."""
    chosen: Mapping[QualityName, str | None]
    """Which of these are somebody's choice."""
    folder: str
    disk_bytes: int
    free_bytes: int | None

    @property
    def is_busy(self) -> bool:
        """Whether something of this will change by itself."""
        return any(
            state.is_taken or (state.installation is not None and state.installation.is_at_work)
            for state in self.models
        )


class Models:
    """Safe to call from any thread. Models are installed one at a time, in the order asked for."""

    def __init__(
        self,
        store: ModelStore,
        children: ChildPool,
        *,
        in_use: Callable[[Model], int] = lambda _model: 0,
        offered: Mapping[str, Model] = ALL_MODELS,
    ) -> None:
        """``in_use`` counts the jobs that need a model; ``offered`` are the models there are."""
        self.store = store
        self.choices = TierChoices(store.folder)
        self._children = children
        self._in_use = in_use
        self._offered = offered
        self._lock = threading.Lock()
        self._asked: dict[str, Installation] = {}
        self._queue: deque[str] = deque()
        self._cancelled: set[str] = set()
        self._is_running = False
        self._is_closed = False

    # ----------------------------------------------------------------------------------- reading

    def find(self, name: str) -> ModelState:
        """Describe one model; raises `UnknownModel`."""
        return self._state(find_model(name, self._offered))

    def shelf(self) -> Shelf:
        """Describe all models, and the disk."""
        states = tuple(self._state(model) for model in self._offered.values())
        return Shelf(
            models=states,
            tiers={tier: self.tier_model(tier).name for tier in QUALITIES},
            chosen=self.choices.all(),
            folder=str(self.store.folder),
            disk_bytes=sum(state.disk_bytes for state in states),
            free_bytes=self._free_bytes(),
        )

    def tier_model(self, tier: QualityName) -> Model:
        """The model a tier runs now."""
        return tier_model(tier, self.choices, self.store.usable)

    # ---------------------------------------------------------------------------------- changing

    def install(
        self, name: str, *, by: str, accepts: bool = False, how: How = "studio"
    ) -> ModelState:
        """Have a model installed; asking twice is asking once.

        Parameters
        ----------
        name
            Of a model of the catalogue.
        by
            Who asks, for the record of the licence.
        accepts
            Whether he accepts the licence; it need not be said again of one that was accepted.
        how
            In which way he was asked.

        Raises
        ------
        UnknownModel, LicenceRefused, LicenceNotAccepted
        OutputError
            The folder cannot be written.

        """
        model = find_model(name, self._offered)
        self.store.allow(model)
        if self.store.installed(model) is None:
            self._settle_licence(model, by, accepts=accepts, how=how)
            self._enqueue(Installation(model.name, by))
        return self._state(model)

    def cancel(self, name: str) -> ModelState:
        """Stop an installation, or forget one that failed; what was downloaded is kept for next.

        Raises
        ------
        UnknownModel

        """
        model = find_model(name, self._offered)
        with self._lock:
            asked = self._asked.get(model.name)
            if asked is not None and asked.state == "installing":
                self._cancelled.add(model.name)
            elif asked is not None:
                del self._asked[model.name]
                self._queue = deque(other for other in self._queue if other != model.name)
        return self._state(model)

    def remove(self, name: str) -> bool:
        """Delete a model and what is left of its downloads; False when there was nothing.

        Raises
        ------
        UnknownModel
        ModelInUse
            Jobs need it, or it is being installed.

        """
        model = find_model(name, self._offered)
        if count := self._in_use(model):
            raise ModelInUse(
                f"{model.name} is needed by {count} {'job' if count == 1 else 'jobs'} that wait or "
                "run. Let them end, or cancel them."
            )
        with self._lock:
            asked = self._asked.get(model.name)
            if asked is not None and asked.is_at_work:
                raise ModelInUse(f"{model.name} is being installed. Cancel that first.")
            self._asked.pop(model.name, None)
        if self.store.is_taken(model):
            raise ModelInUse(f"Another process installs or removes {model.name} just now.")
        removed = self.store.remove(model)
        log.info("model removed", model=model.name, was_installed=removed)
        return removed

    def choose(self, tier: str, name: str | None) -> None:
        """Have a quality tier run a model; None leaves it to what is installed.

        Raises
        ------
        OptionError
            There is no such tier.
        UnknownModel, LicenceRefused

        """
        found = tier_named(tier)
        if name is not None:
            self.store.allow(find_model(name))
        self.choices.choose(found, name)
        log.info("model chosen", tier=found, model=name or "what is installed")

    def close(self) -> None:
        """Stop installing, as the process ends; what was downloaded is kept."""
        with self._lock:
            self._is_closed = True
            self._queue.clear()
        self._children.close()

    # ----------------------------------------------------------------------------------- private

    def _settle_licence(self, model: Model, by: str, *, accepts: bool, how: How) -> None:
        licence = model.licence
        known = self.store.accepted.of(licence)
        if known is not None and known.is_said:
            return
        if not accepts:
            raise LicenceNotAccepted(
                f"{model.name} is under the licence {licence.name}, which nobody has accepted yet: "
                f"{licence.terms} ({licence.url})"
            )
        self.store.accepted.accept(licence, by=by, how=how)

    def _enqueue(self, asked: Installation) -> None:
        with self._lock:
            known = self._asked.get(asked.model)
            if self._is_closed or (known is not None and known.is_at_work):
                return
            self._asked[asked.model] = asked
            self._queue.append(asked.model)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._work, name="models", daemon=True).start()

    def _work(self) -> None:
        while (name := self._next()) is not None:
            try:
                self._install(name)
            except Cancelled:
                self._note(name, state="cancelled")
            except StemwrightError as error:
                log.warning("model cannot be installed", model=name, error=error.message)
                self._note(name, state="failed", problem=error.message)
            except Exception as error:
                # the edge of this thread: the next model may do, and the page has to say something
                log.exception("installing a model met a defect", model=name)
                self._note(name, state="failed", problem=f"a defect: {type(error).__name__}")
            else:
                log.info("model installed", model=name)
                with self._lock:
                    self._asked.pop(name, None)

    def _next(self) -> str | None:
        # the memory that the last one took for its weights goes with its process
        self._children.tidy()
        with self._lock:
            if self._is_closed or not self._queue:
                self._is_running = False
                return None
            name = self._queue.popleft()
            self._cancelled.discard(name)
            self._asked[name] = replace(self._asked[name], state="installing")
            return name

    def _install(self, name: str) -> None:
        def advanced(phase: str, fraction: float) -> None:
            self._note(name, step=Step.of(phase), fraction=fraction)

        self._children.ask(
            INSTALL,
            {"model": name},
            progress=advanced,
            cancelled=lambda: self._is_closed or name in self._cancelled,
        )

    def _note(self, name: str, **changes: object) -> None:
        with self._lock:
            self._asked[name] = replace(self._asked[name], **changes)  # type: ignore[arg-type]

    def _state(self, model: Model) -> ModelState:
        with self._lock:
            asked = self._asked.get(model.name)
        record, is_installed = self.store.record(model), self.store.installed(model) is not None
        if is_installed and asked is not None and not asked.is_at_work:
            asked = None  # it failed, and somebody else has installed it since
        return ModelState(
            model=model,
            is_installed=is_installed,
            disk_bytes=self.store.size_bytes(model),
            origin=None if record is None else record.source,
            tiers=tuple(tiers_of(model, self.choices, self.store.usable)),
            refusal=self._refusal(model),
            acceptance=self.store.accepted.of(model.licence),
            installation=asked,
            is_taken=self.store.is_taken(model),
        )

    def _refusal(self, model: Model) -> str | None:
        try:
            self.store.allow(model)
        except LicenceRefused as error:
            return error.message
        return None

    def _free_bytes(self) -> int | None:
        try:
            return shutil.disk_usage(self.store.folder).free
        except OSError:
            return None
