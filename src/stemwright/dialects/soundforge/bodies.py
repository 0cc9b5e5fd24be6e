"""What clients send: JSON or a form, with the same fields; nothing is coerced from other types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from stemwright.errors import (
    InvalidJson,
    InvalidParameter,
    ParameterMissing,
    RequestError,
    StemwrightError,
)

_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})
_MOST_FIELDS: Final = 100
_MOST_FIELD_BYTES: Final = 64 * 1024
_FLAGS: Final = {"true": True, "false": False}
_SHOWN: Final = 64


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one request; null is as good as absent."""

    sent: Mapping[str, Any]
    is_form: bool = False

    def required(self, name: str, instead: str = "") -> str:
        """Read text that must be there; ``instead`` says what else could be sent.

        Raises
        ------
        ParameterMissing
            It is absent, empty, or no text.

        """
        value = self.sent.get(name)
        if not isinstance(value, str) or not value.strip():
            raise ParameterMissing(name, instead)
        return _text(name, value)

    def text(self, name: str) -> str | None:
        """Read text that may be absent; raises `InvalidParameter` for anything else."""
        value = self.sent.get(name)
        if value is None or isinstance(value, str):
            return None if value is None else _text(name, value)
        raise InvalidParameter(name, "must be a string")

    def word(self, name: str, default: str, wrong: Callable[[str], StemwrightError]) -> str:
        """Read one of a few words; what is no text raises ``wrong``, as an unknown word does."""
        value = self.sent.get(name)
        if value is None:
            return default
        if isinstance(value, str):
            return _text(name, value)
        raise wrong(f"Invalid {name}: {json.dumps(value)[:_SHOWN]}.")

    def flag(self, name: str) -> bool | None:
        """Read a boolean; forms spell it ``true`` or ``false``."""
        value = self.sent.get(name)
        if self.is_form and isinstance(value, str):
            value = _FLAGS.get(value, value)
        if value is None or isinstance(value, bool):
            return value
        raise InvalidParameter(name, "must be true or false")

    def words(
        self, name: str, wrong: Callable[[str], StemwrightError] | None = None
    ) -> tuple[str, ...] | None:
        """Read a list of texts; in forms ``name[]``, repeated."""
        value = self.sent.get(name)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(it, str) for it in value):
            return tuple(_text(name, it) for it in value)
        if wrong is not None:
            raise wrong(f"Invalid {name}: {json.dumps(value)[:_SHOWN]} is no list of strings.")
        raise InvalidParameter(name, "must be a list of strings")


async def fields_of(request: Request) -> Fields:
    """Read the body.

    Raises
    ------
    InvalidJson, RequestError

    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _FORMS:
        return Fields(await _form(request), is_form=True)
    body = await request.body()
    try:
        said = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidJson("The body is not JSON.") from error
    return Fields(said if isinstance(said, dict) else {})


async def _form(request: Request) -> Mapping[str, Any]:
    try:
        form = await request.form(
            max_files=0, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES
        )
    except HTTPException as error:
        raise RequestError(f"The form cannot be read: {error.detail}") from error
    sent: dict[str, Any] = {}
    for name, value in form.multi_items():
        if not isinstance(value, str):
            continue
        if name.endswith("[]"):
            sent.setdefault(name.removesuffix("[]"), []).append(value)
        else:
            sent[name] = value
    return sent


def _text(name: str, value: str) -> str:
    """Refuse what no database keeps."""
    try:
        value.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair, as JSON can spell one
        raise InvalidParameter(name, "is not text") from error
    if "\0" in value:
        raise InvalidParameter(name, "may not hold the character NUL")
    return value


Sent = Annotated[Fields, Depends(fields_of)]
