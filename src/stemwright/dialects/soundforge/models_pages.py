"""The models of this server, for its administrators: install, accept, choose, remove."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from stemwright.engine.acceptances import Acceptance
from stemwright.engine.catalog import MODELS
from stemwright.errors import NotAdministrator, OptionError, StemwrightError
from stemwright.features.models.service import Models, Shelf
from stemwright.features.models.state import Installation, ModelState

from .visits import Door, Visit

PATH: Final = "/settings/models"
AUTO: Final = "auto"
"""In place of a model's name: a tier runs the best that is installed."""
_RELOADED_S: Final = 4

Done = tuple[str, int]
"""What was done, in a sentence, and its status for programs."""


@dataclass(frozen=True, slots=True)
class ModelServices:
    """What these pages stand on."""

    door: Door
    models: Models


def create_model_routes(services: ModelServices) -> list[Route]:
    """All routes of this module."""
    pages = ModelPages(services.models)
    return [services.door.route(PATH, {"GET": pages.show, "POST": pages.change})]


@dataclass(frozen=True, slots=True)
class ModelPages:
    """One page. While a model is installed it loads itself anew, since it has no script."""

    models: Models

    def show(self, visit: Visit) -> Response:
        """All models."""
        _require_administrator(visit)
        shelf = self.models.shelf()
        if visit.wants_json:
            return visit.answer(**shelf_document(shelf), csrf_token=visit.carried.csrf)
        return self._page(visit, shelf)

    def change(self, visit: Visit) -> Response:
        """Do what ``action`` says."""
        _require_administrator(visit)
        actions: Mapping[str, Callable[[Visit], Done]] = {
            "install": self._install,
            "cancel": self._cancel,
            "remove": self._remove,
            "default": self._choose,
        }
        try:
            action = actions.get(visit.form.get("action", ""))
            if action is None:
                raise OptionError(f"action is not one of: {', '.join(actions)}.")
            message, status = action(visit)
        except StemwrightError as error:
            if visit.wants_json:
                raise
            # also where the disk is full: it is the operator who reads this
            visit.say(error.message, "error")
            return visit.redirect(PATH, 303)
        if visit.wants_json:
            return visit.answer(status, message=message, **shelf_document(self.models.shelf()))
        visit.say(message)
        return visit.redirect(PATH, 303)

    def _install(self, visit: Visit) -> Done:
        name = visit.form.get("model", "")
        accepts = visit.form.get("accept_licence") in {"true", "on", "1"}
        state = self.models.install(name, by=visit.principal.email, accepts=accepts)
        if state.is_installed:
            return f"{name} is installed.", 200
        return f"{name} is being installed.", 202

    def _cancel(self, visit: Visit) -> Done:
        name = visit.form.get("model", "")
        state = self.models.cancel(name)
        if state.is_installed:
            return f"{name} is installed already.", 200
        return f"{name} is not being installed any more; what has arrived is kept.", 200

    def _remove(self, visit: Visit) -> Done:
        name = visit.form.get("model", "")
        return f"{name} {'is removed' if self.models.remove(name) else 'was not installed'}.", 200

    def _choose(self, visit: Visit) -> Done:
        tier, name = visit.form.get("tier", ""), visit.form.get("model", AUTO)
        self.models.choose(tier, None if name == AUTO else name)
        how = "the best that is installed" if name == AUTO else name
        return f"Quality {tier} runs {how} from now on.", 200

    def _page(self, visit: Visit, shelf: Shelf) -> Response:
        return visit.page(
            "models.html",
            shelf=shelf,
            auto=AUTO,
            choosable=list(MODELS),
            installed={state.model.name for state in shelf.models if state.is_installed},
            reload_s=_RELOADED_S if shelf.is_busy else 0,
            size=_size,
            accepted=_accepted,
            progress=_progress,
        )


def shelf_document(shelf: Shelf) -> dict[str, Any]:
    """The same for programs."""
    return {
        "models": [state_document(state) for state in shelf.models],
        "tiers": {
            tier: {"model": model, "chosen": shelf.chosen[tier] is not None}
            for tier, model in shelf.tiers.items()
        },
        "folder": shelf.folder,
        "disk_bytes": shelf.disk_bytes,
        "free_bytes": shelf.free_bytes,
    }


def state_document(state: ModelState) -> dict[str, Any]:
    """One model for programs."""
    model, accepted = state.model, state.acceptance
    return {
        "name": model.name,
        "title": model.title,
        "stems": list(model.stems),
        "installed": state.is_installed,
        "size_bytes": model.size_bytes,
        "disk_bytes": state.disk_bytes,
        "ram_bytes": model.ram_bytes,
        "installed_from": state.origin,
        "tiers": list(state.tiers),
        "licence": {
            "name": model.licence.name,
            "terms": model.licence.terms,
            "url": model.licence.url,
            "commercial_use": model.licence.commercial_use,
            "accepted": None
            if accepted is None
            else {
                "by": accepted.by,
                "at": accepted.at,
                "how": accepted.how,
                "said": accepted.is_said,
            },
            "refusal": state.refusal,
        },
        "installation": _installation_document(state.installation),
    }


def _installation_document(found: Installation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    step = found.step
    return {
        "state": found.state,
        "by": found.by,
        "phase": None if step is None else step.phase,
        "source": None if step is None else step.source,
        "file": None if step is None else step.file,
        "files": None if step is None else step.files,
        "fraction": round(found.fraction, 3),
        "problem": found.problem or None,
    }


def _require_administrator(visit: Visit) -> None:
    if not visit.principal.is_admin:
        raise NotAdministrator("This page is for administrators of this server.")


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.0f} MB"


def _accepted(found: Acceptance) -> str:
    if found.is_said:
        return f"accepted by {found.by} on {found.at[:10]}"
    return f"shown on {found.at[:10]} where nobody could be asked"


def _progress(found: Installation) -> str:
    """Where an installation is, in words."""
    step = found.step
    if found.state == "queued":
        return "waiting for its turn"
    if step is None:
        return "beginning"
    which = f", file {step.file} of {step.files}" if step.files > 1 else ""
    percent = f", {found.fraction:.0%}" if found.fraction else ""
    return f"{step.phase} {step.source}{which}{percent}"
