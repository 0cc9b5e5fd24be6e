"""What a client may ask of the service, in the words of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

from stemwright.jobs.job import Idempotency

OutputType = Literal["VOCALS", "INSTRUMENTAL", "BOTH", "FOUR_STEMS", "SIX_STEMS"]
QualityWord = Literal["FAST", "BALANCED", "BEST"]
OutputFormat = Literal["MP3", "WAV", "FLAC"]

FULL_AUDIO: Final = "fullAudio"
"""The soundtrack of a video as it was, beside its stems."""

OUTPUTS: Final[Mapping[OutputType, tuple[str, ...]]] = MappingProxyType(
    {
        "VOCALS": ("vocals",),
        "INSTRUMENTAL": ("instrumental",),
        "BOTH": ("vocals", "instrumental"),
        "FOUR_STEMS": ("vocals", "drums", "bass", "other"),
        "SIX_STEMS": ("vocals", "drums", "bass", "other", "piano", "guitar"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StemOrder:
    """Stems of an upload or of the file behind a URL; exactly one of the two."""

    output_type: OutputType = "BOTH"
    quality: QualityWord = "BEST"
    output_format: OutputFormat = "MP3"
    upload_key: str | None = None
    source_url: str | None = None
    file_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    idempotency: Idempotency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOrder:
    """Vocals and instrumental of what is behind a link to a media site."""

    url: str
    metadata: Mapping[str, Any] | None = None
    callback_url: str | None = None
    idempotency: Idempotency | None = None
