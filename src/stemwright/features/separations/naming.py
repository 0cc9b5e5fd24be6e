"""Where the stems of a song go: templates such as ``{artist}/{title}/{stem}.{ext}``.

Whatever a tag or a file name contains, a rendered path stays below the output folder, is a legal
name on Linux, macOS and Windows, and leaves room for a numbered suffix.
"""

from __future__ import annotations

import hashlib
import string
import unicodedata
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from stemwright.errors import OptionError

DEFAULT_TEMPLATE: Final = "{song}/{stem}.{ext}"
FIELDS: Final = ("song", "stem", "ext", "model", "quality", "artist", "title")

# File systems allow 255 bytes in a name. The values in one name share 120 bytes and its fixed text
# has 60, so a suffix, a stem, an extension and the name of the record always fit behind them.
_VALUE_BYTES: Final = 120
_LITERAL_BYTES: Final = 60
_KEY_BYTES: Final = 200
_FORBIDDEN: Final = frozenset('/\\<>:"|?*')
_RESERVED: Final = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)


def safe_name(text: str, fallback: str = "song", limit_bytes: int = _VALUE_BYTES) -> str:
    """Turn any text into one path component that every common file system accepts.

    Separators, control characters and undecodable bytes become ``_``, leading dots too (no hidden
    files, no ``..``), device names such as ``CON`` get a trailing ``_``, and the text is cut to
    ``limit_bytes`` in UTF-8.
    """
    composed = unicodedata.normalize("NFC", text)
    cleaned = "".join("_" if _is_unsafe(char) else char for char in composed).strip()
    undotted = cleaned.lstrip(".")
    name = "_" * (len(cleaned) - len(undotted)) + undotted
    name = shortened(name, limit_bytes).rstrip(". ") or fallback
    return f"{name}_" if name.split(".")[0].lower() in _RESERVED else name


def _is_unsafe(char: str) -> bool:
    return char in _FORBIDDEN or unicodedata.category(char) in {"Cc", "Cs", "Cn", "Zl", "Zp"}


def shortened(text: str, limit_bytes: int) -> str:
    """Cut at a character boundary so that the UTF-8 form fits ``limit_bytes``."""
    return text.encode()[:limit_bytes].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class NameValues:
    """What the fields of a template stand for; ``None`` where the song says nothing."""

    song: str
    model: str
    quality: str
    artist: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Slot:
    """The place one song's stems take: a pattern for the stems and a path for the record."""

    pattern: str
    record: Path
    folder: Path
    extension: str

    def path(self, stem: str) -> Path:
        """Where the named stem goes."""
        filled = _fill(self.pattern, {"stem": safe_name(stem), "ext": self.extension})
        return self.folder.joinpath(*_components(filled))


@dataclass(frozen=True, slots=True)
class NameTemplate:
    """A checked template; make one with :meth:`parse`."""

    text: str

    @classmethod
    def parse(cls, text: str, *, stems: int = 2) -> NameTemplate:
        """Check a template given by a user.

        Raises
        ------
        OptionError
            It has unknown fields, could leave the output folder, or gives ``stems`` > 1 stems one
            and the same name.

        """
        fields = _fields(text)
        for field in fields:
            if field not in FIELDS:
                raise OptionError(_unknown_field(text, field))
        _refuse_escape(text)
        if stems > 1 and "stem" not in fields:
            raise OptionError(f"name template {text!r} names all stems alike; add {{stem}} to it")
        return cls(text)

    def slot(self, folder: Path, values: NameValues, extension: str, number: int = 1) -> Slot:
        """Place a song; ``number`` > 1 gives the places of further songs of the same name."""
        filled = _values(values, self._value_bytes())
        suffix = "" if number == 1 else f"-{number}"
        numbered = next((field for field in ("song", "title") if field in _fields(self.text)), None)
        if numbered is not None:
            filled[numbered] += suffix
            suffix = ""
        pattern = _number_file_name(_fill(self.text, filled), suffix)
        return Slot(pattern, folder / _record_path(pattern, folder), folder, extension)

    def _value_bytes(self) -> int:
        """How long a value may be for the fullest name of the template to fit."""
        return _VALUE_BYTES // max(1, *(len(_fields(part)) for part in self.text.split("/")))


