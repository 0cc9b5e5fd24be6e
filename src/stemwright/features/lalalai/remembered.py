"""What one separation must know after a restart, kept as it comes to be known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .licences import LicenceKey
from .replies import Source

Ending = Literal["completed", "failed", "cancelled"]


@dataclass(slots=True)
class Remembered:
    """The key, and what was begun with it. Change it through its methods: they keep it first."""

    key: LicenceKey
    source: Source | None = None
    idempotency_key: str | None = None
    task_id: str | None = None
    task_began_at: datetime | None = None
    minutes: float = 0.0
    keep: Callable[[Remembered], None] = lambda _remembered: None
    """Writes all of the above where a restart finds it."""
    tell: Callable[[str | None], None] = lambda _note: None
    """Takes what to show while it waits for another try; none when it goes on."""
    end: Callable[[Ending], None] = lambda _ending: None
    """Takes how it came to nothing; none of the above is used again."""
    is_overtaken: Callable[[], bool] = lambda: False
    """Whether another attempt goes on with the task, which then must not be stopped."""

    def uploaded(self, source: Source) -> None:
        """Keep where the song is."""
        self.source = source
        self.keep(self)

    def will_begin(self, idempotency_key: str) -> None:
        """Keep what the task will be begun with."""
        self.idempotency_key = idempotency_key
        self.keep(self)

    def began(self, task_id: str, at: datetime, minutes: float) -> None:
        """Keep the task and what it costs."""
        self.task_id, self.task_began_at, self.minutes = task_id, at, minutes
        self.keep(self)
