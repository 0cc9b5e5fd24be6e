"""What changes while somebody listens, whichever way it is sent: over a socket or as a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """One event, as text ready to be sent: made once for all who get it."""

    event: str
    payload: str
    """A JSON object."""
    is_state: bool = False
    """Whether a later one of the same feed says all that this one does, and more."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a feed tells at once; the marker names the state it tells of."""

    marker: str
    messages: tuple[Message, ...]
    is_last: bool = False
    """Whether most likely nothing follows."""


Deliver = Callable[[Update], None]
"""May be called in any thread; neither blocks nor raises."""

Stop = Callable[[], None]

Feed = Callable[[Deliver], Stop]
"""Begins to deliver, the present state first, until stopped; does not block."""
