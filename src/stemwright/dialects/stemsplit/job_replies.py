"""Jobs as clients get them. Schemas are filled from ``job_views.told_of``, by names of fields."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from stemwright.features.separations.orders import OutputFormat, OutputType, QualityWord

from .wire import Instant, JobStatus, Told, Whole

StemName = Literal["vocals", "instrumental", "drums", "bass", "other", "piano", "guitar"]
LinkedName = Literal["fullAudio", "vocals", "instrumental"]
Model = Annotated[
    str | None,
    Field(description="What makes the stems, such as `htdemucs_ft`; this server's addition."),
]
Metadata = Annotated[dict[str, Any] | None, Field(description="As the job was created with.")]


class Output(Told):
    """A file to download, without any key of yours, until it expires. Read the job for anew."""

    url: str
    expires_at: Instant


class FileInput(Told):
    """The song before anything was done to it; null is what is not known yet."""

    file_name: str | None
    duration_seconds: Whole | None
    file_size_bytes: Whole | None = None


class ListedInput(Told):
    """The same, as lists have it."""

    file_name: str | None
    duration_seconds: Whole | None


class StemOptions(Told):
    """What was asked for, spelt canonically."""

    output_type: OutputType
    quality: QualityWord
    output_format: OutputFormat


class DenoiseOptions(Told):
    """What was asked for, spelt canonically."""

    output_format: OutputFormat


class AudioMetadata(Told):
    """What was heard: null where nothing sure was."""

    bpm: float | None = None
    key: Annotated[str | None, Field(description="Such as `F#m`, `Gm`, `C`.")] = None


class Pagination(Told):
    """Where a page lies in the whole list."""

    total: int
    limit: int
    offset: int
    has_more: bool


# ------------------------------------------------------------------- what all kinds of job share


class JobHead(Told):
    """Shared by every view of every job."""

    id: str
    status: JobStatus
    progress: Annotated[int, Field(ge=0, le=100)]
    created_at: Instant


class JobItem(JobHead):
    """A job in a list."""

    completed_at: Instant | None
    credits_charged: Whole | None
    error_message: str | None


class JobDetail(JobItem):
    """A job by itself."""

    started_at: Instant | None
    expires_at: Annotated[Instant | None, Field(description="When its files are deleted.")]
    error_details: Annotated[str | None, Field(description="The code of the failure.")]
    credits_required: Whole
    metadata: Metadata


class JobCreated(JobHead):
    """A job that has just been accepted: PENDING, progress 0."""

    credits_required: Whole
    metadata: Metadata


class JobList(Told):
    """A page of jobs, newest first."""

    jobs: tuple[JobItem, ...]
    pagination: Pagination


# ------------------------------------------------------------------------------------- stem jobs


class StemJobItem(JobItem):
    """A stem job in a list."""

    input: ListedInput
    options: StemOptions


class StemJobList(JobList):
    """A page of stem jobs, newest first."""

    jobs: tuple[StemJobItem, ...]


class StemJobDetail(JobDetail):
    """A stem job by itself."""

    input: FileInput
    options: StemOptions
    audio_metadata: AudioMetadata
    model: Model
    outputs: dict[StemName, Output] | None


class StemJobCreated(JobCreated):
    """A stem job that has just been accepted."""

    estimated_seconds: Whole | None
    input: FileInput
    options: StemOptions
    outputs: None


# ---------------------------------------------------------------------------------- denoise jobs


class DenoiseJobItem(JobItem):
    """A denoise job in a list."""

    input: ListedInput
    options: DenoiseOptions


class DenoiseJobList(JobList):
    """A page of denoise jobs, newest first."""

    jobs: tuple[DenoiseJobItem, ...]


class DenoiseJobDetail(JobDetail):
    """A denoise job by itself."""

    input: FileInput
    options: DenoiseOptions
    outputs: dict[Literal["audio"], Output] | None


class DenoiseJobCreated(JobCreated):
    """A denoise job that has just been accepted."""

    estimated_seconds: Whole | None
    input: FileInput
    options: DenoiseOptions
    outputs: None


# -------------------------------------------------------------------- YouTube and SoundCloud jobs


class Video(Told):
    """A video, as every view of its job shows it."""

    video_id: str
    video_title: str
    video_duration: Whole
    video_thumbnail: str | None
    channel_name: str


class VideoFacts(Video):
    """All that is known of a video."""

    channel_id: str | None = None
    video_description: str | None = None
    published_at: str | None = None
    tags: tuple[str, ...] = ()
    category_id: str | None = None
    definition: Literal["hd", "sd"] | None = None
    has_captions: bool | None = None
    view_count: int | None = None
    like_count: int | None = None
    comment_count: int | None = None


class YoutubeJobItem(JobItem, Video):
    """A YouTube job in a list."""


class YoutubeJobList(JobList):
    """A page of YouTube jobs, newest first."""

    jobs: tuple[YoutubeJobItem, ...]


class YoutubeJobDetail(JobDetail, Video):
    """A YouTube job by itself."""

    youtube_url: str | None
    progress_phase: str | None
    audio_metadata: AudioMetadata
    model: Model
    outputs: dict[LinkedName, Output] | None


class YoutubeJobCreated(JobCreated, VideoFacts):
    """A YouTube job that has just been accepted."""

    outputs: Annotated[
        list[Literal["vocals", "instrumental"]] | None,
        Field(description="Null for `stemsplit-python` 0.x, which takes no array here."),
    ]


class Track(Told):
    """A SoundCloud track, as every view of its job shows it."""

    track_id: str
    track_title: str
    track_duration: Whole
    track_artwork: str | None
    artist_name: str


class SoundcloudJobItem(JobItem, Track):
    """A SoundCloud job in a list."""


class SoundcloudJobList(JobList):
    """A page of SoundCloud jobs, newest first."""

    jobs: tuple[SoundcloudJobItem, ...]


class SoundcloudJobDetail(JobDetail, Track):
    """A SoundCloud job by itself."""

    soundcloud_url: str | None
    progress_phase: str | None
    audio_metadata: AudioMetadata
    model: Model
    outputs: dict[LinkedName, Output] | None


class SoundcloudJobCreated(JobCreated, Track):
    """A SoundCloud job that has just been accepted."""

    track_duration_estimated: bool
    outputs: list[Literal["vocals", "instrumental"]]
