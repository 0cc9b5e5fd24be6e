"""Videos on YouTube."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stemwright.errors import (
    InvalidYoutubeUrl,
    StemwrightError,
    VideoLive,
    VideoPrivate,
    VideoTooLong,
    VideoUnavailable,
)

from .breaker import Breaker
from .durations import refuse_short, too_long
from .extraction import ExtractionFailed, Extractor, Progress
from .extractor import LIVE
from .failures import LIVE_VIDEO, PRIVATE_VIDEO, YOUTUBE_OTHERWISE, YOUTUBE_ROWS
from .links import youtube_id
from .media import Media, MediaLimits
from .sites import YOUTUBE, Site

_HD_LINES: Final = 720
_LONGEST_QUERY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What YouTube says of a video, under the names a job keeps it by."""

    video_id: str
    video_title: str
    video_duration: int
    """Seconds, rounded up."""
    video_thumbnail: str
    channel_name: str
    channel_id: str | None = None
    video_description: str | None = None
    published_at: str | None = None
    """ISO 8601 with ``Z``."""
    tags: tuple[str, ...] = ()
    category_id: str | None = None
    """A name: numbers are not given."""
    definition: str = "sd"
    has_captions: bool = False
    view_count: int | None = None
    like_count: int | None = None
    comment_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoHit:
    """A video as a list of results shows it."""

    video_id: str
    title: str
    channel_name: str
    duration_s: float | None
    is_live: bool
    views: int | None = None


class YouTube:
    """Looks videos up and downloads their soundtracks.

    Parameters
    ----------
    extractor
        What runs yt-dlp.
    site
        YouTube itself, or pages in its place.
    breaker
        One per process, so that a wall met by one request spares the others.

    """

    def __init__(
        self,
        extractor: Extractor,
        *,
        site: Site = YOUTUBE,
        limits: MediaLimits | None = None,
        breaker: Breaker | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._site = site
        self._limits = limits or MediaLimits()
        self._media = Media(
            site=site,
            extractor=extractor,
            rows=YOUTUBE_ROWS,
            otherwise=YOUTUBE_OTHERWISE,
            judge=self._refused,
            limits=self._limits,
            breaker=breaker or Breaker(),
            sleep=sleep,
        )

    def parse(self, url: str) -> str:
        """Return the id of the video a link names, or raise `InvalidYoutubeUrl`; asks nobody."""
        return youtube_id(url)

    def lookup(self, video_id: str) -> VideoFacts:
        """Ask for a video's title, duration and the rest.

        Raises
        ------
        VideoUnavailable, VideoPrivate, VideoAgeRestricted, VideoLive, VideoTooLong, AudioTooShort
            It is not one that can be taken.
        ServiceUnavailable
            YouTube does not answer, or refuses this server.

        """
        info = self._media.lookup(video_id)
        if info.get("live_status") in LIVE or info.get("is_live"):
            raise VideoLive(LIVE_VIDEO)
        if info.get("availability") == "private":
            raise VideoPrivate(PRIVATE_VIDEO)
        seconds = info.get("duration")
        if not seconds:
            raise VideoUnavailable(
                "YouTube does not say how long the video is, so it is not taken."
            )
        refuse_short("The video", seconds, self._limits.min_duration_s)
        if seconds > self._limits.max_duration_s:
            raise self._too_long(seconds)
        return _facts(video_id, info)

    def search(self, words: str) -> list[VideoHit]:
        """Find videos, in YouTube's order; one request, so live and hidden ones may be among them.

        Raises
        ------
        ServiceUnavailable
            YouTube does not answer, or refuses this server.

        """
        query = " ".join(words.split())[:_LONGEST_QUERY]
        hits = (self._hit(entry) for entry in self._media.search(query))
        return [hit for hit in hits if hit is not None]

    def _hit(self, entry: Mapping[str, Any]) -> VideoHit | None:
        by_url = self._site.media_id(entry.get("url") or "")
        video_id = by_url if self._site.origin else entry.get("id") or by_url
        if not video_id:
            return None
        return VideoHit(
            video_id=video_id,
            title=entry.get("title") or "",
            channel_name=entry.get("channel") or entry.get("uploader") or "",
            duration_s=entry.get("duration"),
            is_live=entry.get("live_status") in LIVE,
            views=entry.get("view_count"),
        )

    def download(self, video_id: str, folder: Path, progress: Progress) -> Path:
        """Download the soundtrack as it is, in whatever format YouTube has it.

        ``progress`` is called at least twice a second, with None while the fraction is unknown;
        what it raises ends the download. Raises the errors of `lookup` and `FileTooLarge`, and
        leaves nothing in the folder then.
        """
        return self._media.download(video_id, folder, progress)

    def _refused(self, failure: ExtractionFailed) -> StemwrightError | None:
        match failure.kind:
            case "live":
                return VideoLive(LIVE_VIDEO)
            case "too_long":
                return self._too_long(failure.amount)
            case "several":
                return InvalidYoutubeUrl("The link names several videos. Give that of one.")
            case _:
                return None

    def _too_long(self, seconds: float) -> VideoTooLong:
        longest = self._limits.max_duration_s
        return VideoTooLong(
            too_long("The video", seconds, longest),
            max_duration_s=int(longest),
            actual_duration_s=math.ceil(seconds),
        )


def _facts(video_id: str, info: Mapping[str, Any]) -> VideoFacts:
    categories = info.get("categories") or [None]
    heights = [known.get("height") or 0 for known in info.get("formats") or ()]
    return VideoFacts(
        video_id=video_id,
        video_title=info.get("title") or video_id,
        video_duration=math.ceil(info["duration"]),
        video_thumbnail=info.get("thumbnail") or f"https://i.ytimg.com/vi/{video_id}/hqdefault.jpg",
        channel_name=info.get("channel") or info.get("uploader") or "",
        channel_id=info.get("channel_id"),
        video_description=info.get("description"),
        published_at=_published(info),
        tags=tuple(info.get("tags") or ()),
        category_id=categories[0],
        definition="hd" if max(heights, default=0) >= _HD_LINES else "sd",
        has_captions=bool(info.get("subtitles")),
        view_count=info.get("view_count"),
        like_count=info.get("like_count"),
        comment_count=info.get("comment_count"),
    )


def _published(info: Mapping[str, Any]) -> str | None:
    stamp, day = info.get("timestamp"), info.get("upload_date") or ""
    if stamp is not None:
        return datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if len(day) == 8 and day.isdecimal():
        return f"{day[:4]}-{day[4:6]}-{day[6:]}T00:00:00Z"
    return None
