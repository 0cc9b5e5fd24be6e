"""What clients get, field by field: the data, and beside it what older clients read flat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

StatusWord = Literal["queued", "downloading", "processing", "completed", "failed"]


class Told(BaseModel):
    """Says nothing that it does not declare."""

    model_config = ConfigDict(extra="ignore")


class Flat(Told):
    """A reply with flat copies of some of its data."""

    success: bool = True


class TrackReply(Told):
    """A song in the caller's library."""

    id: str = Field(description="Ours; `POST /api/download/track` and the like take it.")
    spotify_id: str | None
    title: str
    artist: str | None
    album: str | None
    album_art_url: str | None
    duration: int | None = Field(description="Seconds.")
    spotify_url: str | None


class CollectionReply(Told):
    """An album or a playlist."""

    spotify_id: str
    name: str
    image_url: str | None
    total_tracks: int


class FetchedData(Told):
    """One track, or the tracks of an album or playlist in their order."""

    type: Literal["track", "album", "playlist"]
    track: TrackReply | None = None
    tracks: list[TrackReply] | None = None
    album: CollectionReply | None = None
    playlist: CollectionReply | None = None
    truncated: bool | None = Field(None, description="There are more than 500 tracks.")
    skipped: int | None = Field(None, description="Entries that are no tracks of Spotify.")


class FetchedReply(Flat):
    """What a link to Spotify names."""

    data: FetchedData


class JobOfTrack(Told):
    """A download and the track it is for."""

    job_id: str
    track_id: str
    status: StatusWord


class DownloadCreatedData(JobOfTrack):
    """The first download, and of an album or playlist all of them."""

    jobs: list[JobOfTrack] | None = None


class DownloadCreated(Flat):
    """A download that was begun, or one of the same track that had been."""

    data: DownloadCreatedData
    job_id: str
    track_id: str
    status: StatusWord


class JobData(Told):
    """How far a job is."""

    id: str
    track_id: str
    status: StatusWord
    progress: int = Field(ge=0, le=100)
    message: str = Field(description="What goes on, in words.")
    error: str | None


class DownloadData(JobData):
    """How far a download is."""

    output_path: str | None = Field(description="Where the song is: `/files/downloads/…`.")
    file_size: int | None = Field(description="Bytes.")
    match: dict[str, Any] | None = Field(description="The video that was chosen, and why.")


class DownloadReply(Flat):
    """How far a download is; ``result`` is null until it is completed."""

    data: DownloadData
    job_id: str
    result: dict[str, Any] | None


class ProcessingCreatedData(Told):
    """A separation that was begun."""

    job_id: str
    track_id: str
    model: str
    engine: str
    status: StatusWord


class ProcessingCreated(Flat):
    """A separation that was begun."""

    data: ProcessingCreatedData
    job_id: str
    status: StatusWord
    model: str


class StemReply(Told):
    """A stem, and the two addresses that it is played and saved from."""

    id: str
    track_id: str
    processing_job_id: str | None
    stem_type: str
    file_path: str
    url: str
    download_url: str
    file_size: int
    source: str
    options: dict[str, Any]


class ProcessingData(JobData):
    """How far a separation is; the stems are there when it is completed."""

    model: str
    engine: str
    stems: list[StemReply]
    task_id: str | None = Field(None, description="Of lalal.ai.")


class ProcessingReply(Flat):
    """A separation."""

    data: ProcessingData
    job_id: str
    result: dict[str, Any] | None


class ModelReply(Told):
    """A model, and the number of its stems."""

    name: str
    description: str
    stems: int


class ModelsData(Told):
    """All of them."""

    models: list[ModelReply]


class ModelsReply(Flat):
    """The models that separations can ask for."""

    data: ModelsData
    models: list[ModelReply]


class AnalysisCreated(Flat):
    """An analysis that was begun."""

    data: JobOfTrack
    job_id: str
    status: StatusWord


class AnalysisData(JobData):
    """How far an analysis is, and what it found."""

    result: dict[str, Any] | None


class AnalysisReply(Flat):
    """How far an analysis is."""

    data: AnalysisData
    job_id: str


class CancelledData(Told):
    """A job that was told to stop; one that runs does within a second."""

    id: str
    status: StatusWord


class CancelledReply(Flat):
    """A job that was told to stop."""

    data: CancelledData


class QuotaData(Told):
    """Minutes of a lalal.ai account."""

    quota_minutes: float | int
    used_minutes: float | int
    remaining_minutes: float | int


class QuotaReply(Flat):
    """Minutes of a lalal.ai account."""

    data: QuotaData
    minutes_left: float | int


class TaskCancelledData(Told):
    """A task that was cancelled."""

    task_id: str
    status: Literal["cancelled"] = "cancelled"


class TaskCancelledReply(Flat):
    """A task that was cancelled."""

    data: TaskCancelledData
    result: dict[str, Any]


class TasksCancelledData(Told):
    """The caller's tasks that were cancelled."""

    cancelled: int
    task_ids: list[str]


class TasksCancelledReply(Flat):
    """The caller's tasks that were cancelled."""

    data: TasksCancelledData
    cancelled: int
    task_ids: list[str]
    result: dict[str, Any]


class ProblemReply(Told):
    """A failure."""

    error: str
    code: str
    message: str | None = None
    details: dict[str, Any] | None = None
    retry_after: int | None = None


class AnalysisFound(Told):
    """What was found; null where it was not looked for."""

    tempo: float | None
    key: str | None
    energy: float | None
    zero_crossing_rate: float | None
    spectral_centroid: float | None
    spectral_rolloff: float | None
    features: dict[str, Any]


class ExportedTrack(Told):
    """A song, as older clients read it."""

    id: str
    title: str
    artist: str | None
    album: str | None
    duration_ms: int | None


class ExportedAnalysis(Told):
    """What is known of a track, as a document."""

    track_id: str
    title: str
    artist: str | None
    analysis: AnalysisFound
    track: ExportedTrack
    exported_at: str


class EditedKept(Told):
    """An edited stem that was kept."""

    ok: Literal[True] = True
    stem_id: str
    file_path: str


class EditedRefused(Told):
    """An edited stem that was not."""

    ok: Literal[False] = False
    error: str