def _fields(text: str) -> list[str]:
    try:
        parsed = list(string.Formatter().parse(text))
    except ValueError as error:
        raise OptionError(f"name template {text!r} cannot be read: {error}") from error
    if any(spec or conversion for _, _, spec, conversion in parsed):
        raise OptionError(f"name template {text!r}: fields take no format, write just {{song}}")
    return [field for _, field, _, _ in parsed if field is not None]


def _unknown_field(text: str, field: str) -> str:
    known = ", ".join(f"{{{name}}}" for name in FIELDS)
    return f"name template {text!r} has no field {{{field}}}; there are {known}"


def _refuse_escape(text: str) -> None:
    if not text.strip() or text.endswith("/"):
        raise OptionError(f"name template {text!r} must end in a file name: {DEFAULT_TEMPLATE}")
    if "\\" in text or any(unicodedata.category(char) in {"Cc", "Cs"} for char in text):
        raise OptionError(f"name template {text!r}: use / between folders and printable characters")
    literals = "".join(literal for literal, _, _, _ in string.Formatter().parse(text))
    if any(len(part.encode()) > _LITERAL_BYTES for part in literals.split("/")):
        raise OptionError(f"name template {text!r} has over {_LITERAL_BYTES} bytes of fixed text")
    if PurePosixPath(text).is_absolute() or ".." in text.split("/"):
        raise OptionError(
            f"name template {text!r} leads out of the output folder; "
            "give a relative name without .. and choose the folder with --output"
        )


def _values(values: NameValues, limit_bytes: int) -> dict[str, str]:
    song = safe_name(values.song, limit_bytes=limit_bytes)
    return {
        "song": song,
        "title": safe_name(values.title or "", song, limit_bytes),
        "artist": safe_name(values.artist or "", "Unknown artist", limit_bytes),
        "model": safe_name(values.model),
        "quality": safe_name(values.quality),
    }


def _fill(pattern: str, values: dict[str, str]) -> str:
    """Fill the fields known in ``values`` and keep the others; braces of values stay literal."""
    parts: list[str] = []
    for literal, field, _, _ in string.Formatter().parse(pattern):
        parts.append(literal.replace("{", "{{").replace("}", "}}"))
        if field is not None:
            value = values.get(field)
            parts.append("{" + field + "}" if value is None else _escaped(value))
    return "".join(parts)


def _escaped(value: str) -> str:
    return value.replace("{", "{{").replace("}", "}}")


def _components(filled: str) -> list[str]:
    plain = filled.replace("{{", "{").replace("}}", "}")
    return [part for part in plain.split("/") if part not in {"", "."}]


def _number_file_name(pattern: str, suffix: str) -> str:
    folder, slash, name = pattern.rpartition("/")
    base, dot, extension = name.rpartition(".")
    numbered = f"{base}{suffix}.{extension}" if dot and base else f"{name}{suffix}"
    return f"{folder}{slash}{numbered}"


def _record_path(pattern: str, folder: Path) -> Path:
    """Where the record lies: the same for every stem and format, and above all the stems."""
    components = [part for part in pattern.split("/") if part not in {"", "."}]
    varying = next(
        (i for i, part in enumerate(components) if {"stem", "ext"} & set(_fields(part))),
        len(components) - 1,
    )
    above = [_components(part)[0] for part in components[:varying]]
    fixed = [_fill(part, {"stem": "", "ext": ""}).strip(" ._-") for part in components[varying:]]
    key = "".join(_components("-".join(filter(None, fixed))))
    key = key or (above[-1] if above else safe_name(folder.name, "stems"))
    return Path(*above, f".{_fitting(key)}.stemwright.json")


def _fitting(key: str) -> str:
    if len(key.encode()) <= _KEY_BYTES:
        return key
    digest = hashlib.blake2b(key.encode(), digest_size=6).hexdigest()
    return f"{shortened(key, _KEY_BYTES)}-{digest}"
