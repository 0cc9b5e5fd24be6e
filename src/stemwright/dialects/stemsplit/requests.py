"""What clients send."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    model_validator,
)

from stemwright.features.separations.orders import OutputFormat, OutputType, QualityWord
from stemwright.jobs.job import Idempotency

from .wire import ANY_CASE, Asked, EventName, Text, Wrong

_MOST_METADATA_BYTES: Final = 16 * 1024
_DEEPEST_METADATA: Final = 64
_LONGEST_NAME: Final = 255
_LONGEST_URL: Final = 2048
_ONE_SOURCE: Final[dict[str, JsonValue]] = {
    "oneOf": [
        {"required": [name], "properties": {name: {"type": "string"}}}
        for name in ("uploadKey", "sourceUrl")
    ]
}
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def _display_name(sent: object) -> object:
    """Drop directories and control characters of a name that is only ever shown."""
    if not isinstance(sent, str):
        return sent
    return _CONTROL.sub("", re.split(r"[/\\]", sent)[-1]).strip() or None


def _small_json(metadata: dict[str, Any]) -> dict[str, Any]:
    """Refuse what cannot be kept and given back as it came."""
    if _depth(metadata) > _DEEPEST_METADATA:
        raise Wrong("may be nested 64 levels deep at most")
    try:
        text = json.dumps(metadata, allow_nan=False, ensure_ascii=False).encode()
    except ValueError as error:
        raise Wrong("holds a number or text that JSON cannot") from error
    if len(text) > _MOST_METADATA_BYTES:
        raise Wrong("may take 16 KiB of JSON at most")
    if re.search(rb"(?<!\\)(\\\\)*\\u0000", text):
        raise Wrong("may not hold the character NUL")
    return metadata


def _depth(top: object) -> int:
    """Count levels without recursion: what is counted may be hostile."""
    depth, level = 0, [top]
    while level and depth <= _DEEPEST_METADATA:
        depth, level = depth + 1, [inner for outer in level for inner in _inside(outer)]
    return depth


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _web_address(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise Wrong("is not a URL") from error
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
        raise Wrong("must be an http or https URL")
    return url


WebAddress = Annotated[
    Text,
    Field(max_length=_LONGEST_URL, json_schema_extra={"format": "uri", "pattern": "^https?://"}),
    AfterValidator(_web_address),
]


class JobRequest(Asked):
    """What every kind of job takes besides its source."""

    metadata: Annotated[dict[str, Any], AfterValidator(_small_json)] | None = Field(
        None, description="Yours; given back with the job and its webhooks. 16 KiB at most."
    )
    callback_url: WebAddress | None = Field(
        None, description="Told of the end of this one job, as a webhook would be."
    )

    def under(self, key: str | None, path: str) -> Idempotency | None:
        """Bind the request to the client's idempotency key, if it sent one."""
        if not key:
            return None
        meant = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        fingerprint = hashlib.sha256(f"{path}\n{meant}".encode()).hexdigest()
        return Idempotency(key, fingerprint)


class FileJobRequest(JobRequest):
    """A job on one audio file."""

    upload_key: Text | None = Field(None, description="From `POST /upload`, once the file is PUT.")
    source_url: Text | None = Field(None, description="Direct http(s) link to an audio file.")
    file_name: Annotated[
        Annotated[str, Field(max_length=_LONGEST_NAME)] | None, BeforeValidator(_display_name)
    ] = Field(None, description="Name to show; directories are dropped.")
    output_format: Annotated[OutputFormat, ANY_CASE] = "MP3"

    @model_validator(mode="after")
    def _from_one_source(self) -> Self:
        if (self.upload_key is None) == (self.source_url is None):
            raise Wrong("send exactly one of uploadKey and sourceUrl", field="uploadKey")
        return self


class StemJobRequest(FileJobRequest):
    """A song to take apart."""

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_SOURCE,
            "examples": [
                {
                    "uploadKey": "uploads/api_5tq0c7m2/input.wav",
                    "fileName": "demo.wav",
                    "outputType": "BOTH",
                    "quality": "BEST",
                    "outputFormat": "MP3",
                },
                {"sourceUrl": "https://example.com/song.mp3", "outputType": "FOUR_STEMS"},
            ],
        }
    )

    output_type: Annotated[OutputType, ANY_CASE] = "BOTH"
    quality: Annotated[QualityWord, ANY_CASE] = "BEST"

    @model_validator(mode="after")
    def _six_stems_at_best(self) -> Self:
        if self.output_type == "SIX_STEMS" and self.quality != "BEST":
            raise Wrong("SIX_STEMS is made in quality BEST only", field="quality")
        return self


class DenoiseJobRequest(FileJobRequest):
    """A recording to clean of noise."""

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_SOURCE,
            "examples": [{"sourceUrl": "https://example.com/talk.mp3", "outputFormat": "WAV"}],
        }
    )


class YoutubeJobRequest(JobRequest):
    """A video whose soundtrack is taken apart: vocals and instrumental, MP3, BEST."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"youtubeUrl": "https://www.youtube.com/watch?v=aBcDeF12345"}]
        }
    )

    youtube_url: Text = Field(description="Link to one video, or its id of 11 characters.")


class SoundcloudJobRequest(JobRequest):
    """A public track that is taken apart: vocals and instrumental, MP3, BEST."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"soundcloudUrl": "https://soundcloud.com/artist/track"}]}
    )

    soundcloud_url: Text


class UploadRequest(Asked):
    """A file about to be uploaded."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"filename": "demo.wav", "contentType": "audio/wav"}]}
    )

    filename: Annotated[Text, Field(min_length=1, max_length=1024)]
    content_type: Annotated[Text, Field(max_length=255)] | None = Field(
        None, description="Derived from the file name when left out."
    )


class WebhookRequest(Asked):
    """An address to be told of jobs that end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://example.com/hook", "events": ["job.completed"]}]
        }
    )

    url: WebAddress
    events: Annotated[list[EventName], Field(min_length=1)] | None = Field(
        None, description="Both when left out."
    )
