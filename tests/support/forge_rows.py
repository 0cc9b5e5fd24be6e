"""One line of an acceptance table: a request, and what the contract says of its answer.

``<name>`` in a row stands for something of the world in which it is asked, such as ``<track>``.
"""

from __future__ import annotations

import json as json_format
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import httpx
import pytest

UNSENT: Any = object()
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
ABSENT: Any = object()
"""For a key that must not be there."""
_NAMES = re.compile(r"<([a-z_]+)>")


class World(Protocol):
    """What rows are asked in."""

    def client(self, who: str) -> httpx.Client: ...

    def headers(self, who: str) -> Mapping[str, str]: ...

    def named(self, name: str) -> str: ...


@dataclass(frozen=True)
class Row:
    """A request and its answer. ``who`` asks is a word that the world knows."""

    says: str
    method: str
    path: str
    status: int = 200
    who: str = "key"
    json: Any = UNSENT
    form: Mapping[str, str] | None = None
    parts: tuple[tuple[str, str | tuple[str, bytes]], ...] | None = None
    """Of a multipart form: texts, and files with their names."""
    raw: tuple[str, bytes] | None = None
    """Content type and body."""
    headers: Mapping[str, str] = field(default_factory=dict)
    verbatim: bool = False
    """The path goes over the wire as it is written."""
    body: Mapping[str, Any] | None = None
    """By dotted path: a value, a type, a pattern, a predicate, or ``ABSENT``."""
    tells: Mapping[str, Any] = field(default_factory=dict)
    """Headers of the answer, likewise."""
    shows: tuple[str, ...] = ()
    """Pieces of the text."""
    check: Callable[[httpx.Response], None] | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}: {self.says}"


def named(rows: Iterable[Row]) -> list[Any]:
    """Make parameters of rows, with names to read."""
    return [pytest.param(row, id=str(row)) for row in rows]


def problem(status: int, text: object, code: str, **more: Any) -> dict[str, Any]:
    """The fields of a row that say which error is answered; text is never an object."""
    return {"status": status, "body": {"error": text, "code": code, **more}}


def ask(row: Row, world: World) -> httpx.Response:
    """Send the request."""
    path = filled(row.path, world)
    options: dict[str, Any] = {}
    if row.json is not UNSENT:
        options["json"] = filled(row.json, world)
    if row.form is not None:
        options["data"] = filled(row.form, world)
    if row.parts is not None:
        options["files"] = [(name, _part(value, world)) for name, value in row.parts]
    headers = {**world.headers(row.who), **filled(row.headers, world)}
    if row.raw is not None:
        headers["content-type"], options["content"] = row.raw
    if row.verbatim:
        options["extensions"] = {"target": path.encode()}
        path = "/"
    return world.client(row.who).request(row.method, path, headers=headers, **options)


def _part(value: str | tuple[str, bytes], world: World) -> tuple[str | None, str | bytes]:
    """A part of a form; without a file name it is a field."""
    return (None, filled(value, world)) if isinstance(value, str) else value


def check(row: Row, world: World) -> None:
    """Ask, and compare."""
    answer = ask(row, world)
    said = f"{row}\n-> {answer.status_code} {dict(answer.headers)}\n{answer.text[:1500]}"
    assert answer.status_code == row.status, said
    if row.body is not None and row.method != "HEAD":
        assert answer.headers["content-type"].startswith("application/json"), said
        for path, wanted in row.body.items():
            found = at(answer.json(), path)
            assert fits(found, filled(wanted, world)), f"{path} is {found!r}, not {wanted}\n{said}"
    for name, wanted in row.tells.items():
        found = answer.headers.get(name, ABSENT)
        assert fits(found, filled(wanted, world)), f"{name} is {found!r}, not {wanted}\n{said}"
    for piece in row.shows:
        assert filled(piece, world) in answer.text, said
    if row.check is not None:
        row.check(answer)


def at(told: Any, path: str) -> Any:
    """What is there in an answer; the dots of a path are steps."""
    for step in filter(None, path.split(".")):
        if isinstance(told, list) and step.isdecimal() and int(step) < len(told):
            told = told[int(step)]
        elif isinstance(told, dict) and step in told:
            told = told[step]
        else:
            return ABSENT
    return told


def fits(found: Any, wanted: Any) -> bool:
    """Whether a value is the one, or one of those, that are wanted."""
    match wanted:
        case re.Pattern():
            return isinstance(found, str) and wanted.fullmatch(found) is not None
        case type():
            return type(found) is wanted
        case set() | frozenset():
            return isinstance(found, dict) and set(found) == wanted
        case _ if callable(wanted):
            return found is not ABSENT and bool(wanted(found))
        case _ if wanted is ABSENT:
            return found is ABSENT
    return type(found) is type(wanted) and bool(found == wanted)


def filled(told: Any, world: World) -> Any:
    """Put the world's names in."""
    match told:
        case str():
            return _NAMES.sub(lambda found: world.named(found[1]), told)
        case dict():
            return {filled(name, world): filled(value, world) for name, value in told.items()}
        case list() | tuple():
            return type(told)(filled(value, world) for value in told)
        case Mapping():
            return filled(dict(told), world)
    return told


def manifest(**told: Any) -> str:
    """An edit manifest as it stands in a form."""
    return json_format.dumps(told)


def repeats(*names: str, **others: str) -> Callable[[httpx.Response], None]:
    """What stands at the top says the same as ``data``; ``others`` under another name there."""

    def checked(answer: httpx.Response) -> None:
        told = answer.json()
        assert told["success"] is True
        for flat, name in {**{name: name for name in names}, **others}.items():
            assert told[flat] == told["data"][name], flat

    return checked
