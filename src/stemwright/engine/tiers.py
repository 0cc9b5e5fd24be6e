"""Which model a quality tier runs: what was chosen for this folder of models, else the best there.

The choice is remembered beside the models, so that the command line and the service have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from stemwright.errors import OptionError

from .catalog import MODELS, QUALITIES, find_model
from .model import Model, QualityName
from .remembered import Remembered

CHOICES: Final = "tiers.json"

Usable = Callable[[Model], bool]


class TierChoices:
    """The models that were chosen for tiers; most tiers have none and go by what is installed."""

    def __init__(self, folder: Path) -> None:
        self._kept = Remembered(folder / CHOICES)

    def of(self, tier: QualityName) -> str | None:
        """Name of the model chosen for a tier; None where nothing is, or nothing that is known."""
        name = self._kept.read().get(tier)
        return name if isinstance(name, str) and name in MODELS else None

    def all(self) -> Mapping[QualityName, str | None]:
        """The choice of every tier."""
        return {tier: self.of(tier) for tier in QUALITIES}

    def choose(self, tier: QualityName, name: str | None) -> None:
        """Have a tier run a model; None leaves it to what is installed.

        Raises
        ------
        UnknownModel
        OutputError
            The folder cannot be written.

        """
        chosen = None if name is None else find_model(name).name

        def put(kept: dict[str, Any]) -> None:
            kept.pop(tier, None)
            if chosen is not None:
                kept[tier] = chosen

        self._kept.change(put)


def tier_named(text: str) -> QualityName:
    """Find a tier by its name.

    Raises
    ------
    OptionError

    """
    for tier in QUALITIES:
        if tier == text:
            return tier
    raise OptionError(f"There is no quality {text!r}. There are {', '.join(QUALITIES)}.")


def tier_model(tier: QualityName, choices: TierChoices, usable: Usable) -> Model:
    """The model a tier runs now; it may still have to be installed."""
    chosen = choices.of(tier)
    if chosen is None:
        chosen = QUALITIES[tier].run_with(lambda name: usable(find_model(name))).model
    return find_model(chosen)


def tiers_of(model: Model, choices: TierChoices, usable: Usable) -> list[QualityName]:
    """The tiers that run a model: now, or as soon as it is installed."""

    def once_installed(other: Model) -> bool:
        return other.name == model.name or usable(other)

    return [
        tier for tier in QUALITIES if tier_model(tier, choices, once_installed).name == model.name
    ]
