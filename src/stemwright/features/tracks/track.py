"""Tracks, their audio, stems and analyses, as features and dialects see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Source = Literal["spotify", "youtube", "link", "upload"]


@dataclass(frozen=True, slots=True)
class Audio:
    """The song itself."""

    key: str
    path: str
    content_type: str
    size_bytes: int
    duration_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A song in somebody's library. ``tables.TrackRow`` says what each field means."""

    id: str
    owner: str
    source: str
    source_ref: str | None
    spotify_id: str | None
    spotify_url: str | None
    isrc: str | None
    title: str
    artist: str | None
    album: str | None
    album_art_url: str | None
    duration_s: int | None
    audio: Audio | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrack:
    """What is known of a song that comes from elsewhere than Spotify."""

    source: Source
    title: str
    artist: str | None = None
    album: str | None = None
    album_art_url: str | None = None
    duration_s: int | None = None
    source_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stem:
    """One stem. ``tables.StemRow`` says what each field means."""

    id: str
    track_id: str
    job_id: str | None
    stem_type: str
    file_path: str
    key: str
    content_type: str
    size_bytes: int
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    """None until it is recorded."""

    @property
    def is_preview(self) -> bool:
        """Whether it holds the song's beginning only."""
        return bool(self.options.get("preview"))


@dataclass(frozen=True, slots=True)
class TrackAnalysis:
    """What a job found out about a track."""

    job_id: str
    track_id: str
    features: Sequence[str]
    result: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class TrackPage:
    """A part of a library, newest first, and how long the whole is."""

    tracks: tuple[Track, ...]
    total: int


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A file that its owner may read."""

    key: str
    name: str
    content_type: str
    size_bytes: int
