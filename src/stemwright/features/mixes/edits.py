"""The edits a stem can undergo, and how a manifest writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from .fields import Problems, number, objects, shown

_DEFAULT_FADE_MS: Final = 1000.0
MAX_GAIN: Final = 4.0
MAX_SEMITONES: Final = 12.0
SLOWEST, FASTEST = 0.5, 2.0


@dataclass(frozen=True, slots=True)
class Range:
    """From where to where, in milliseconds from the beginning of the clip; to its end if None."""

    start_ms: float
    end_ms: float | None
    path: str
    """Where the manifest says so, for a range that turns out to lie outside of its clip."""


@dataclass(frozen=True, slots=True)
class Crop:
    """Keep only the range; it becomes the clip."""

    range: Range


@dataclass(frozen=True, slots=True)
class Trim:
    """Remove the range; what follows moves up."""

    range: Range


@dataclass(frozen=True, slots=True)
class FadeIn:
    """Rise from nothing at the beginning."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class FadeOut:
    """Fall to nothing at the end."""

    duration_ms: float


@dataclass(frozen=True, slots=True)
class Gain:
    """Multiply the range, or the clip where there is none."""

    level: float
    range: Range | None


@dataclass(frozen=True, slots=True)
class Split:
    """A mark for the eye; nothing is heard of it."""


@dataclass(frozen=True, slots=True)
class PitchShift:
    """Higher or lower at the same speed."""

    semitones: float


@dataclass(frozen=True, slots=True)
class TimeStretch:
    """Faster (above 1) or slower at the same pitch."""

    tempo_factor: float


Edit: TypeAlias = Crop | Trim | FadeIn | FadeOut | Gain | Split | PitchShift | TimeStretch


@dataclass(frozen=True, slots=True)
class Operation:
    """An edit and its place in the order: by ``position``, then as listed."""

    position: float
    edit: Edit


def read_operation(record: object, path: str, problems: Problems) -> Operation | None:
    """Read ``{"type", "params", "position"}``; ``operation_type`` is the type's other name."""
    if not isinstance(record, dict):
        problems.add(path, "must be an object")
        return None
    position = record.get("position")
    place = 0.0
    if position is not None:
        place = number(position, 0, math.inf, f"{path}.position", problems, instead=0)
    edit = _read_edit(record, path, problems)
    return None if edit is None else Operation(place, edit)


def _read_edit(record: Mapping[str, Any], path: str, problems: Problems) -> Edit | None:
    name = "type" if record.get("type") is not None else "operation_type"
    kind = record.get(name)
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        said = f"is {shown(kind)!r}, which is no edit; " if isinstance(kind, str) else ""
        place = name if name in record else "type"
        problems.add(f"{path}.{place}", f"{said}must be one of {', '.join(_READERS)}")
        return None
    params = objects(record.get("params"), f"{path}.params", problems)
    return read(_Params(params, f"{path}.params", problems))


class _Params:
    """The parameters of one edit."""

    def __init__(self, params: Mapping[str, Any], path: str, problems: Problems) -> None:
        self._params, self._path, self._problems = params, path, problems

    def range(self) -> Range:
        """Both ends, which must be there and in order."""
        start = self._time("start_ms", "start", required=True)
        end = self._time("end_ms", "end", required=True)
        return self._in_order(start or 0.0, end)

    def optional_range(self) -> Range | None:
        """Either end may be left out: the clip's own is meant."""
        start = self._time("start_ms", "start")
        end = self._time("end_ms", "end")
        return None if start is None and end is None else self._in_order(start or 0.0, end)

    def duration(self) -> float:
        """The length of a fade; ``start`` and ``end`` have no say in it."""
        path, given = f"{self._path}.duration_ms", self._params.get("duration_ms")
        if given is None:
            return _DEFAULT_FADE_MS
        return number(given, 0, math.inf, path, self._problems, instead=0)

    def number(self, name: str, low: float, high: float) -> float:
        """A number that must be there and within bounds."""
        path = f"{self._path}.{name}"
        if self._params.get(name) is None:
            self._problems.add(path, "is missing")
            return low
        return number(self._params[name], low, high, path, self._problems, instead=low)

    def mark(self) -> None:
        """Where a split is: checked, though it is not heard."""
        self._time("position_ms", "position_sec")

    def _time(self, in_ms: str, in_s: str, *, required: bool = False) -> float | None:
        """Milliseconds under one name, or seconds under the other."""
        name, unit_ms = (in_ms, 1) if self._params.get(in_ms) is not None else (in_s, 1000)
        given = self._params.get(name)
        if given is None:
            if required:
                self._problems.add(f"{self._path}.{in_ms}", "is missing")
            return None
        path = f"{self._path}.{name}"
        read = number(given, -math.inf, math.inf, path, self._problems, instead=0)
        # beyond all clips is as good as any number, and stays one when multiplied
        return min(max(read, -1e12), 1e12) * unit_ms

    def _in_order(self, start_ms: float, end_ms: float | None) -> Range:
        if end_ms is not None and start_ms >= end_ms:
            self._problems.add(self._path, "must start before it ends")
        return Range(start_ms, end_ms, self._path)


def _split(params: _Params) -> Split:
    params.mark()
    return Split()


_READERS: Final[dict[str, Callable[[_Params], Edit]]] = {
    "crop": lambda params: Crop(params.range()),
    "trim": lambda params: Trim(params.range()),
    "fade_in": lambda params: FadeIn(params.duration()),
    "fade_out": lambda params: FadeOut(params.duration()),
    "gain": lambda params: Gain(params.number("level", 0, MAX_GAIN), params.optional_range()),
    "split": _split,
    "pitch_shift": lambda params: PitchShift(
        params.number("semitones", -MAX_SEMITONES, MAX_SEMITONES)
    ),
    "time_stretch": lambda params: TimeStretch(params.number("tempo_factor", SLOWEST, FASTEST)),
}
