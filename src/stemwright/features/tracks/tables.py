"""Tracks, and what is kept of them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from stemwright.db.base import Json, Table

LONGEST_TITLE = 500


class TrackRow(Table):
    """A song in somebody's library."""

    __tablename__ = "tracks"
    __table_args__ = (
        Index("uq_tracks_owner_spotify_id", "owner", "spotify_id", unique=True),
        Index("uq_tracks_owner_source_ref", "owner", "source", "source_ref", unique=True),
        Index("ix_tracks_owner_created", "owner", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    owner: Mapped[str] = mapped_column(String(64))
    """Id of the account; this package knows no more of it."""
    source: Mapped[str] = mapped_column(String(16))
    """spotify, youtube, link or upload."""
    source_ref: Mapped[str | None] = mapped_column(String(64), default=None)
    """The id of a video or the SHA-256 of a link, by which its track is found again."""
    spotify_id: Mapped[str | None] = mapped_column(String(64), default=None)
    spotify_url: Mapped[str | None] = mapped_column(Text, default=None)
    isrc: Mapped[str | None] = mapped_column(String(16), default=None)
    title: Mapped[str] = mapped_column(String(LONGEST_TITLE))
    artist: Mapped[str | None] = mapped_column(Text, default=None)
    album: Mapped[str | None] = mapped_column(Text, default=None)
    album_art_url: Mapped[str | None] = mapped_column(Text, default=None)
    duration_s: Mapped[int | None] = mapped_column(default=None)
    audio_key: Mapped[str | None] = mapped_column(String(512), default=None)
    """Where storage has the song; none until it was downloaded or uploaded."""
    audio_path: Mapped[str | None] = mapped_column(String(512), default=None)
    """Where users see it: downloads/<track>/<artist>-<title>.<ext>"""
    audio_type: Mapped[str | None] = mapped_column(String(64), default=None)
    audio_bytes: Mapped[int | None] = mapped_column(BigInteger, default=None)
    audio_duration_s: Mapped[float | None] = mapped_column(default=None)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class StemRow(Table):
    """A stem of a track, of which several may be of one type."""

    __tablename__ = "stems"
    __table_args__ = (
        Index("ix_stems_track_created", "track_id", "created_at"),
        Index("ix_stems_job", "job_id"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    job_id: Mapped[str | None] = mapped_column(String(64), default=None)
    """The job that made it; none for one that a user edited."""
    stem_type: Mapped[str] = mapped_column(String(32))
    file_path: Mapped[str] = mapped_column(String(255), index=True)
    """Where users see it: stems/<job>/<stem>.wav"""
    key: Mapped[str] = mapped_column(String(512))
    content_type: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int] = mapped_column(BigInteger)
    source: Mapped[str] = mapped_column(String(16))
    """local, lalalai or edited."""
    options: Mapped[Json]
    created_at: Mapped[datetime]


class AnalysisRow(Table):
    """What one job found out about a track."""

    __tablename__ = "analyses"
    __table_args__ = (Index("ix_analyses_track_created", "track_id", "created_at"),)

    job_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    track_id: Mapped[str] = mapped_column(ForeignKey("tracks.id", ondelete="CASCADE"))
    features: Mapped[list[Any]] = mapped_column(JSON)
    result: Mapped[Json]
    created_at: Mapped[datetime]


class LeftoverRow(Table):
    """A file of the library that nothing refers to any more, until it is deleted."""

    __tablename__ = "library_leftovers"

    key: Mapped[str] = mapped_column(String(512), primary_key=True)
    created_at: Mapped[datetime]
