"""Rows of the library, and what they stand for."""

from __future__ import annotations

from datetime import datetime

from .tables import AnalysisRow, StemRow, TrackRow
from .track import Audio, Stem, Track, TrackAnalysis


def track_of(row: TrackRow) -> Track:
    """Take a track out of its row."""
    return Track(
        id=row.id,
        owner=row.owner,
        source=row.source,
        source_ref=row.source_ref,
        spotify_id=row.spotify_id,
        spotify_url=row.spotify_url,
        isrc=row.isrc,
        title=row.title,
        artist=row.artist,
        album=row.album,
        album_art_url=row.album_art_url,
        duration_s=row.duration_s,
        audio=_audio_of(row),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def stem_of(row: StemRow) -> Stem:
    """Take a stem out of its row."""
    return Stem(
        id=row.id,
        track_id=row.track_id,
        job_id=row.job_id,
        stem_type=row.stem_type,
        file_path=row.file_path,
        key=row.key,
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        source=row.source,
        options=row.options,
        created_at=row.created_at,
    )


def analysis_of(row: AnalysisRow) -> TrackAnalysis:
    """Take an analysis out of its row."""
    return TrackAnalysis(row.job_id, row.track_id, tuple(row.features), row.result, row.created_at)


def _audio_of(row: TrackRow) -> Audio | None:
    if row.audio_key is None or row.audio_path is None:
        return None
    return Audio(
        row.audio_key,
        row.audio_path,
        row.audio_type or "application/octet-stream",
        row.audio_bytes or 0,
        row.audio_duration_s,
    )


def stem_row(stem: Stem, now: datetime) -> StemRow:
    """Put a new stem into a row."""
    return StemRow(
        id=stem.id,
        track_id=stem.track_id,
        job_id=stem.job_id,
        stem_type=stem.stem_type,
        file_path=stem.file_path,
        key=stem.key,
        content_type=stem.content_type,
        size_bytes=stem.size_bytes,
        source=stem.source,
        options=dict(stem.options),
        created_at=now,
    )
