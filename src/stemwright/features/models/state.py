"""A model on this machine, and an installation that is under way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

from stemwright.engine.acceptances import Acceptance
from stemwright.engine.model import Model, QualityName


@dataclass(frozen=True, slots=True)
class Step:
    """How far an installation is; it travels from the child process as one text."""

    phase: str
    """``waiting``, ``downloading``, ``verifying`` or ``converting``."""
    file: int
    """Which of the model's files it is about, from 1."""
    files: int
    source: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read what ``text`` wrote."""
        phase, place, source = text.split(" ", 2)
        file, _, files = place.partition("/")
        return cls(phase, int(file), int(files), source)

    def text(self) -> str:
        """Write it for the pipe."""
        return f"{self.phase} {self.file}/{self.files} {self.source}"


@dataclass(frozen=True, slots=True)
class Installation:
    """An installation that was asked for and has not succeeded; one that has is no more."""

    model: str
    by: str
    """Who asked for it."""
    state: Literal["queued", "installing", "failed", "cancelled"] = "queued"
    step: Step | None = None
    fraction: float = 0.0
    """Of the step."""
    problem: str = ""
    """Why it failed."""

    @property
    def is_at_work(self) -> bool:
        """Whether it is still to end."""
        return self.state in {"queued", "installing"}


@dataclass(frozen=True, slots=True)
class ModelState:
    """Everything an administrator is shown of a model."""

    model: Model
    is_installed: bool
    disk_bytes: int
    origin: str | None
    """Where the installed weights came from."""
    tiers: tuple[QualityName, ...]
    """Those that run it now, or would as soon as it is installed."""
    refusal: str | None
    """Why the operator's policy does not admit it."""
    acceptance: Acceptance | None
    """Of its licence."""
    installation: Installation | None
    is_taken: bool
    """Whether some process installs or removes it just now."""
