"""Addresses of web pages as people paste them, read in one way only.

Programs disagree on what an odd address means; whatever more than one reading is refused, so that
nobody is led past a list of hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

LONGEST: Final = 2048
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class WebLink:
    """Where a page is."""

    host: str
    """In lower case, without a final dot."""
    folders: tuple[str, ...]
    """The path, undecoded, without its first and last slash."""
    query: str


def web_link(text: str) -> WebLink | None:
    """Take an address apart; a missing scheme is https. None for what is none, or is ambiguous."""
    if text.startswith("//"):
        text = f"https:{text}"
    elif "://" not in text.partition("?")[0]:
        text = f"https://{text}"
    split = split_address(text)
    if split is None or split.scheme not in _DEFAULT_PORTS:
        return None
    if split.port not in {None, _DEFAULT_PORTS[split.scheme]}:
        return None
    path = split.path.removesuffix("/").removeprefix("/")
    return WebLink(host_of(split), tuple(path.split("/")), split.query)


def trimmed(text: str) -> str:
    """Take off the spaces and the pair of ``<>`` that come along with a copied address."""
    text = text.strip()
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1].strip()
    return text


def shown(text: str) -> str:
    """Return what may stand in a message: short, printable, and no signature in a query."""
    text = trimmed(text).partition("?")[0]
    if "@" in text:
        return "The link"
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= 200 else f"{text[:200]}…"


def split_address(url: str) -> SplitResult | None:
    """Split what every reader of addresses takes for the same one; none for anything else."""
    if not is_clear(url):
        return None
    try:
        split = urlsplit(url)
        host, _ = split.hostname, split.port  # both are read, and refused, only now
    except ValueError:
        return None
    return split if host and "@" not in split.netloc else None


def is_clear(text: str) -> bool:
    """Whether nothing in it is read differently by different programs."""
    return 0 < len(text) <= LONGEST and text.isprintable() and not set(text) & set(" \\<>")


def host_of(split: SplitResult) -> str:
    """Host in lower case, without a final dot."""
    return (split.hostname or "").lower().removesuffix(".")
