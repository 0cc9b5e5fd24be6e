"""Which of the videos found is the song that was meant; and why, or why none is.

A video is judged by what a list of results tells of it. Three questions decide: is it as long as
the song, is it called what the song is called, and does it say that it is another version of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from stemwright.errors import NoMatchingAudio

SAME_LENGTH_S: Final = 3.0
"""Two masterings of a recording differ by so much."""
OTHER_LENGTH_S: Final = 30.0
_LENGTH_POINTS: Final = 50.0
_UNKNOWN_LENGTH_POINTS: Final = 15.0
_TITLE_POINTS: Final = 30.0
_ARTIST_POINTS: Final = 10.0
_CHANNEL_POINTS: Final = 10.0
_CODE_POINTS: Final = 10.0
_VERSION_POINTS: Final = -40.0
_LEAST_TITLE: Final = 0.6
"""Share of the title's words that a video's title must have."""
_LEAST_POINTS: Final = 50.0
_SURE_POINTS: Final = 90.0
_MOST_LISTED: Final = 5

_VERSIONS: Final = (
    "live", "concert", "cover", "karaoke", "remix", "mashup", "sped up", "speed up", "nightcore",
    "slowed", "reverb", "8d", "instrumental", "acoustic", "a cappella", "reaction", "tutorial",
    "acapella",  # codespell:ignore acapella
    "lesson", "tribute", "demo", "extended", "loop", "hour", "hours", "parody",
)  # fmt: skip
_TOPIC: Final = " - topic"
_SUFFIX: Final = re.compile(
    r"\s+-\s+(?:\d{4}\s+)?(?:digital(?:ly)?\s+)?(?:re-?master(?:ed)?|mono|stereo|single|album"
    r"|radio|original)\b.*$",
    re.IGNORECASE,
)
_GUESTS: Final = re.compile(r"[([](?:feat|ft|with)\b[^)\]]*[)\]]", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The song that is looked for."""

    title: str
    artist: str | None = None
    """All of them, joined with commas; the first is looked for."""
    duration_s: float | None = None
    isrc: str | None = None

    @property
    def first_artist(self) -> str:
        """Who is named first; a name with a comma in it loses its end, which does no harm."""
        return (self.artist or "").partition(",")[0].strip()

    @property
    def query(self) -> str:
        """What to search for."""
        return f"{self.first_artist} {self.title}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A video that was found."""

    video_id: str
    title: str
    channel: str = ""
    duration_s: float | None = None
    is_live: bool = False
    by_code: bool = False
    """Whether it was found by the recording's own code (ISRC)."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, its points and the reasons for them."""

    candidate: Candidate
    points: float
    reasons: tuple[str, ...]
    refused: str | None = None
    """Why it is not the song, whatever its points."""

    @property
    def is_accepted(self) -> bool:
        """Whether it may be taken for the song."""
        return self.refused is None and self.points >= _LEAST_POINTS

    @property
    def is_sure(self) -> bool:
        """Whether looking further is not worth the time."""
        return self.is_accepted and self.points >= _SURE_POINTS

    def told(self) -> dict[str, str | float | bool | list[str] | None]:
        """What a job notes of it."""
        return {
            "video_id": self.candidate.video_id,
            "title": self.candidate.title,
            "channel": self.candidate.channel,
            "duration_s": self.candidate.duration_s,
            "points": round(self.points, 1),
            "reasons": list(self.reasons),
            "refused": self._refusal(),
        }

    def line(self) -> str:
        """Say in a line what it is and why it was refused."""
        known = self.candidate
        by = f" by {known.channel}" if known.channel else ""
        long = f" ({_clock(known.duration_s)})" if known.duration_s else ""
        address = f"https://youtu.be/{known.video_id}"
        return f"{known.title!r}{by}{long}, {address}: {self._refusal()}"

    def _refusal(self) -> str | None:
        if self.is_accepted:
            return None
        return self.refused or "too little speaks for it"


def ranked(wanted: Wanted, candidates: Iterable[Candidate]) -> list[Judged]:
    """Judge videos, each once, the likeliest first; of equals, the one the site has first."""
    once: dict[str, Candidate] = {}
    for candidate in candidates:
        known = once.setdefault(candidate.video_id, candidate)
        if candidate.by_code and not known.by_code:
            once[candidate.video_id] = candidate
    judged = [judge(wanted, candidate) for candidate in once.values()]
    return sorted(judged, key=lambda it: (not it.is_accepted, -it.points))


