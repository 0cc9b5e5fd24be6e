"""The bytes of a ZIP archive around its files, which are stored as they are.

After APPNOTE 6.3: names in UTF-8, sizes and checksums in front of each file, ZIP64 fields where
and only where a number needs them. No times: the same files make the same archive.
"""

from __future__ import annotations

import struct
from typing import Final

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_END_64: Final = struct.Struct("<4sQ2H2I4Q")
_LOCATOR_64: Final = struct.Struct("<4sIQI")

_NO_DATE: Final = (1 << 5) | 1
"""1 January 1980, the first day there is."""
_UTF_8: Final = 1 << 11
_STORED: Final = 0
_PLAIN, _WITH_64 = 20, 45
"""Versions of the format that a reader has to know: folders, ZIP64."""
_UNIX: Final = 3 << 8
_MODE: Final = 0o100644 << 16
_ID_64: Final = 1
_FULL_16, _FULL_32 = 0xFFFF, 0xFFFFFFFF
"""They say that the number stands in a ZIP64 field."""


def local_header(name: str, size: int, crc32: int) -> bytes:
    """What stands in front of a file."""
    encoded = name.encode()
    large = size >= _FULL_32
    extra = _extra(size, size) if large else b""
    shown = _FULL_32 if large else size
    numbers = (_WITH_64 if large else _PLAIN, _UTF_8, _STORED, 0, _NO_DATE, crc32, shown, shown)
    return _LOCAL.pack(b"PK\x03\x04", *numbers, len(encoded), len(extra)) + encoded + extra


def central_header(name: str, size: int, crc32: int, offset: int) -> bytes:
    """What the directory at the end says of a file whose header is at ``offset``."""
    encoded = name.encode()
    far = [number for number in (size, size, offset) if number >= _FULL_32]
    extra = _extra(*far) if far else b""
    version = _WITH_64 if far else _PLAIN
    shown = min(size, _FULL_32)
    return (
        _CENTRAL.pack(
            b"PK\x01\x02",
            *(_UNIX | version, version, _UTF_8, _STORED, 0, _NO_DATE, crc32, shown, shown),
            *(len(encoded), len(extra), 0, 0, 0, _MODE, min(offset, _FULL_32)),
        )
        + encoded
        + extra
    )


def end_of(files: int, size: int, offset: int) -> bytes:
    """What follows a directory of so many files and bytes that stands at ``offset``."""
    large = files >= _FULL_16 or size >= _FULL_32 or offset >= _FULL_32
    count = min(files, _FULL_16)
    end = _END.pack(
        b"PK\x05\x06", 0, 0, count, count, min(size, _FULL_32), min(offset, _FULL_32), 0
    )
    return _end_64(files, size, offset) + end if large else end


def _end_64(files: int, size: int, offset: int) -> bytes:
    numbers = (_END_64.size - 12, _UNIX | _WITH_64, _WITH_64, 0, 0, files, files, size, offset)
    record = _END_64.pack(b"PK\x06\x06", *numbers)
    return record + _LOCATOR_64.pack(b"PK\x06\x07", 0, offset + size, 1)


def _extra(*numbers: int) -> bytes:
    return struct.pack(f"<2H{len(numbers)}Q", _ID_64, 8 * len(numbers), *numbers)
