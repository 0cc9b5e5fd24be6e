"""How this dialect writes values: names in camel case, whole numbers, instants with a Z."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

JobStatus = Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED", "EXPIRED"]
EventName = Literal["job.completed", "job.failed"]


class Wrong(ValueError):
    """What a validator has against a value; one that sees all fields names the one to blame."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def instant_text(instant: datetime) -> str:
    """Write RFC 3339 in UTC with whole seconds; a fraction is dropped."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rounded_up(value: object) -> object:
    return math.ceil(value) if isinstance(value, float) and math.isfinite(value) else value


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _storable(value: str) -> str:
    if "\0" in value:
        raise Wrong("may not hold the character NUL")
    return value


Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Whole = Annotated[int, BeforeValidator(_rounded_up)]
"""A number that was measured in fractions is rounded up: several clients refuse ``180.5``."""
Text = Annotated[str, AfterValidator(_storable)]
ANY_CASE: Final = BeforeValidator(_upper)


class Asked(BaseModel):
    """What a client sends: unknown fields are ignored, and null is as good as absent."""

    model_config = ConfigDict(alias_generator=to_camel, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, sent: object) -> object:
        if isinstance(sent, dict):
            return {name: value for name, value in sent.items() if value is not None}
        return sent


class Told(BaseModel):
    """What a client gets. Made from a mapping that may say more than the schema declares."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=False,
        serialize_by_alias=True,
        extra="ignore",
        frozen=True,
    )
