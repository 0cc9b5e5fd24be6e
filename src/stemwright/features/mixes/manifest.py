"""The manifest of a mix: how loud and where each stem is, what is done to it, how it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from stemwright.errors import InvalidManifest

from .edits import Edit, Operation, PitchShift, TimeStretch, read_operation
from .fields import Problems, finite, number, objects, shown
from .names import StemNames, UnknownName

if TYPE_CHECKING:
    # NumPy is the child's, and 16 MB
    from stemwright.audio.encode import BitDepth

MAX_CHARACTERS: Final = 1 << 20
MAX_EDITS: Final = 1000
MAX_RESHAPES: Final = 16
"""Edits of pitch or time in one manifest: one costs the time of hundreds of others, and 20 MB."""

LOWEST_RATE, HIGHEST_RATE = 8000, 192_000
_DEPTHS: Final[dict[object, BitDepth]] = {
    16: "16",
    24: "24",
    32: "32f",
    "16": "16",
    "24": "24",
    "32": "32f",
    "32f": "32f",
}


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is to be done, by stem; a stem that is not named stays as it is."""

    sample_rate: int = 44_100
    bit_depth: BitDepth = "16"
    volumes: Mapping[str, float] = field(default_factory=dict)
    """Factors from 0 to 2."""
    pans: Mapping[str, float] = field(default_factory=dict)
    """From -1, left, to 1, right."""
    mutes: frozenset[str] = frozenset()
    solos: frozenset[str] = frozenset()
    edits: Mapping[str, tuple[Edit, ...]] = field(default_factory=dict)
    """In the order in which they are applied."""

    def sounds(self, stem: str) -> bool:
        """Whether a stem is heard: not muted, and soloed where any is."""
        return stem not in self.mutes and (not self.solos or stem in self.solos)


def parse_manifest(text: str, stems: Mapping[str, Collection[str]]) -> Manifest:
    """Read a manifest for certain stems.

    Parameters
    ----------
    text
        JSON; nothing but white space stands for ``{}``.
    stems
        Each stem's key and what else it may be called: see `StemNames`.

    Raises
    ------
    InvalidManifest
        With all that is wrong in it, or the first twenty.

    """
    top = _decoded(text)
    problems = Problems()
    reader = _Reader(StemNames(stems), problems)
    if top.get("version") is not None and finite(top["version"]) != 1:
        problems.add("version", "must be 1, the only version there is")
    manifest = Manifest(
        sample_rate=_sample_rate(top.get("sample_rate"), problems),
        bit_depth=_bit_depth(top.get("bit_depth"), problems),
        volumes=reader.by_stem(top, "volumes", _volume),
        pans=reader.by_stem(top, "pans", _pan),
        mutes=frozenset(s for s, on in reader.by_stem(top, "mutes", _switch).items() if on),
        solos=frozenset(s for s, on in reader.by_stem(top, "solos", _switch).items() if on),
        edits=reader.edits(top.get("edits")),
    )
    problems.raise_if_any()
    return manifest


