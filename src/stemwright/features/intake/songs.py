"""What an intake is told of a song, and what it makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from stemwright.errors import AudioTooLong, AudioTooShort
from stemwright.jobs.job import Job

PROVISIONAL_COST: Final = 240
"""Credits held for a song whose length is not known yet; settled by what it turns out to be."""
_ROUNDING_S: Final = 0.001


class Probe(Protocol):
    """Measures a file in a process that is bounded in time and memory."""

    def __call__(self, path: Path, *, name: str) -> float | None:
        """Length in seconds; None if the file does not tell.

        Raises
        ------
        InputError
            It is no audio; ``name`` is what the message calls it.

        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a song may be, in seconds."""

    min_s: float = 5.0
    max_s: float = 3600.0

    def check(self, name: str, duration_s: float | None) -> None:
        """Refuse what is outside.

        Raises
        ------
        AudioTooShort
        AudioTooLong

        """
        if duration_s is None:
            return
        if duration_s < self.min_s:
            raise AudioTooShort(
                f"{name} lasts {duration_s:.1f} seconds; at least {self.min_s:g} are needed.",
                min_duration_s=math.ceil(self.min_s),
                actual_duration_s=int(duration_s),
            )
        if duration_s > self.max_s + _ROUNDING_S:
            raise AudioTooLong(
                f"{name} lasts {duration_s:.0f} seconds; at most {self.max_s:g} are accepted.",
                max_duration_s=int(self.max_s),
                actual_duration_s=math.ceil(duration_s),
            )


@dataclass(frozen=True, slots=True)
class Taken:
    """A song an account may have worked on."""

    source: Mapping[str, Any]
    """How a worker gets it; kept in the job."""
    file_name: str
    duration_s: int | None
    """Whole seconds, rounded up; also what it costs."""
    size_bytes: int | None

    @property
    def cost(self) -> int:
        """Credits to hold."""
        return PROVISIONAL_COST if self.duration_s is None else self.duration_s

    @property
    def facts(self) -> dict[str, Any]:
        """What a job notes of its input."""
        return {
            "file_name": self.file_name,
            "duration_s": self.duration_s,
            "size_bytes": self.size_bytes,
        }


def is_length_unknown(job: Job) -> bool:
    """Whether nobody could say how long the song is when the job was created."""
    facts = job.facts
    return facts.get("duration_s", 0) is None or bool(facts.get("track_duration_estimated"))


def whole_seconds(duration_s: float) -> int:
    """Round up, but not for the sake of a millisecond."""
    return max(math.ceil(duration_s - _ROUNDING_S), 1)
