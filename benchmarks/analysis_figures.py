"""Readings of our loudness meter on the signals of EBU Tech 3341 and 3342."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from harness.places import ROOT
from stemwright.analysis.frontend import hear
from stemwright.analysis.loudness import Loudness, LoudnessMeter
from stemwright.analysis.sound import Sound

sys.path.insert(0, str(ROOT / "tests"))

from support.ebu import BURSTS, CASES, RATE  # the tests' signals, found a line above


@dataclass(frozen=True, slots=True)
class Reading:
    """One case, in LUFS, LU or dBTP."""

    case: str
    quantity: str
    expected: float
    found: float

    @property
    def error(self) -> float:
        return self.found - self.expected


def ebu_rows() -> list[Reading]:
    return [
        Reading(case.name, case.quantity, case.expected, _read(case.signal(), case.quantity))
        for case in CASES + BURSTS
    ]


def _read(signal: object, quantity: str) -> float:
    sound = Sound.of_array(signal, RATE)
    meter = LoudnessMeter(RATE, sound.channels)
    hear(sound, full=[meter])
    return quantities(meter.finish())[quantity]


def quantities(loudness: Loudness) -> dict[str, float]:
    """Values by the names of the cases."""
    return {
        "integrated": loudness.integrated_lufs,
        "range": loudness.range_lu,
        "true peak": loudness.true_peak_dbtp,
        "momentary": loudness.momentary_max_lufs,
        "short-term": loudness.short_term_max_lufs,
    }
