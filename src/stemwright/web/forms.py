"""Forms with files (``multipart/form-data``), whose files go to a folder as they come."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from anyio import CapacityLimiter, to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from stemwright.errors import OutputError, RequestError, RequestTooLarge

from .receiving import Body

_LONGEST_BOUNDARY: Final = 70
"""After RFC 2046."""
WRITERS: Final = CapacityLimiter(8)
"""Threads that write what comes."""


@dataclass(frozen=True, slots=True)
class FormLimits:
    """How much is taken."""

    most_bytes: int = 512 << 20
    """Of the whole body."""
    most_text: int = 2 << 20
    """Bytes of all fields that are no files."""
    most_parts: int = 100
    silence_s: float = 120.0


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file that was sent."""

    field: str
    file_name: str
    """As the client says: for people to read, never a path of ours."""
    path: Path
    size_bytes: int


@dataclass(slots=True)
class Form:
    """What was sent."""

    fields: dict[str, str] = field(default_factory=dict)
    files: list[FormFile] = field(default_factory=list)

    def file(self, *names: str) -> FormFile | None:
        """The first file of a field."""
        return next((file for file in self.files if file.field in names), None)


async def receive_form(request: Request, folder: Path, limits: FormLimits) -> Form:
    """Read a form; its files are in ``folder`` then, under names of ours.

    Raises
    ------
    RequestError
        It is no such form, or larger than it may be.
    UploadIncomplete
        The client went away.
    OutputError

    """
    body = Body(request, limits.silence_s)
    try:
        with _Reader(_boundary(request.headers), folder, limits) as reader:
            _check_announced(request.headers, limits)
            async for block in body.blocks():
                await to_thread.run_sync(reader.feed, block, limiter=WRITERS)
            return await to_thread.run_sync(reader.finish, limiter=WRITERS)
    except RequestError:
        await body.discard()
        raise


class _Reader:
    """Takes the body apart. Part by part: headers, data, end."""

    def __init__(self, boundary: bytes, folder: Path, limits: FormLimits) -> None:
        self._folder, self._limits = folder, limits
        self._form = Form()
        self._taken = self._text = self._parts = 0
        self._ended = False
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._part: _Part | None = None
        self._stack = ExitStack()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._open,
                "on_part_data": self._take,
                "on_part_end": self._close,
                "on_end": self._end,
            },
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""
        self._taken += len(block)
        if self._taken > self._limits.most_bytes:
            raise RequestTooLarge(self._limits.most_bytes)
        try:
            self._parser.write(block)
        except FormParserError as error:
            raise RequestError(f"The form cannot be read: {error}") from error
        except OSError as error:
            raise OutputError(f"cannot keep what is sent: {error.strerror}") from error

    def finish(self) -> Form:
        """Return what came, if it was all there."""
        if not self._ended:
            raise RequestError("The form ends before its last line does.")
        return self._form

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > self._limits.most_parts:
            raise RequestError(f"The form has more than {self._limits.most_parts} parts.")
        self._headers = {}

    def _end_header(self) -> None:
        name, value = self._header
        self._headers[bytes(name).lower()] = bytes(value)
        self._header = (bytearray(), bytearray())

    def _open(self) -> None:
        kind, options = parse_options_header(self._headers.get(b"content-disposition"))
        if kind != b"form-data" or b"name" not in options:
            raise RequestError("A part of the form has no name.")
        name = options[b"name"].decode("utf-8", "replace")
        self._part = _Part(name)
        if b"filename" in options:
            self._part.file_name = options[b"filename"].decode("utf-8", "replace")
            self._part.path = self._folder / f"part-{self._parts}"
            self._part.file = self._stack.enter_context(self._part.path.open("xb"))

    def _take(self, data: bytes, start: int, end: int) -> None:
        part = self._part
        assert part is not None
        part.size += end - start
        if part.file is not None:
            part.file.write(memoryview(data)[start:end])
            return
        self._text += end - start
        if self._text > self._limits.most_text:
            raise RequestTooLarge(self._limits.most_text)
        part.text += data[start:end]

    def _close(self) -> None:
        part = self._part
        assert part is not None
        if part.file is None or part.path is None:
            self._form.fields.setdefault(part.name, part.text.decode("utf-8", "replace"))
            return
        part.file.close()
        if part.file_name or part.size:  # a browser sends an empty one where none was chosen
            sent = FormFile(part.name, part.file_name, part.path, part.size)
            self._form.files.append(sent)

    def _end(self) -> None:
        self._ended = True


@dataclass(slots=True)
class _Part:
    name: str
    file_name: str = ""
    text: bytearray = field(default_factory=bytearray)
    path: Path | None = None
    file: IO[bytes] | None = None
    size: int = 0


def _boundary(headers: Mapping[str, str]) -> bytes:
    kind, options = parse_options_header(headers.get("content-type"))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 1 <= len(boundary) <= _LONGEST_BOUNDARY:
        raise RequestError("The body must be a form: multipart/form-data.")
    return boundary


def _check_announced(headers: Mapping[str, str], limits: FormLimits) -> None:
    said = headers.get("content-length", "")
    if said.isdecimal() and int(said) > limits.most_bytes:
        raise RequestTooLarge(limits.most_bytes)
