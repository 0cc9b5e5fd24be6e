"""Which features an analysis is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stemwright.analysis.features import ALL, CONTRACT_FEATURES
from stemwright.errors import InvalidFeatures

DEFAULT_FEATURES: Final = ("tempo", "key", "energy", "spectral")
_OF_TYPES: Final = {
    "full": CONTRACT_FEATURES,
    "tempo": ("tempo",),
    "key": ("key",),
    "energy": ("energy",),
    "spectral": ("spectral",),
}


def wanted_features(
    names: Sequence[str] | None = None, lone_type: str | None = None
) -> tuple[str, ...]:
    """Check features and resolve ``all``; in the API's order, each once.

    ``lone_type`` is the word that some clients send in place of a list.

    Raises
    ------
    InvalidFeatures

    """
    if names is None:
        return DEFAULT_FEATURES if lone_type is None else _of_type(lone_type)
    known = ", ".join((*CONTRACT_FEATURES, ALL))
    if not names:
        raise InvalidFeatures(f"The list of features is empty; name some of {known}.")
    unknown = [name for name in names if name not in {*CONTRACT_FEATURES, ALL}]
    if unknown:
        raise InvalidFeatures(f"Invalid features: {unknown[0][:64]}. There are {known}.")
    if ALL in names:
        return CONTRACT_FEATURES
    return tuple(name for name in CONTRACT_FEATURES if name in names)


def _of_type(lone_type: str) -> tuple[str, ...]:
    if lone_type not in _OF_TYPES:
        raise InvalidFeatures(
            f"Invalid type: {lone_type[:64]}. There are {', '.join(_OF_TYPES)}; or send features."
        )
    return _OF_TYPES[lone_type]
