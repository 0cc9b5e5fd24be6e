"""Where yt-dlp is sent: the two sites, or what an operator runs in their place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote_plus

from stemwright.errors import OptionError
from stemwright.kit.weblinks import host_of, split_address

_PLACE: Final = "{id}"
_QUERY: Final = "{query}"
_RESULTS: Final = "/results?search_query={query}"
"""Where a site in another's place lists what it finds: a feed (RSS) of its media pages."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """Addresses built from ids alone, and the only extractors that may read them."""

    name: str
    template: str
    extractors: tuple[str, ...]
    """Regular expressions for the whole name of an extractor."""
    origin: tuple[str, int] | None = None
    """Host and port an operator named; it may be in a private network."""
    search_template: str = ""
    """What is looked up to find media by words; empty where there is no search."""
    search_extractors: tuple[str, ...] = ()

    def url(self, media_id: str) -> str:
        """Build the address of a video or track; ids hold nothing that needs escaping."""
        return self.template.replace(_PLACE, media_id)

    def search_url(self, query: str) -> str:
        """Build what is looked up to find media by words."""
        words = quote_plus(query) if self.origin else query
        return self.search_template.replace(_QUERY, words)

    def media_id(self, url: str) -> str | None:
        """Return the id in an address that `url` could have built."""
        before, _, after = self.template.partition(_PLACE)
        if not url.startswith(before) or not url.endswith(after):
            return None
        return url[len(before) : len(url) - len(after)] or None

    @classmethod
    def instead(cls, of: Self, template: str) -> Self:
        """Take pages of another origin, read by the generic extractor, for those of a site.

        Raises
        ------
        OptionError
            The template is no http address with ``{id}`` in its path or query.

        """
        split = split_address(template)
        if (
            split is None
            or split.scheme not in _DEFAULT_PORTS
            or _PLACE not in f"{split.path}?{split.query}"
        ):
            raise OptionError(
                f"{template!r} is no address to take {of.name} pages from. Give one such as "
                "https://media.example/watch?v={id}."
            )
        search = f"{split.scheme}://{split.netloc}{_RESULTS}" if of.search_template else ""
        origin = (host_of(split), split.port or _DEFAULT_PORTS[split.scheme])
        return cls(of.name, template, ("generic",), origin, search, ("generic",))


# "youtube" admits single videos and nothing else; "youtube.*" would let channels in again.
YOUTUBE: Final = Site(
    "YouTube",
    "https://www.youtube.com/watch?v={id}",
    ("youtube",),
    search_template="ytsearch8:{query}",
    search_extractors=("youtube:search",),
)
SOUNDCLOUD: Final = Site("SoundCloud", "https://soundcloud.com/{id}", ("soundcloud",))
