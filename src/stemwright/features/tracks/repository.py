"""All SQL about the library."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from .tables import AnalysisRow, LeftoverRow, StemRow, TrackRow


def add_track(session: Session, row: TrackRow) -> None:
    """Insert; a second one of the same song in one library breaks a unique index."""
    session.add(row)
    session.flush()


def track(session: Session, track_id: str) -> TrackRow | None:
    """Read a track as it is now."""
    return session.get(TrackRow, track_id, populate_existing=True)


def locked_track(session: Session, track_id: str) -> TrackRow | None:
    """Read a track that nobody else changes until the transaction ends."""
    found = select(TrackRow).where(TrackRow.id == track_id).with_for_update()
    return session.scalar(found.execution_options(populate_existing=True))


def of_spotify(session: Session, owner: str, spotify_id: str) -> TrackRow | None:
    """The owner's track of a song on Spotify."""
    found = select(TrackRow).where(TrackRow.owner == owner, TrackRow.spotify_id == spotify_id)
    return session.scalar(found)


def of_source(session: Session, owner: str, source: str, source_ref: str | None) -> TrackRow | None:
    """The owner's track of something with an id elsewhere; what has none is always new."""
    if source_ref is None:
        return None
    found = select(TrackRow).where(
        TrackRow.owner == owner, TrackRow.source == source, TrackRow.source_ref == source_ref
    )
    return session.scalar(found)


def page(session: Session, owner: str, limit: int, offset: int) -> tuple[Sequence[TrackRow], int]:
    """Read some of a library, newest first, and count it all."""
    total = session.scalar(
        select(func.count()).select_from(TrackRow).where(TrackRow.owner == owner)
    )
    newest = select(TrackRow).where(TrackRow.owner == owner)
    newest = newest.order_by(TrackRow.created_at.desc(), TrackRow.id)
    return session.scalars(newest.limit(limit).offset(offset)).all(), total or 0


def delete_track(session: Session, track_id: str) -> None:
    """Delete a track with its stems and analyses."""
    session.execute(delete(StemRow).where(StemRow.track_id == track_id))
    session.execute(delete(AnalysisRow).where(AnalysisRow.track_id == track_id))
    session.execute(delete(TrackRow).where(TrackRow.id == track_id))


def add_stems(session: Session, rows: Sequence[StemRow]) -> None:
    """Insert now, so that a broken constraint shows here."""
    session.add_all(rows)
    session.flush()


def stem(session: Session, stem_id: str) -> StemRow | None:
    """Read a stem."""
    return session.get(StemRow, stem_id)


def stems_of(session: Session, track_id: str) -> Sequence[StemRow]:
    """Read all stems of a track, newest first."""
    found = select(StemRow).where(StemRow.track_id == track_id)
    return session.scalars(found.order_by(StemRow.created_at.desc(), StemRow.id)).all()


def stems_of_job(session: Session, job_id: str) -> Sequence[StemRow]:
    """Read the stems a job made, as far as nothing has replaced them."""
    return session.scalars(select(StemRow).where(StemRow.job_id == job_id)).all()


def stem_at(session: Session, file_path: str) -> StemRow | None:
    """Read the newest stem that users see at a path."""
    found = select(StemRow).where(StemRow.file_path == file_path)
    return session.scalars(found.order_by(StemRow.created_at.desc()).limit(1)).first()


def delete_stems(session: Session, stem_ids: Collection[str]) -> None:
    """Forget stems; their files are the caller's."""
    session.execute(delete(StemRow).where(StemRow.id.in_(stem_ids)))


def put_analysis(session: Session, row: AnalysisRow) -> None:
    """Insert, or replace that of the same job."""
    session.merge(row)
    session.flush()


def newest_analysis(session: Session, track_id: str) -> AnalysisRow | None:
    """Read what was found out last."""
    found = select(AnalysisRow).where(AnalysisRow.track_id == track_id)
    newest = found.order_by(AnalysisRow.created_at.desc(), AnalysisRow.job_id)
    return session.scalars(newest.limit(1)).first()


def add_leftovers(session: Session, keys: Collection[str], now: datetime) -> None:
    """Note files to delete."""
    for key in sorted(set(keys)):
        session.merge(LeftoverRow(key=key, created_at=now))
    session.flush()


def leftovers(session: Session, until: datetime, most: int) -> Sequence[str]:
    """Files to delete that were let go by then, the oldest first."""
    found = select(LeftoverRow.key).where(LeftoverRow.created_at <= until)
    return session.scalars(found.order_by(LeftoverRow.created_at).limit(most)).all()


def drop_leftovers(session: Session, keys: Collection[str]) -> None:
    """Forget files that are deleted."""
    session.execute(delete(LeftoverRow).where(LeftoverRow.key.in_(keys)))
