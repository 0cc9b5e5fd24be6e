"""What the job engine keeps of arguments and results: JSON.

Its own default is pickle, which runs what it reads; a database that others can write to must not
be able to start programs in a worker.
"""

from __future__ import annotations

import json
from typing import Any

from dbos import Serializer


class JsonSerialiser(Serializer):
    """JSON; an exception is kept as its class and text."""

    def serialize(self, data: object) -> str:
        """Write a value."""
        return json.dumps(data, default=_plain, separators=(",", ":"))

    def deserialize(cls, serialized_data: str) -> Any:  # noqa: ANN401, N805  # as the base class has it
        """Read a value."""
        found = json.loads(serialized_data)
        if isinstance(found, dict) and set(found) == {"$error"}:
            return RuntimeError(found["$error"])
        return found

    def name(self) -> str:
        """Name under which the engine notes how a row was written."""
        return "stemwright_json"


def _plain(value: object) -> object:
    if isinstance(value, BaseException):
        return {"$error": f"{type(value).__name__}: {value}"}
    raise TypeError(f"{type(value).__name__} cannot be kept by the job engine")
