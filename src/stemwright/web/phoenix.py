"""The protocol of Phoenix Channels, as seen from the server, without any input or output.

A ``Conversation`` is fed with frames and answers with actions. Whoever holds the socket carries
them out; what takes time (whether somebody may join) comes back as a call of ``joined`` or
``refused``. One frame is answered before the next is fed in.

Two framings are spoken: arrays of five in version 2, objects without a join reference in
version 1.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from .feeds import Message

Version = Literal[1, 2]
Ref = str | int | float | None
"""Echoed as it came: clients compare without conversion."""

MOST_CHANNELS: Final = 100
BAD_FRAME: Final = 1011
"""What a server that crashes over a frame closes with; clients connect anew."""

_BINARY_PUSH: Final = 0
_BINARY_HEAD: Final = 5
_UNMATCHED: Final = "unmatched topic"


class BadFrame(ValueError):
    """Not a frame of this protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A message of a client."""

    join_ref: Ref
    ref: Ref
    topic: str
    event: str


@dataclass(frozen=True, slots=True)
class Join:
    """A wish to join that somebody has to decide."""

    frame: Frame

    @property
    def topic(self) -> str:
        """What is to be joined."""
        return self.frame.topic


@dataclass(frozen=True, slots=True)
class Send:
    """Text for the client."""

    text: str


@dataclass(frozen=True, slots=True)
class Left:
    """Nobody listens to the topic any more."""

    topic: str


Action = Send | Join | Left


class Conversation:
    """One socket: which topics are joined, and what is to be answered."""

    def __init__(
        self,
        version: Version,
        *,
        is_known: Callable[[str], bool],
        events: Collection[str] = ("ping",),
        most_channels: int = MOST_CHANNELS,
    ) -> None:
        """``is_known`` tells topics that can be asked for; ``events`` are answered with ok."""
        self._version = version
        self._is_known = is_known
        self._events = frozenset(events)
        self._most_channels = most_channels
        self._channels: dict[str, Ref] = {}

    @property
    def topics(self) -> Collection[str]:
        """What is joined."""
        return self._channels.keys()

    def hear(self, text: str) -> list[Action]:
        """Take a frame of text.

        Raises
        ------
        BadFrame

        """
        return self._answer(_decoded(text, self._version))

    def hear_binary(self, data: bytes) -> list[Action]:
        """Take a frame of bytes, which no channel here has a use for.

        Raises
        ------
        BadFrame

        """
        return [self._refusal(_decoded_binary(data), "binary payload not supported")]

    def joined(self, join: Join) -> list[Action]:
        """Let somebody in; the topic's events may follow."""
        frame = join.frame
        ended = self._ended(frame)
        self._channels[frame.topic] = self._instance(frame)
        return [self._reply(frame, "ok"), *ended]

    def refused(self, join: Join, reason: str) -> list[Action]:
        """Let somebody not in."""
        return [self._refusal(join.frame, reason), *self._ended(join.frame)]

    def push(self, topic: str, message: Message) -> str | None:
        """Frame an event; none if the topic is not joined."""
        if topic not in self._channels:
            return None
        return self._framed(self._channels[topic], None, topic, message.event, message.payload)

    def crashed(self, topic: str) -> list[Action]:
        """End a channel that went wrong; clients join it again after a while."""
        if topic not in self._channels:
            return []
        instance = self._channels.pop(topic)
        reason = '{"reason":"channel_crash"}'
        return [Send(self._framed(instance, instance, topic, "phx_error", reason)), Left(topic)]

    # --------------------------------------------------------------------------------- answers

    def _answer(self, frame: Frame) -> list[Action]:
        if frame.topic == "phoenix" and frame.event == "heartbeat":
            return [self._reply(frame, "ok")]
        if frame.event == "phx_join":
            return self._asked(frame)
        if frame.topic not in self._channels:
            return [self._outside(frame)]
        if self._is_stale(frame):
            return []
        if frame.event == "phx_leave":
            instance = self._channels.pop(frame.topic)
            return [self._reply(frame, "ok"), self._close(frame.topic, instance), Left(frame.topic)]
        if frame.event in self._events:
            return [self._reply(frame, "ok")]
        return [self._refusal(frame, "unknown event")]

    def _asked(self, frame: Frame) -> list[Action]:
        if not self._is_known(frame.topic):
            return [self._unmatched(frame)]
        if frame.topic not in self._channels and len(self._channels) >= self._most_channels:
            return [self._refusal(frame, "too many channels joined")]
        return [Join(frame)]

    def _outside(self, frame: Frame) -> Action:
        if frame.event == "phx_leave":
            return self._reply(frame, "ok")
        return self._unmatched(frame)

    def _ended(self, frame: Frame) -> list[Action]:
        """End what a second join of the topic replaces."""
        if frame.topic not in self._channels:
            return []
        before = self._channels.pop(frame.topic)
        if self._version == 1 or _same(before, self._instance(frame)):
            # the client could not tell that this is not about its new channel
            return [Left(frame.topic)]
        return [self._close(frame.topic, before), Left(frame.topic)]

    def _is_stale(self, frame: Frame) -> bool:
        return frame.join_ref is not None and not _same(frame.join_ref, self._channels[frame.topic])

    def _instance(self, frame: Frame) -> Ref:
        return frame.ref if self._version == 1 else frame.join_ref

    # ---------------------------------------------------------------------------------- frames

    def _reply(self, frame: Frame, status: str, response: str = "{}") -> Send:
        payload = f'{{"status":"{status}","response":{response}}}'
        return Send(self._framed(frame.join_ref, frame.ref, frame.topic, "phx_reply", payload))

    def _refusal(self, frame: Frame, reason: str) -> Send:
        return self._reply(frame, "error", json.dumps({"reason": reason}, separators=(",", ":")))

    def _unmatched(self, frame: Frame) -> Send:
        return self._refusal(Frame(None, frame.ref, frame.topic, frame.event), _UNMATCHED)

    def _close(self, topic: str, instance: Ref) -> Send:
        return Send(self._framed(instance, instance, topic, "phx_close", "{}"))

    def _framed(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: str) -> str:
        words = [json.dumps(word) for word in (join_ref, ref, topic, event)]
        if self._version == 2:
            return f"[{','.join(words)},{payload}]"
        _, ref_, topic_, event_ = words
        return f'{{"topic":{topic_},"event":{event_},"ref":{ref_},"payload":{payload}}}'


