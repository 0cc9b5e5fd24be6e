"""Takes secrets out of what is about to be written down: the last line of defence, not the first.

Whoever logs still leaves secrets out. This catches what slips through: a library that logs whole
URLs, an exception that quotes a request, a value handed over by mistake.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

MASK: Final = "***"

_NAME: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|token|signature|credential"
    r"|api[_-]?key|secret[_-]?key|private[_-]?key|licen[cs]e[_-]?key|activation[_-]?key)s?"
)
_WHOLE_LINE_NAME: Final = r"(?:authorization|(?:set-)?cookie)"
_SAYS_SECRET: Final = re.compile(rf"(?:{_NAME}|{_WHOLE_LINE_NAME})$", re.IGNORECASE)

# between a name and its value in configuration, JSON, a call, or pairs of header and value
_IS: Final = r"\\?[\"']?\s*[:=]\s*|[\"']\s*,\s*"
_QUOTED: Final = r"\\?\"(?:[^\"\\]|\\(?!\"))*\\?\"|\\?'(?:[^'\\]|\\(?!'))*\\?'"
_QUERY_NAME: Final = (
    r"(?:sig|signature|token|key|code|[\w-]{0,64}[_-](?:signature|credential|token|key|secret))"
)

# The group survives, so that a reader still sees what kind of thing was taken out. Of API keys
# the first characters may be shown: they name a key in lists and give nothing away.
_SHAPES: Final = (
    re.compile(r"(\bsk_(?:live|test)_)[A-Za-z0-9_-]{8,}"),
    re.compile(r"(\bwhsec_)[A-Za-z0-9_+/=-]{4,}"),
    re.compile(r"(\$argon2)[a-z]{0,2}\$[A-Za-z0-9$=,+/.-]+"),
    re.compile(r"(\beyJ)[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(
        r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?!\*\*\*).*?(?:-----END[^-]*-----|\Z)", re.DOTALL
    ),
    re.compile(r"(\b[a-z][a-z0-9+.-]{0,20}://[^/\s:@\"']*:)[^/\s@\"']+(?=@)", re.IGNORECASE),
    re.compile(rf"([?&]{_QUERY_NAME}=)[^&\s\"'<>\\]+", re.IGNORECASE),
    re.compile(rf"({_WHOLE_LINE_NAME}(?:{_IS})b?[\"']?)[^\r\n\"']+", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE),
    re.compile(rf"({_NAME}(?:{_IS})b?)(?:{_QUOTED}|[^\s\"',;&)}}\]\\]+)", re.IGNORECASE),
)
# One search tells most lines apart from those that need all of the above.
_HINT: Final = re.compile(
    r"sk_|whsec|argon2|eyj|begin|://|[?&]|auth|cookie|bearer|basic|pass|pwd|secret|token"
    r"|signature|credential|key",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Mask everything in a text that has the shape of a secret."""
    if not _HINT.search(text):
        return text
    for shape in _SHAPES:
        text = shape.sub(rf"\g<1>{MASK}", text)
    return text


def redact_value(value: object, name: str = "") -> object:
    """Mask a value as a whole if its name says that it is secret, else what is secret in it.

    What is no plain value comes back as its ``repr``: what is logged is what was looked at.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SAYS_SECRET.search(name):
        return MASK
    match value:
        case str():
            return redact(value)
        case Mapping():
            return {str(key): redact_value(item, str(key)) for key, item in value.items()}
        case (str() | bytes() as header, item):  # as servers keep headers; str(b"a") is "b'a'"
            return [redact_value(header), redact_value(item, str(header).rstrip("'"))]
        case list() | tuple() | set() | frozenset():
            return [redact_value(item) for item in value]
        case _:
            return redact(repr(value))
