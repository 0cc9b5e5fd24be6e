"""How long a song may be."""

from __future__ import annotations

import math

from stemwright.errors import AudioTooLong, AudioTooShort


def refuse_short(what: str, seconds: float, shortest: float) -> None:
    """Refuse what is too short to be a song."""
    if seconds < shortest:
        raise AudioTooShort(
            f"{what} lasts {seconds:.1f} seconds; at least {shortest:g} are needed.",
            min_duration_s=math.ceil(shortest),
            actual_duration_s=math.floor(seconds),
        )


def refuse_long(what: str, seconds: float, longest: float) -> None:
    """Refuse what is longer than allowed."""
    if seconds > longest:
        raise AudioTooLong(
            f"{too_long(what, seconds, longest)} Cut it into parts.",
            max_duration_s=int(longest),
            actual_duration_s=math.ceil(seconds),
        )


def too_long(what: str, seconds: float, longest: float) -> str:
    return f"{what} lasts {seconds / 60:.1f} minutes, and {longest / 60:g} are the limit."
