"""A worker's child process that separates by gains, six stems where six are asked for.

All that is around the networks is the product's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from stemwright.entry import child
from stemwright.features.separations.child_work import separate_song
from stemwright.features.separations.stem_work import StemWork

from .separators import GAINS, GainSeparator

GAINS.update(guitar=0.0625, piano=0.03125)


class Gains:
    """Loads nothing, whatever the model."""

    def start(
        self, _model: str, _precision: str, stems: tuple[str, ...]
    ) -> Callable[[], GainSeparator]:
        return partial(GainSeparator, stems=stems)


def separate(_models: object) -> child.Work:
    def work(arguments: dict[str, Any], report: child.Report) -> dict[str, Any]:
        return separate_song(StemWork.of(arguments["work"]), Gains(), report)

    return work


if __name__ == "__main__":
    child.separate = separate
    child.main(sys.argv[1:])
