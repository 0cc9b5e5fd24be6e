"""What clients get, jobs aside: errors, uploads, the account, webhooks and their events."""

from __future__ import annotations

from typing import Any, Literal

from .job_replies import (
    DenoiseJobDetail,
    JobDetail,
    SoundcloudJobDetail,
    StemJobDetail,
    StemOptions,
    Track,
    Video,
    YoutubeJobDetail,
)
from .wire import EventName, Instant, Told


class Problem(Told):
    """Why a request failed."""

    code: str
    message: str


class ProblemReply(Told):
    """The envelope of every error; some codes add keys beside ``message``."""

    error: Problem


class UploadInstructions(Told):
    """What to do with the ticket, in words."""

    step1: str
    step2: str
    note: str


class UploadTicketReply(Told):
    """Where to PUT the file, and the key to name it by afterwards."""

    upload_url: str
    upload_key: str
    expires_at: Instant
    max_file_size_bytes: int
    max_file_size_mb: int
    content_type: str
    instructions: UploadInstructions


class BalanceReply(Told):
    """Credits left; one is a second of audio."""

    balance_seconds: int
    balance_minutes: int
    balance_formatted: str
    updated_at: Instant


class WebhookItem(Told):
    """A webhook, without its secret."""

    id: str
    url: str
    events: list[EventName]
    is_active: bool
    fail_count: int
    last_error: str | None
    last_called_at: Instant | None
    created_at: Instant


class WebhookList(Told):
    """All webhooks of the account."""

    webhooks: list[WebhookItem]


class WebhookCreated(Told):
    """A new webhook; its secret is told this once."""

    id: str
    url: str
    events: list[EventName]
    secret: str
    is_active: bool
    created_at: Instant


class VideoInput(Video):
    """The source of a YouTube job, as its event shows it."""

    youtube_url: str | None


class TrackInput(Track):
    """The source of a SoundCloud job, as its event shows it."""

    soundcloud_url: str | None


class EventJob(JobDetail):
    """The job an event is about: its detail, and its id under one more name."""

    job_id: str


class StemEventJob(EventJob, StemJobDetail):
    """A stem job that ended."""

    type: Literal["stem"] = "stem"


class YoutubeEventJob(EventJob, YoutubeJobDetail):
    """A YouTube job that ended."""

    type: Literal["youtube"] = "youtube"
    input: VideoInput
    options: StemOptions


class SoundcloudEventJob(EventJob, SoundcloudJobDetail):
    """A SoundCloud job that ended; without a type, since clients know but two."""

    input: TrackInput
    options: StemOptions


class DenoiseEventJob(EventJob, DenoiseJobDetail):
    """A denoise job that ended; without a type, as above."""


class WebhookEvent(Told):
    """The body of a delivery; the official clients read the job's id from two places."""

    event: EventName
    timestamp: Instant
    job_id: str
    data: dict[str, Any]


class WebhookDeleted(Told):
    """The webhook is gone."""

    deleted: Literal[True] = True