def _decoded(text: str) -> Mapping[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise InvalidManifest({"": f"is longer than {MAX_CHARACTERS} characters"})
    if not text.strip():
        return {}
    try:
        top = json.loads(text, parse_constant=_refuse_constant)
    # a number of thousands of digits is a ValueError as well, and nesting can exhaust the stack
    except (ValueError, RecursionError) as error:
        raise InvalidManifest({"": f"is not JSON: {shown(str(error))}"}) from error
    if not isinstance(top, dict):
        raise InvalidManifest({"": "must be an object"})
    return top


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _sample_rate(value: object, problems: Problems) -> int:
    rate = 44_100 if value is None else finite(value)
    if rate is None or rate != int(rate) or not LOWEST_RATE <= rate <= HIGHEST_RATE:
        wanted = f"must be a whole number from {LOWEST_RATE} to {HIGHEST_RATE}, in Hz"
        problems.add("sample_rate", wanted)
        return 44_100
    return int(rate)


def _bit_depth(value: object, problems: Problems) -> BitDepth:
    if value is None:
        return "16"
    known = isinstance(value, int | str) and not isinstance(value, bool) and value in _DEPTHS
    if not known:
        problems.add("bit_depth", "must be 16, 24 or 32 (32 is floating point)")
    return _DEPTHS[value] if known else "16"


def _volume(value: object, path: str, problems: Problems) -> float:
    """Read a factor up to 2, or a percentage above 2."""
    volume = number(value, 0, 200, path, problems, instead=1)
    return volume if volume <= 2 else volume / 100


def _pan(value: object, path: str, problems: Problems) -> float:
    """Read a place between -1 and 1, or a percentage beyond."""
    pan = number(value, -100, 100, path, problems, instead=0)
    return pan if abs(pan) <= 1 else pan / 100


def _switch(value: object, path: str, problems: Problems) -> bool:
    if not isinstance(value, bool):
        problems.add(path, "must be true or false")
    return value is True


class _Reader:
    """Reads what a manifest says about each stem."""

    def __init__(self, names: StemNames, problems: Problems) -> None:
        self._names, self._problems = names, problems

    def by_stem(
        self, top: Mapping[str, Any], name: str, read: Callable[[object, str, Problems], Value]
    ) -> dict[str, Value]:
        """Read ``{stem: value}``; two keys for one stem are refused."""
        values: dict[str, Value] = {}
        given = objects(top.get(name), name, self._problems)
        if self._too_many(len(given), name):
            return values
        for key, value in given.items():
            path = f"{name}.{shown(key)}"
            stem = self._stem(key, path)
            if stem in values:
                self._problems.add(path, "is the second value for this stem")
            elif stem is not None:
                values[stem] = read(value, path, self._problems)
        return values

    def edits(self, given: object) -> dict[str, tuple[Edit, ...]]:
        """Read both shapes: a list whose entries name their stem, or lists by stem."""
        operations: dict[str, list[Operation]] = {}
        for stem, record, path in self._records(given):
            operation = read_operation(record, path, self._problems)
            if operation is not None and stem is not None:
                operations.setdefault(stem, []).append(operation)
        edits = {stem: _in_order(found) for stem, found in operations.items()}
        reshapes = sum(isinstance(e, PitchShift | TimeStretch) for s in edits.values() for e in s)
        if reshapes > MAX_RESHAPES:
            told = f"change pitch or time {reshapes} times; at most {MAX_RESHAPES} are done"
            self._problems.add("edits", told)
        return edits

    def _records(self, given: object) -> Iterator[tuple[str | None, object, str]]:
        """Yield each entry with its stem, if that is known, and its path."""
        if isinstance(given, list):
            if not self._too_many(len(given), "edits"):
                for index, record in enumerate(given):
                    path = f"edits[{index}]"
                    yield self._named(record, path), record, path
            return
        by_stem = objects(given, "edits", self._problems)
        lists = {key: records for key, records in by_stem.items() if isinstance(records, list)}
        for key in by_stem.keys() - lists.keys():
            self._problems.add(f"edits.{shown(key)}", "must be a list")
        if self._too_many(len(by_stem) + sum(map(len, lists.values())), "edits"):
            return
        for key, records in lists.items():
            path = f"edits.{shown(key)}"
            stem = self._stem(key, path)
            for index, record in enumerate(records):
                yield stem, record, f"{path}[{index}]"

    def _named(self, record: object, path: str) -> str | None:
        """Return the stem that an entry names, if it names one; no object is told of elsewhere."""
        if not isinstance(record, dict):
            return None
        key = record.get("stem")
        if not isinstance(key, str):
            self._problems.add(f"{path}.stem", "must be the name of a stem")
            return None
        return self._stem(key, f"{path}.stem")

    def _stem(self, key: str, path: str) -> str | None:
        try:
            return self._names.find(key)
        except UnknownName as error:
            self._problems.add(path, str(error))
            return None

    def _too_many(self, count: int, path: str) -> bool:
        if count > MAX_EDITS:
            self._problems.add(path, f"has {count} entries; at most {MAX_EDITS} are read")
        return count > MAX_EDITS


def _in_order(operations: list[Operation]) -> tuple[Edit, ...]:
    """Order by position; those of one position keep theirs."""
    return tuple(one.edit for one in sorted(operations, key=lambda one: one.position))
