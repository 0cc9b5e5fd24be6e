"""What upstream failures mean, as data: the sites change their words more often than their ways.

Rows are tried in order and the first that fits decides. Texts are compared in lower case, with
straight apostrophes.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from stemwright.errors import (
    InvalidSoundcloudUrl,
    InvalidYoutubeUrl,
    ServiceUnavailable,
    SourceError,
    TrackNotFound,
    VideoAgeRestricted,
    VideoLive,
    VideoPrivate,
    VideoUnavailable,
)

from .extraction import ExtractionFailed

_log = logging.getLogger(__name__)

_PREFIX = re.compile(r"^(error:\s*)?(\[[\w:]+\]\s*)?([\w-]+:\s)?")


class Again(Enum):
    """Whether the same request is worth repeating."""

    NEVER = 0
    ONCE = 1
    THRICE = 3
    LATER = -1
    """In an hour perhaps, not in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Fits when one of ``words`` is in the text, or one of ``causes`` is the error's class."""

    words: tuple[str, ...] = ()
    """Words joined by ``&`` must all be there."""
    causes: frozenset[str] = frozenset()
    statuses: range = range(0)
    error: type[SourceError]
    message: str
    again: Again = Again.NEVER

    def fits(self, text: str, cause: str | None, status: int | None) -> bool:
        return (
            any(all(part in text for part in words.split("&")) for words in self.words)
            or cause in self.causes
            or status in self.statuses
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """The error for the user, and whether to try again."""

    error: SourceError
    again: Again

    @property
    def is_wall(self) -> bool:
        """The site refuses this server, whatever is asked of it."""
        return self.again is Again.LATER


_NETWORK_CAUSES: Final = frozenset({
    "CertificateVerifyError", "ConnectionError", "ConnectionResetError", "IncompleteRead",
    "ProxyError", "SSLError", "TimeoutError", "TransportError", "URLError",
})  # fmt: skip
_NETWORK_WORDS: Final = (
    "timed out", "connection refused", "connection reset", "failed to resolve",
    "temporary failure in name resolution", "bytes read,", "http error 5",
)  # fmt: skip
_SERVER_ERRORS: Final = range(500, 600)

LIVE_VIDEO: Final = (
    "The video is a live stream or premiere that is not over. Try again when its recording is up."
)
PRIVATE_VIDEO: Final = "The video is private. Ask its owner to make it public or unlisted."


def _unreachable(site: str) -> Row:
    return Row(
        words=_NETWORK_WORDS,
        causes=_NETWORK_CAUSES,
        statuses=_SERVER_ERRORS,
        error=ServiceUnavailable,
        message=f"{site} could not be reached. It did not answer in time, or broke off. Try again.",
        again=Again.THRICE,
    )


YOUTUBE_ROWS: Final = (
    Row(
        words=(
            "sign in to confirm you're not a bot",
            "captcha",
            "http error 429",
            "try again later",
        ),
        statuses=range(429, 430),
        error=ServiceUnavailable,
        message="YouTube takes this server for a robot just now. Try again in some minutes; the "
        "operator can sign it in with a cookies file.",
        again=Again.LATER,
    ),
    Row(
        words=("confirm your age", "age-restricted", "inappropriate for some users"),
        error=VideoAgeRestricted,
        message="The video is only shown to adults who are signed in. Choose another upload of it.",
    ),
    Row(
        words=("private video", "video is private"),
        error=VideoPrivate,
        message=PRIVATE_VIDEO,
    ),
    Row(
        words=("members-only", "join this channel", "premium members", "requires payment"),
        error=VideoUnavailable,
        message="The video is only shown to members or buyers. Choose a free one.",
    ),
    Row(
        words=("not made this video available in your country", "available in your country"),
        causes=frozenset({"GeoRestrictedError"}),
        error=VideoUnavailable,
        message="The video is blocked in the region of this server. Choose another upload of it.",
    ),
    Row(
        words=("this live event will begin", "premieres in", "live stream"),
        error=VideoLive,
        message=LIVE_VIDEO,
    ),
    Row(
        words=(
            "video unavailable",
            "has been removed",
            "no longer available",
            "account&terminated",
            "does not exist",
            "copyright",
        ),
        error=VideoUnavailable,
        message="The video does not exist, or is not available any more. Check the link.",
    ),
    Row(
        words=("requested format is not available", "no video formats", "drm"),
        error=VideoUnavailable,
        message="YouTube offers no sound of this video that could be taken.",
        again=Again.ONCE,
    ),
    Row(
        words=("unsupported url", "incomplete youtube id", "is not a valid url"),
        error=InvalidYoutubeUrl,
        message="The link does not name a YouTube video.",
    ),
    _unreachable("YouTube"),
)
YOUTUBE_OTHERWISE: Final = Row(
    error=VideoUnavailable,
    message="YouTube does not hand out this video. Check that it plays without signing in.",
    again=Again.ONCE,
)

SOUNDCLOUD_ROWS: Final = (
    Row(
        words=("http error 429", "captcha"),
        statuses=range(429, 430),
        error=ServiceUnavailable,
        message="SoundCloud refuses this server for too many requests. Try again in some minutes.",
        again=Again.LATER,
    ),
    Row(
        words=("not available from your location", "available in your country"),
        causes=frozenset({"GeoRestrictedError"}),
        error=TrackNotFound,
        message="The track is blocked in the region of this server.",
    ),
    Row(
        words=("unsupported url", "no suitable extractor", "is not a valid url"),
        error=InvalidSoundcloudUrl,
        message="The link does not name a SoundCloud track.",
    ),
    _unreachable("SoundCloud"),
)
SOUNDCLOUD_OTHERWISE: Final = Row(
    error=TrackNotFound,
    message="There is no such public track: it is private, deleted, or never was. Check the link.",
)


def verdict(failure: ExtractionFailed, rows: tuple[Row, ...], otherwise: Row) -> Verdict:
    """Say what a failure of yt-dlp means."""
    text = plain(failure.text)
    for row in rows:
        if row.fits(text, failure.cause, failure.status):
            return Verdict(row.error(row.message), row.again)
    _log.warning("yt-dlp failed in a way nobody knows: %s", failure)
    return Verdict(otherwise.error(otherwise.message), otherwise.again)


def plain(text: str) -> str:
    """Return a text as the rows compare it: without ``ERROR: [youtube] ID:`` in front."""
    straight = text.lower().replace("\u2019", "'").strip()
    return _PREFIX.sub("", straight, count=1)
