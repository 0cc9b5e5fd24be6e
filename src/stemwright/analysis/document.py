"""An analysis as a JSON object: the contract's keys and units, and ours beside them.

A value that was not asked for is null; an array that was not asked for is absent.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .activity import Activity
from .harmony.describe import Harmony
from .loudness import Loudness
from .results import Analysis
from .rhythm.find import Rhythm
from .spectral import pooled

MOST_FRAMES: Final = 1000
"""Of the arrays of a response; longer ones are averaged down to it."""

Document = dict[str, Any]


def document(found: Analysis) -> Document:
    """Everything found, ready for JSON."""
    energy, shape = found.energy, found.shape
    return {
        "duration_s": _rounded(found.condition.duration_s, 3),
        **_rhythm(_asked_rhythm(found), beats="beats" in found.features),
        **_key(_asked_harmony(found, "key")),
        **_chords(_asked_harmony(found, "chords")),
        "energy": _rounded(energy.mean if energy else None, 6),
        "zero_crossing_rate": _rounded(energy.zero_crossing_rate if energy else None, 6),
        "spectral_centroid": _rounded(shape.centroid_hz if shape else None, 2),
        "spectral_rolloff": _rounded(shape.rolloff_hz if shape else None, 2),
        "loudness": _loudness(found.loudness),
        "sections": _sections(found),
        "stems": {name: _activity(it) for name, it in found.stems.items()},
        "sources": {"rhythm": found.rhythm_from, "harmony": found.harmony_from},
        "features": _arrays(found),
        "remarks": remarks(found),
    }


def remarks(found: Analysis) -> list[str]:
    """What a reader of the numbers should know: what could not be found, and why."""
    condition, rhythm = found.condition, _asked_rhythm(found)
    harmony = _asked_harmony(found, "key")
    said = []
    if condition.peak <= 0:
        said.append("the song is silent")
    if condition.silent_channels:
        dead = ", ".join(str(channel + 1) for channel in condition.silent_channels)
        said.append(f"silent throughout: channel {dead}")
    if condition.clipped_share > 1e-4:
        said.append(f"clipped: {condition.clipped_share:.2%} of the samples are at full scale")
    if rhythm is not None and rhythm.absence is not None:
        said.append(f"no tempo: {rhythm.absence}")
    if harmony is not None and harmony.key.key is None:
        said.append("no key: too little of it sounds like chords")
    if found.loudness is not None and found.loudness.integrated_lufs is None:
        said.append("no loudness: it is too short or too quiet to measure")
    empty = [name for name, activity in found.stems.items() if activity.empty]
    said.extend(f"no {name} here: the stem holds only bleed" for name in empty)
    return said


def _rhythm(rhythm: Rhythm | None, *, beats: bool) -> Document:
    if rhythm is None:
        return {"tempo": None}
    answer: Document = {
        "tempo": _rounded(rhythm.tempo, 2),
        "tempo_confidence": _rounded(rhythm.confidence, 3),
        "tempo_steady": rhythm.steady,
        "tempo_candidates": [
            {"bpm": _rounded(it.bpm, 2), "weight": _rounded(it.weight, 3)}
            for it in rhythm.candidates
        ],
    }
    if beats:
        answer |= {
            "meter": rhythm.meter,
            "meter_confidence": _rounded(rhythm.meter_confidence, 3),
            "beats": _times(rhythm.beats_s),
            "downbeats": _times(rhythm.downbeats_s),
        }
    return answer


def _asked_rhythm(found: Analysis) -> Rhythm | None:
    """The rhythm, unless it was only needed for something else."""
    return found.rhythm if found.features & {"tempo", "beats"} else None


def _asked_harmony(found: Analysis, feature: str) -> Harmony | None:
    return found.harmony if feature in found.features else None


def _key(harmony: Harmony | None) -> Document:
    if harmony is None:
        return {"key": None}
    found = harmony.key
    return {
        "key": found.key.name if found.key else None,
        "key_short": found.key.short if found.key else None,
        "camelot": found.key.camelot if found.key else None,
        "key_confidence": _rounded(found.confidence, 3),
        "key_candidates": [
            {"key": it.key.name, "weight": _rounded(it.probability, 3)} for it in found.candidates
        ],
        "keys": [
            {"start": _rounded(it.start_s, 3), "end": _rounded(it.end_s, 3), "key": it.key.name}
            for it in found.spans
        ],
        "tuning_cents": _rounded(harmony.tuning.cents, 1),
    }


def _chords(harmony: Harmony | None) -> Document:
    if harmony is None:
        return {}
    chords = [
        {
            "start": _rounded(it.start_s, 3),
            "end": _rounded(it.end_s, 3),
            "chord": it.symbol,
            "label": it.label,
        }
        for it in harmony.chords
    ]
    return {"chords": chords, "tuning_cents": _rounded(harmony.tuning.cents, 1)}


def _loudness(loudness: Loudness | None) -> Document | None:
    if loudness is None:
        return None
    return {
        "integrated_lufs": _rounded(loudness.integrated_lufs, 2),
        "range_lu": _rounded(loudness.range_lu, 2),
        "true_peak_dbtp": _rounded(loudness.true_peak_dbtp, 2),
        "momentary_max_lufs": _rounded(loudness.momentary_max_lufs, 2),
        "short_term_max_lufs": _rounded(loudness.short_term_max_lufs, 2),
    }


def _activity(activity: Activity) -> Document:
    return {
        "integrated_lufs": _rounded(activity.loudness.integrated_lufs, 2),
        "active_s": _rounded(activity.active_s, 1),
        "empty": activity.empty,
        "bleed_db": _rounded(activity.bleed_db, 1),
    }


def _sections(found: Analysis) -> list[Document] | None:
    if found.sections is None:
        return None
    return [
        {"start": _rounded(it.start_s, 3), "end": _rounded(it.end_s, 3), "label": it.label}
        for it in found.sections
    ]


def _arrays(found: Analysis) -> Document:
    arrays: Document = {}
    if found.mfcc is not None:
        arrays["mfcc"] = _rows(found.mfcc, 3)
    if found.chroma is not None:
        arrays["chroma"] = _rows(found.chroma, 4)
    if found.energy is not None:
        arrays["energy_variance"] = _rounded(found.energy.variance, 6)
        arrays["energy_max"] = _rounded(found.energy.highest, 6)
        arrays["energy_min"] = _rounded(found.energy.lowest, 6)
    if found.shape is not None:
        arrays["spectral_bandwidth"] = _rounded(found.shape.bandwidth_hz, 2)
    if found.rhythm is not None and "beats" in found.features:
        arrays["beats"] = _times(found.rhythm.beats_s)
        arrays["beat_count"] = len(found.rhythm.beats_s)
    return arrays


def _rows(rows: NDArray[np.float32], digits: int) -> list[list[float]]:
    few = np.round(pooled(rows, MOST_FRAMES).astype(np.float64), digits)
    return [list(map(float, row)) for row in few]


def _times(seconds: NDArray[np.float64]) -> list[float]:
    return [float(time) for time in np.round(seconds, 3)]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), digits)
