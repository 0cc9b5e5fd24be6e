"""Tracks on SoundCloud."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from stemwright.errors import (
    AudioTooLong,
    FetchError,
    InvalidSoundcloudUrl,
    ServiceUnavailable,
    StemwrightError,
    TrackNotFound,
)
from stemwright.web.client import GuardedClient

from .breaker import Breaker
from .durations import refuse_long, refuse_short, too_long
from .extraction import ExtractionFailed, Extractor, Progress
from .failures import SOUNDCLOUD_OTHERWISE, SOUNDCLOUD_ROWS
from .links import SOUNDCLOUD_HOSTS, SOUNDCLOUD_SHORT_HOST, short_link, soundcloud_track
from .media import Media, MediaLimits
from .sites import SOUNDCLOUD, Site

UNKNOWN_DURATION_S: Final = 240
"""Held for a track that does not say how long it is, until it is known."""

TRACK_LIMITS: Final = MediaLimits(max_duration_s=900)

_MOST_HOPS = 5
_SHORT_LINK_S = 5.0
_HOSTS = SOUNDCLOUD_HOSTS | {SOUNDCLOUD_SHORT_HOST}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackFacts:
    """What SoundCloud says of a track, under the names a job keeps it by."""

    track_id: str
    track_title: str
    track_duration: int
    """Seconds, rounded up."""
    track_duration_estimated: bool
    track_artwork: str | None
    artist_name: str
    soundcloud_url: str


class SoundCloud:
    """Looks public tracks up and downloads them.

    Parameters
    ----------
    extractor
        What runs yt-dlp.
    client
        Follows short links.

    """

    def __init__(
        self,
        extractor: Extractor,
        client: GuardedClient,
        *,
        site: Site = SOUNDCLOUD,
        limits: MediaLimits = TRACK_LIMITS,
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._limits = limits
        self._media = Media(
            site=site,
            extractor=extractor,
            rows=SOUNDCLOUD_ROWS,
            otherwise=SOUNDCLOUD_OTHERWISE,
            judge=self._refused,
            limits=limits,
            breaker=breaker or Breaker(),
            sleep=sleep,
        )

    def parse(self, url: str) -> str:
        """Return ``user/track``; a short link, and nothing else, is asked for over the network.

        Raises
        ------
        InvalidSoundcloudUrl, ServiceUnavailable
            Not one public track, or a short link that does not answer.

        """
        found = soundcloud_track(url)
        return found if found is not None else self._followed(short_link(url))

    def lookup(self, track: str) -> TrackFacts:
        """Ask for a track's title, duration and artist.

        Raises
        ------
        TrackNotFound, AudioTooLong, AudioTooShort
            It is not one that can be taken.
        ServiceUnavailable
            SoundCloud does not answer, or refuses this server.

        """
        info = self._media.lookup(track)
        _require_whole(info)
        seconds = info.get("duration")
        if seconds:
            refuse_short("The track", seconds, self._limits.min_duration_s)
            refuse_long("The track", seconds, self._limits.max_duration_s)
        return _facts(track, info)

    def download(self, track: str, folder: Path, progress: Progress) -> Path:
        """Download the track as it is; see `YouTube.download`."""
        return self._media.download(track, folder, progress)

    def _followed(self, link: str) -> str:
        """Follow a short link as far as SoundCloud's own hosts lead."""
        end = time.monotonic() + _SHORT_LINK_S
        for _ in range(_MOST_HOPS):
            link = self._next(link, end - time.monotonic())
            found = soundcloud_track(link)
            if found is not None:
                return found
        raise InvalidSoundcloudUrl(
            "The short link leads to no track. Give the track's own address."
        )

    def _next(self, link: str, left_s: float) -> str:
        try:
            answer = self._client.send("GET", link, timeout=left_s, max_reply_bytes=0)
        except FetchError as error:
            raise ServiceUnavailable(
                "SoundCloud did not say in time where the short link leads. Give the track's own "
                "address."
            ) from error
        following = urljoin(link, answer.headers.get("location", ""))
        split = urlsplit(following)
        if following == link or split.scheme != "https" or split.hostname not in _HOSTS:
            raise InvalidSoundcloudUrl(
                "The short link leads to no track on SoundCloud. Give the track's own address."
            )
        return following

    def _refused(self, failure: ExtractionFailed) -> StemwrightError | None:
        match failure.kind:
            case "too_long":
                longest = self._limits.max_duration_s
                return AudioTooLong(
                    too_long("The track", failure.amount, longest),
                    max_duration_s=int(longest),
                    actual_duration_s=math.ceil(failure.amount),
                )
            case "several":
                return InvalidSoundcloudUrl("The link names several tracks. Give that of one.")
            case "live":
                return TrackNotFound("The link is no track with an end.")
            case _:
                return None


def _require_whole(info: Mapping[str, Any]) -> None:
    """Refuse a track of which strangers hear half a minute."""
    names = [str(known.get("format_id")) for known in info.get("formats") or ()]
    if names and all(name.endswith("preview") for name in names):
        raise TrackNotFound("SoundCloud plays only a preview of this track. Choose a free one.")


def _facts(track: str, info: Mapping[str, Any]) -> TrackFacts:
    seconds = info.get("duration")
    return TrackFacts(
        track_id=str(info.get("id") or track),
        track_title=info.get("title") or track.rpartition("/")[2],
        track_duration=math.ceil(seconds) if seconds else UNKNOWN_DURATION_S,
        track_duration_estimated=not seconds,
        track_artwork=info.get("thumbnail"),
        artist_name=info.get("uploader") or track.partition("/")[0],
        soundcloud_url=f"https://soundcloud.com/{track}",
    )
