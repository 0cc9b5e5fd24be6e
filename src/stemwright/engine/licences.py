"""Which weights an operator lets stemwright use, by their licence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from stemwright.errors import LicenceRefused, OptionError

from .catalog import ALL_MODELS, Licence, Model


@dataclass(frozen=True, slots=True)
class LicencePolicy:
    """What ``MODEL_LICENCE_POLICY`` says."""

    commercial_only: bool = False
    refused: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``any``, ``commercial``, or licence names to refuse, separated by commas."""
        words = frozenset(word.strip() for word in text.split(",") if word.strip())
        if words <= {"any"}:
            return cls()
        if words == {"commercial"}:
            return cls(commercial_only=True)
        _require_known(words)
        return cls(refused=words)

    def admits(self, model: Model) -> bool:
        """Whether the model's weights may be used here."""
        return self._reason(model.licence) is None

    def check(self, model: Model) -> None:
        """Raise LicenceRefused when the model's weights may not be used here."""
        licence = model.licence
        if (reason := self._reason(licence)) is None:
            return
        raise LicenceRefused(
            f"The weights of {model.name} may not be used here: STEMWRIGHT_MODEL_LICENCE_POLICY "
            f"{reason}. Their terms: {licence.terms} ({licence.url}) Choose another model, or "
            f"change the policy if the terms cover your use."
        )

    def _reason(self, licence: Licence) -> str | None:
        if licence.name in self.refused:
            return f"refuses the licence {licence.name}"
        if self.commercial_only and not licence.commercial_use:
            return "admits only weights that allow commercial use"
        return None


def _require_known(names: frozenset[str]) -> None:
    # a misspelt name would silently refuse nothing
    known = {model.licence.name for model in ALL_MODELS.values()}
    if unknown := sorted(names - known):
        raise OptionError(
            f"STEMWRIGHT_MODEL_LICENCE_POLICY: unknown licence {', '.join(unknown)}. "
            f"Use 'any', 'commercial', or names out of: {', '.join(sorted(known))}."
        )