def version_of(vsn: str | None) -> Version | None:
    """Which framing a client asks for; none if it is not spoken here."""
    if vsn is None:
        return 1
    major, _, rest = vsn.partition(".0.")
    if major not in {"1", "2"} or not (rest.isascii() and rest.isdecimal()):
        return None
    return 1 if major == "1" else 2


def _decoded(text: str, version: Version) -> Frame:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadFrame("not JSON") from error
    if version == 1:
        return _frame(None, *_members(given))
    if not isinstance(given, list) or len(given) < 5:
        raise BadFrame("not an array of five")
    return _frame(*given[:4])


def _members(given: object) -> tuple[object, object, object]:
    if not isinstance(given, dict) or "payload" not in given:
        raise BadFrame("not an object with a topic, an event, a payload and a ref")
    return given.get("ref"), given.get("topic"), given.get("event")


def _frame(join_ref: object, ref: object, topic: object, event: object) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        raise BadFrame("topic and event are texts")
    return Frame(_ref(join_ref), _ref(ref), topic, event)


def _ref(given: Any) -> Ref:  # noqa: ANN401 - whatever JSON has
    if isinstance(given, bool) or not isinstance(given, str | int | float | None):
        raise BadFrame("a reference is a text or a number")
    if isinstance(given, float) and not math.isfinite(given):
        raise BadFrame("a reference is a finite number")
    return given


def _same(one: Ref, other: Ref) -> bool:
    return type(one) is type(other) and one == other


def _decoded_binary(data: bytes) -> Frame:
    """Read the head of a push: five bytes, of which four are lengths, and the texts."""
    if len(data) < _BINARY_HEAD or data[0] != _BINARY_PUSH:
        raise BadFrame("not a push")
    texts, start = [], _BINARY_HEAD
    for length in data[1:_BINARY_HEAD]:
        if start + length > len(data):
            raise BadFrame("shorter than it says")
        texts.append(data[start : start + length])
        start += length
    try:
        join_ref, ref, topic, event = (text.decode() for text in texts)
    except UnicodeDecodeError as error:
        raise BadFrame("not UTF-8") from error
    return Frame(join_ref or None, ref or None, topic, event)
