"""What a child process does for an analysis job: a song on disk in, the API's document out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from stemwright.analysis.analyse import analyse
from stemwright.analysis.document import document
from stemwright.analysis.sound import Sound

_PHASE: Final = "analyse"
_KEYS: Final = (
    "tempo",
    "key",
    "energy",
    "zero_crossing_rate",
    "spectral_centroid",
    "spectral_rolloff",
    "features",
)
"""What the API knows of; null, or absent inside ``features``, where it was not asked for."""

Report = Callable[[str, float], None]


def analyse_song(
    song: Path, features: Sequence[str], *, max_duration_s: float | None, report: Report
) -> dict[str, Any]:
    """Describe a song.

    Raises
    ------
    InputError, OptionError

    """
    sound = Sound.of_file(song, max_duration_s=max_duration_s)
    found = document(analyse(sound, features, progress=lambda f: report(_PHASE, f)))
    return {key: found[key] for key in _KEYS}
