"""ID3v2 tags, read leniently (2.2 to 2.4) and written as 2.3 with UTF-16, which every player reads.

Layout after the informal standard "ID3 tag version 2.3.0" and its 2.2 and 2.4 siblings (id3.org).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from .tags import Tags, cover_mime, decode_text, tags_from

_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "album_artist": "TPE2",
    "date": "TYER",
    "track": "TRCK",
    "genre": "TCON",
}
_FIELDS = {frame: field for field, frame in _FRAMES.items()} | {"TDRC": "date"}
_OLD_NAMES = {
    "TT2": "TIT2",
    "TP1": "TPE1",
    "TAL": "TALB",
    "TP2": "TPE2",
    "TYE": "TYER",
    "TRK": "TRCK",
    "TCO": "TCON",
    "COM": "COMM",
    "PIC": "APIC",
}
_ENCODINGS = {b"\x01": "utf-16", b"\x02": "utf-16-be", b"\x03": "utf-8"}
_HEADER_BYTES = 10


def write_id3(tags: Tags) -> bytes:
    """Return an ID3v2.3 tag, or nothing when there is nothing to say."""
    texts = tags.texts()
    frames = [_text_frame(_FRAMES[k], v) for k, v in texts.items() if k in _FRAMES]
    if tags.comment:
        frames.append(_frame("COMM", b"\x01und" + _utf16("") + b"\0\0" + _utf16(tags.comment)))
    if tags.cover and (mime := cover_mime(tags.cover)):
        frames.append(_frame("APIC", b"\0" + mime.encode() + b"\0\x03\0" + tags.cover))
    body = b"".join(frames)
    return b"ID3\x03\0\0" + _syncsafe(len(body)) + body if body else b""


def read_id3(raw: bytes) -> Tags:
    """Read a tag as far as it makes sense; never raises on junk."""
    texts: dict[str, str] = {}
    cover, day_month = None, ""
    for name, body in _frames_of(raw):
        if name == "APIC":
            cover = cover or _picture(body)
        elif name == "COMM":
            texts.setdefault("comment", _comment(body))
        elif name == "TDAT":
            day_month = _text(body[:1], body[1:])
        elif name in _FIELDS:
            texts.setdefault(_FIELDS[name], _text(body[:1], body[1:]).replace("\0", "; "))
    if len(day_month) == 4 and len(texts.get("date", "")) == 4:
        texts["date"] += f"-{day_month[2:]}-{day_month[:2]}"
    return tags_from(texts, cover)


def first_frame_offset(file: BinaryIO) -> int:
    """Return where the audio of an mp3 file begins: after its leading ID3v2 tag, if any."""
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    return _HEADER_BYTES + _from_syncsafe(head[6:10]) if head[:3] == b"ID3" else 0


def _text_frame(name: str, text: str) -> bytes:
    if name == "TYER" and len(text) == len("2001-12-31"):
        # Version 2.3 splits a date in two: the year, and the day with the month.
        day_month = _frame("TDAT", b"\x01" + _utf16(text[8:10] + text[5:7]))
        return _text_frame(name, text[:4]) + day_month
    return _frame(name, b"\x01" + _utf16(text))


def _frame(name: str, body: bytes) -> bytes:
    return name.encode() + len(body).to_bytes(4, "big") + b"\0\0" + body


def _utf16(text: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le")


def _syncsafe(number: int) -> bytes:
    return bytes((number >> shift) & 0x7F for shift in (21, 14, 7, 0))


def _from_syncsafe(raw: bytes) -> int:
    return sum((byte & 0x7F) << shift for byte, shift in zip(raw, (21, 14, 7, 0), strict=False))


def _frames_of(raw: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (2.3 name, body) of each frame that is whole and not compressed or encrypted."""
    if raw[:3] != b"ID3" or len(raw) < _HEADER_BYTES:
        return
    version, flags = raw[3], raw[5]
    body = raw[_HEADER_BYTES : _HEADER_BYTES + _from_syncsafe(raw[6:10])]
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff\0", b"\xff")
    if flags & 0x40 and version > 2:
        skip = _from_syncsafe(body[:4]) if version > 3 else int.from_bytes(body[:4], "big") + 4
        body = body[skip:]
    yield from _frames_v22(body) if version < 3 else _frames_v23(body, syncsafe=version > 3)


def _frames_v22(body: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + 6 <= len(body) and body[at]:
        size = int.from_bytes(body[at + 3 : at + 6], "big")
        name = body[at : at + 3].decode("latin-1")
        yield _OLD_NAMES.get(name, name), body[at + 6 : at + 6 + size]
        at += 6 + size


def _frames_v23(body: bytes, *, syncsafe: bool) -> Iterator[tuple[str, bytes]]:
    at = 0
    while at + _HEADER_BYTES <= len(body) and body[at]:
        field = body[at + 4 : at + 8]
        size = _from_syncsafe(field) if syncsafe else int.from_bytes(field, "big")
        start = at + _HEADER_BYTES
        if not body[at + 9] & (0x0C if syncsafe else 0xC0):
            yield (
                body[at : at + 4].decode("latin-1"),
                _frame_body(body[start : start + size], body[at + 9] if syncsafe else 0),
            )
        at = start + size


def _frame_body(body: bytes, flags: int) -> bytes:
    if flags & 0x01:
        body = body[4:]
    return body.replace(b"\xff\0", b"\xff") if flags & 0x02 else body


def _text(encoding: bytes, raw: bytes) -> str:
    if encoding in _ENCODINGS:
        text = raw.decode(_ENCODINGS[encoding], errors="replace")
    else:
        text = decode_text(raw)
    return text.strip("\0")


def _comment(body: bytes) -> str:
    return _after_terminator(body[:1], body[4:])


def _after_terminator(encoding: bytes, raw: bytes) -> str:
    """Return the text after the NUL-terminated description that precedes it."""
    wide = encoding in {b"\x01", b"\x02"}
    step, end = (2, b"\0\0") if wide else (1, b"\0")
    for at in range(0, len(raw), step):
        if raw[at : at + step] == end:
            return _text(encoding, raw[at + step :])
    return ""


def _picture(body: bytes) -> bytes | None:
    """Return the image inside an APIC or PIC frame, found by its own signature."""
    starts = [at for at in (body.find(b"\xff\xd8\xff"), body.find(b"\x89PNG")) if at >= 0]
    return body[min(starts) :] if starts else None
