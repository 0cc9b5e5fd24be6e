"""Many durations as a few figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Latencies:
    """In milliseconds; percentiles are values that were measured, none is made up between two."""

    count: int
    p50: float
    p95: float
    p99: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latencies:
        """Sum up at least one duration."""
        ordered = sorted(seconds)
        p50, p95, p99 = (percentile(ordered, share) for share in (0.5, 0.95, 0.99))
        return cls(len(ordered), *(round(1000 * it, 1) for it in (p50, p95, p99, ordered[-1])))

    def plain(self) -> dict[str, float]:
        return asdict(self)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share of all values does not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread_percent(values: Sequence[float], middle: float) -> float:
    """Largest minus smallest, of the median."""
    return round(100 * (max(values) - min(values)) / middle, 1)