def accepted(wanted: Wanted, judged: Sequence[Judged]) -> list[Judged]:
    """Those that may be taken for the song, the likeliest first.

    Raises
    ------
    NoMatchingAudio
        There is none; the message lists what was found instead.

    """
    good = [it for it in judged if it.is_accepted]
    if good:
        return good
    lines = [it.line() for it in judged[:_MOST_LISTED]]
    found = f" Found were: {'; '.join(lines)}." if lines else " Nothing was found at all."
    raise NoMatchingAudio(
        f"No matching audio found for {_called(wanted)}.{found} Give the link of the right one, "
        "or upload the song.",
        candidates=lines,
    )


def judge(wanted: Wanted, candidate: Candidate) -> Judged:
    """Weigh what speaks for a video against what speaks against it."""
    answers = [question(wanted, candidate) for question in _QUESTIONS]
    if candidate.by_code:
        answers.append(_Answer(_CODE_POINTS, f"found by its code {wanted.isrc}"))
    refusals = [answer.refused for answer in answers if answer.refused]
    if candidate.is_live:
        refusals.insert(0, "it is a live stream")
    return Judged(
        candidate,
        sum(answer.points for answer in answers),
        tuple(answer.reason for answer in answers if answer.reason),
        refusals[0] if refusals else None,
    )


@dataclass(frozen=True, slots=True)
class _Answer:
    points: float
    reason: str = ""
    refused: str | None = None


def _length(wanted: Wanted, candidate: Candidate) -> _Answer:
    if not wanted.duration_s:
        return _Answer(_UNKNOWN_LENGTH_POINTS, "the song's length is not known")
    if not candidate.duration_s:
        return _Answer(0, refused="nobody says how long it is")
    difference = candidate.duration_s - wanted.duration_s
    how = f"{abs(difference):.0f} s {'longer' if difference > 0 else 'shorter'}"
    if abs(difference) > OTHER_LENGTH_S:
        return _Answer(0, refused=how)
    if abs(difference) <= SAME_LENGTH_S:
        return _Answer(_LENGTH_POINTS, "as long as the song")
    share = (OTHER_LENGTH_S - abs(difference)) / (OTHER_LENGTH_S - SAME_LENGTH_S)
    return _Answer(_LENGTH_POINTS * share, how)


def _title(wanted: Wanted, candidate: Candidate) -> _Answer:
    words = _words(_bare(wanted.title)) or _words(wanted.title)
    there = set(_words(candidate.title))
    if not words:
        return _Answer(0)
    share = sum(word in there for word in words) / len(words)
    if share < _LEAST_TITLE:
        return _Answer(0, refused="it is called something else")
    told = "called as the song" if share == 1 else "called almost as the song"
    return _Answer(_TITLE_POINTS * share, told)


def _artist(wanted: Wanted, candidate: Candidate) -> _Answer:
    artist = _words(wanted.first_artist)
    there = set(_words(f"{candidate.title} {candidate.channel}"))
    # a channel named "TheBand" or "thebandVEVO" is the band's, too
    joined = "".join(artist) in "".join(_words(candidate.channel))
    if not artist or not (joined or there.issuperset(artist)):
        return _Answer(0)
    return _Answer(_ARTIST_POINTS, f"names {wanted.first_artist}")


def _channel(wanted: Wanted, candidate: Candidate) -> _Answer:
    channel = candidate.channel
    if channel.lower().endswith(_TOPIC):
        return _Answer(_CHANNEL_POINTS, "from the label's own channel")
    if channel and _words(channel) == _words(wanted.first_artist):
        return _Answer(_CHANNEL_POINTS, "from the artist's own channel")
    return _Answer(0)


def _version(wanted: Wanted, candidate: Candidate) -> _Answer:
    asked = f" {' '.join(_words(f'{wanted.title} {wanted.artist or str()}'))} "
    told = f" {' '.join(_words(candidate.title))} "
    others = [word for word in _VERSIONS if f" {word} " in told and f" {word} " not in asked]
    if others:
        return _Answer(_VERSION_POINTS, refused=f"another version ({others[0]})")
    if " remix " in asked and " remix " not in told:
        return _Answer(_VERSION_POINTS, refused="not the remix that is meant")
    return _Answer(0)


_QUESTIONS: Final[tuple[Callable[[Wanted, Candidate], _Answer], ...]] = (
    *(_length, _title, _artist, _channel, _version),
)


def _bare(title: str) -> str:
    """Leave out what Spotify adds to titles and nobody else does: masterings and guests."""
    return _GUESTS.sub("", _SUFFIX.sub("", title))


def _words(text: str) -> list[str]:
    """Words without case, accents and punctuation; of any script."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(
        char if char.isalnum() else "" if char in "'\u2019" or unicodedata.combining(char) else " "
        for char in plain
    )
    return kept.split()


def _called(wanted: Wanted) -> str:
    by = f" by {wanted.first_artist}" if wanted.first_artist else ""
    long = f" ({_clock(wanted.duration_s)})" if wanted.duration_s else ""
    return f"{wanted.title!r}{by}{long}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"
