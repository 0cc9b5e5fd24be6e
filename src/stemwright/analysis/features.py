"""What can be asked of an analysis, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from stemwright.errors import OptionError

CONTRACT_FEATURES: Final = ("tempo", "key", "energy", "spectral", "mfcc", "chroma")
"""The names of the Sound Forge API, in its order."""
OWN_FEATURES: Final = ("beats", "chords", "sections", "loudness")
FEATURES: Final = CONTRACT_FEATURES + OWN_FEATURES
ALL: Final = "all"


def parse_features(names: Iterable[str]) -> frozenset[str]:
    """Check names and resolve ``all``, which is all of `FEATURES`.

    Raises
    ------
    OptionError
        Naming what is unknown and what there is.

    """
    given = [name.strip().lower() for name in names]
    unknown = [name for name in given if name not in {*FEATURES, ALL}]
    if unknown or not given:
        what = f"no feature is called {', '.join(unknown)}" if unknown else "no feature is named"
        raise OptionError(f"{what}; choose from {', '.join(FEATURES)}, or {ALL}")
    return frozenset(FEATURES if ALL in given else given)
