"""What lalal.ai's good answers say. Members we do not know are passed over: they keep growing."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast
from uuid import UUID

from stemwright.errors import LalalaiError

from .failures import coded, not_taken, not_understood, plain

Status = Literal["progress", "success", "error", "cancelled", "server_error"]
_STATUSES: Final = frozenset({"progress", "success", "error", "cancelled", "server_error"})


@dataclass(frozen=True, slots=True)
class Source:
    """A song as it is kept there."""

    id: str
    size_bytes: int
    duration_s: float
    expires_at: datetime
    """When it vanishes, with every track made from it."""


@dataclass(frozen=True, slots=True)
class Track:
    """A result that can be downloaded for a while."""

    label: str
    url: str = field(repr=False)
    """Signed: whoever has it has the track."""
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class TaskState:
    """How far a task is; the status alone decides."""

    status: Status
    progress: int = 0
    """0 while it waits."""
    tracks: tuple[Track, ...] = ()
    detail: str = ""
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Billing:
    """Minutes, as the older API counts them."""

    limit: float
    used: float


def read_object(body: bytes, what: str) -> Mapping[str, Any]:
    """Read a JSON object."""
    with understanding(what):
        answer = json.loads(body)
        if not isinstance(answer, dict):
            raise TypeError(what)
        return answer


def source(reply: Mapping[str, Any]) -> Source:
    """Read the answer to an upload."""
    with understanding("the upload"):
        return Source(
            id=str(UUID(reply["id"])),
            size_bytes=int(reply["size"]),
            duration_s=_number(reply["duration"]),
            expires_at=datetime.fromtimestamp(_number(reply["expires"]), UTC),
        )


def task_id(reply: Mapping[str, Any]) -> str:
    """Read the answer to a split."""
    with understanding("the order"):
        return str(UUID(reply["task_id"]))


def batch(reply: Mapping[str, Any], most: int) -> list[str | LalalaiError]:
    """Read the answer to several splits: a task, or what was wrong, for each in its order."""
    with understanding("the orders"):
        results = [_batch_item(item) for item in reply["results"]]
        if len(results) != most:
            raise ValueError(len(results))
        return results


def states(reply: Mapping[str, Any], task_ids: Sequence[str]) -> dict[str, TaskState]:
    """Read the answer to a check; a task it does not mention is one it knows nothing of."""
    with understanding("the check"):
        found = reply["result"]
        return {task: _state(found.get(task)) for task in task_ids}


def refusals(reply: Mapping[str, Any], task_ids: Sequence[str]) -> dict[str, str | None]:
    """Read the answer to a cancellation: why not, for each task; none if it was cancelled."""
    with understanding("the cancellation"):
        found = reply["result"]
        return {task: _refusal(found.get(task)) for task in task_ids}


def minutes_left(reply: Mapping[str, Any]) -> float:
    """Read how many minutes the account has."""
    with understanding("the question for minutes"):
        return max(_number(reply["minutes_left"]), 0.0)


def billing(reply: Mapping[str, Any]) -> Billing:
    """Read the older API's answer."""
    with understanding("the question for limits"):
        if reply["status"] != "success":
            raise ValueError(reply["status"])
        limit, used = reply["process_duration_limit"], reply["process_duration_used"]
        return Billing(_number(limit), _number(used))


_ODDITIES: Final = (
    AttributeError,
    KeyError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """Translate what reading an ill-formed answer raises."""
    try:
        yield
    except _ODDITIES as error:
        raise not_understood(what) from error


def _state(item: Any) -> TaskState:  # noqa: ANN401  # whatever JSON holds
    if item is None:
        return TaskState("server_error", detail="the task is not known")
    status = item["status"]
    if status not in _STATUSES:
        return TaskState("server_error", detail=f"its status is {plain(status)}")
    detail, code = _complaint(item.get("error"))
    return TaskState(
        cast("Status", status),
        progress=_percent(item.get("progress")) if status == "progress" else 0,
        tracks=_tracks(item["result"]["tracks"]) if status == "success" else (),
        detail=detail,
        code=code,
    )


def _complaint(error: Any) -> tuple[str, str | None]:  # noqa: ANN401  # an object or a text
    if isinstance(error, dict):
        code = error.get("code")
        return plain(error.get("detail") or ""), plain(code) if code else None
    return plain(error or ""), None


def _tracks(items: Sequence[Mapping[str, Any]]) -> tuple[Track, ...]:
    return tuple(
        Track(str(item["label"]), str(item["url"]), _size(item.get("size"))) for item in items
    )


def _size(size: object) -> int | None:
    return int(size) if isinstance(size, int | float) and size > 0 else None


def _percent(progress: object) -> int:
    return min(max(int(progress), 0), 100) if isinstance(progress, int | float) else 0


def _refusal(item: Any) -> str | None:  # noqa: ANN401  # whatever JSON holds
    if item is None:
        return "the task is not known"
    return None if item["status"] == "success" else plain(item.get("error") or item["status"])


def _batch_item(item: Mapping[str, Any]) -> str | LalalaiError:
    if item["status"] == "success":
        return str(UUID(item["task_id"]))
    detail, code = plain(item.get("error") or ""), item.get("code")
    return coded(code, detail) or not_taken(detail, code)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(value)
    return float(value)
