"""Calls to one host of Spotify's: repeats what may come right, and waits when told to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemwright.errors import FetchError, RemoteUnreachable, SpotifyFailed
from stemwright.web.client import Answer, GuardedClient

from .budget import Budget, Pause

_REPEAT_AFTER_S: Final = (1.0, 3.0)
_MOST_WAITS: Final = 3
_UNSAID_PAUSE_S: Final = 5
_LARGEST_REPLY: Final = 8 << 20
_LONGEST_SAYING: Final = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status below 500, 429 left out."""

    status: int
    told: Mapping[str, Any] | None
    """The JSON object in it; none where there is an HTML page, half an object, or nothing."""

    @property
    def good(self) -> Mapping[str, Any] | None:
        """What was asked for."""
        return self.told if self.status == 200 else None

    def failure(self) -> SpotifyFailed:
        """Say what Spotify said, for an answer that is not good."""
        if self.status == 200:
            return SpotifyFailed("Spotify answered with something that cannot be read.", status=200)
        saying = said(self.told) or f"Spotify answered with status {self.status}."
        return SpotifyFailed(saying, status=self.status)


class Caller:
    """Sends requests to one host, for all threads of a process."""

    def __init__(self, client: GuardedClient, pause: Pause) -> None:
        self._client = client
        self._pause = pause

    def call(
        self,
        method: str,
        url: str,
        budget: Budget,
        *,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> Reply:
        """Ask until there is an answer.

        Raises
        ------
        SpotifyFailed
            There is none, or not within the budget.

        """
        waits, repeats = 0, iter(_REPEAT_AFTER_S)
        while True:
            self._pause.sit_out(budget)
            try:
                answer = self._client.send(
                    method,
                    url,
                    headers=headers,
                    content=content,
                    timeout=budget.for_a_call(),
                    max_reply_bytes=_LARGEST_REPLY,
                    trusted=True,
                )
            except RemoteUnreachable as error:
                _repeat_later(budget, next(repeats, None), _unreachable(), error)
                continue
            except FetchError as error:
                raise _unreachable() from error
            if answer.status == 429:
                waits += 1
                self._keep_away(answer, budget, last=waits > _MOST_WAITS)
            elif answer.status >= 500:
                _repeat_later(budget, next(repeats, None), _reply(answer).failure())
            else:
                return _reply(answer)

    def _keep_away(self, answer: Answer, budget: Budget, *, last: bool) -> None:
        """Let no thread ask for as long as Spotify wants; who cannot wait so long learns it."""
        seconds = _retry_after(answer)
        self._pause.lengthen(seconds)
        if last or not budget.allows(seconds):
            reason = said(_told(answer)) or "too many requests"
            raise SpotifyFailed(
                f"Spotify limits how much this server may ask ({reason.rstrip('.')}). "
                f"Try again in {seconds} s.",
                status=429,
                retry_after_s=seconds,
            )


def said(told: Mapping[str, Any] | None) -> str:
    """Find the message in an error, of the Web API or of the token endpoint; else nothing."""
    match told:
        case {"error": {"message": str(message)}}:
            text = message
        case {"error": str(code), "error_description": str(description)}:
            text = description or code
        case {"error": str(code)}:
            text = code
        case _:
            return ""
    return "".join(c for c in text if c.isprintable())[:_LONGEST_SAYING]


def _repeat_later(
    budget: Budget,
    wait_s: float | None,
    failure: SpotifyFailed,
    cause: Exception | None = None,
) -> None:
    if wait_s is None or wait_s >= budget.left():
        raise failure from cause
    budget.wait(wait_s)


def _unreachable() -> SpotifyFailed:
    return SpotifyFailed("Spotify cannot be reached. Try again later.")


def _retry_after(answer: Answer) -> int:
    text = answer.headers.get("retry-after", "")
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        return _UNSAID_PAUSE_S
    return max(1, int(text))


def _reply(answer: Answer) -> Reply:
    return Reply(answer.status, _told(answer))


def _told(answer: Answer) -> Mapping[str, Any] | None:
    if answer.truncated:
        return None
    try:
        told = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None
