"""What a link names, decided by its host and path before anything is asked of the network.

Nothing of a user's link but the id found here goes on to YouTube or SoundCloud.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urljoin

from stemwright.errors import InvalidSoundcloudUrl, InvalidSourceUrl, InvalidYoutubeUrl
from stemwright.kit.weblinks import host_of, is_clear, shown, split_address, trimmed, web_link

YOUTUBE_HOSTS: Final = frozenset({
    "youtube.com",
    "www.youtube.com",
    "m.youtube.com",
    "music.youtube.com",
    "youtu.be",
    "www.youtu.be",
    "youtube-nocookie.com",
    "www.youtube-nocookie.com",
})  # fmt: skip
SOUNDCLOUD_HOSTS: Final = frozenset({"soundcloud.com", "www.soundcloud.com", "m.soundcloud.com"})
SOUNDCLOUD_SHORT_HOST: Final = "on.soundcloud.com"
SPOTIFY_HOSTS: Final = frozenset({
    "spotify.com",
    "www.spotify.com",
    "open.spotify.com",
    "play.spotify.com",
    "spotify.link",
    "spotify.app.link",
})  # fmt: skip

_CONSENT_HOST = "consent.youtube.com"
_SHORT_HOSTS = frozenset({"youtu.be", "www.youtu.be"})
_VIDEO_ID = re.compile(r"[0-9A-Za-z_-]{11}")
# words of YouTube's own where an id would be, and as long as one
_NO_VIDEO_IDS = frozenset({"videoseries", "live_stream"})
_VIDEO_FOLDERS = frozenset({"shorts", "live", "embed", "v", "e"})
_SLUG = re.compile(r"[0-9A-Za-z_-]{1,255}")
_SOUNDCLOUD_PAGES = frozenset({
    "charts", "connect", "discover", "feed", "groups", "imprint", "jobs", "library", "logout",
    "messages", "mobile", "notifications", "oauth", "pages", "people", "player", "search",
    "settings", "signin", "stations", "stream", "tags", "upload", "you",
})  # fmt: skip
_PROFILE_PAGES = frozenset({
    "albums", "comments", "followers", "following", "likes", "popular-tracks", "reposts", "sets",
    "spotlight", "toptracks", "tracks",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Link:
    host: str
    folders: tuple[str, ...]
    query: dict[str, list[str]]

    def first(self, name: str) -> str:
        return self.query.get(name, [""])[0]


def youtube_id(text: str) -> str:
    """Return the 11 characters that name the video.

    Raises
    ------
    InvalidYoutubeUrl
        The text is no link to one video.

    """
    bare = trimmed(text)
    found = bare if _is_video_id(bare) else _video_of(_link(bare), unpack=True)
    if found is None:
        raise InvalidYoutubeUrl(
            f"{shown(text)} does not name one YouTube video. Give its watch address, such as "
            "https://www.youtube.com/watch?v=ID; playlists and channels are not taken."
        )
    return found


def soundcloud_track(text: str) -> str | None:
    """Return ``user/track``, or None for a short link that has to be followed first.

    Raises
    ------
    InvalidSoundcloudUrl
        The text is no link to one public track.

    """
    link = _link(trimmed(text))
    if link is not None and link.host == SOUNDCLOUD_SHORT_HOST and len(link.folders) == 1:
        return None
    found = _track_of(link)
    if found is None:
        raise InvalidSoundcloudUrl(
            f"{shown(text)} does not name one public SoundCloud track. Give the track's own "
            "address, https://soundcloud.com/ARTIST/TRACK; sets, profiles and private links are "
            "not taken."
        )
    return found


def short_link(text: str) -> str:
    """Rebuild a link that `soundcloud_track` answered None for."""
    link = _link(trimmed(text))
    if link is None or link.host != SOUNDCLOUD_SHORT_HOST or not _SLUG.fullmatch(link.folders[0]):
        raise InvalidSoundcloudUrl(f"{shown(text)} is not a short link of SoundCloud.")
    return f"https://{SOUNDCLOUD_SHORT_HOST}/{link.folders[0]}"


def source_url(text: str) -> str:
    """Return a link to a file as it is to be fetched: a signature in it covers every byte.

    Raises
    ------
    InvalidSourceUrl
        No http or https, malformed, with a user name in it, or the page of a music site.

    """
    url = trimmed(text).replace(" ", "%20")  # as browsers do
    split = split_address(url)
    if split is None or split.scheme not in {"http", "https"}:
        raise InvalidSourceUrl(
            f"{shown(text)} is not a link to a file. Give one that begins with https:// or "
            "http://, without a user name and password in it."
        )
    if remedy := _media_page(host_of(split)):
        raise InvalidSourceUrl(f"{shown(text)} is {remedy}")
    return url


def _media_page(host: str) -> str | None:
    if host in YOUTUBE_HOSTS:
        return "a YouTube page, not a file: create a YouTube job (POST /youtube-jobs) for it."
    if host in SOUNDCLOUD_HOSTS or host == SOUNDCLOUD_SHORT_HOST:
        return "a SoundCloud page, not a file: create a SoundCloud job (POST /soundcloud-jobs)."
    if host in SPOTIFY_HOSTS:
        return "a Spotify page, not a file: give a direct link to an audio file."
    return None


def _video_of(link: _Link | None, *, unpack: bool) -> str | None:
    if link is None:
        return None
    if unpack and (inner := _packed(link)):
        return _video_of(_link(inner), unpack=False)
    if link.host not in YOUTUBE_HOSTS:
        return None
    match link.folders:
        case ("watch",):
            found = link.first("v")
        case (folder, video) if folder in _VIDEO_FOLDERS:
            found = video
        case (video,) if link.host in _SHORT_HOSTS:
            found = video
        case _:
            return None
    return found if _is_video_id(found) else None


def _packed(link: _Link) -> str | None:
    """Return the link inside one of the pages that lead on to another."""
    if link.host == _CONSENT_HOST:
        inner = link.first("continue")
    elif link.host in YOUTUBE_HOSTS and link.folders == ("attribution_link",):
        inner = link.first("u")
    else:
        return None
    return urljoin("https://www.youtube.com/", inner) if is_clear(inner) else None


def _track_of(link: _Link | None) -> str | None:
    if link is None or link.host not in SOUNDCLOUD_HOSTS or len(link.folders) != 2:
        return None
    user, track = link.folders
    if user.lower() in _SOUNDCLOUD_PAGES or track.lower() in _PROFILE_PAGES:
        return None
    if not _SLUG.fullmatch(user) or not _SLUG.fullmatch(track):
        return None
    return f"{user}/{track}"


def _is_video_id(text: str) -> bool:
    return _VIDEO_ID.fullmatch(text) is not None and text not in _NO_VIDEO_IDS


def _link(text: str) -> _Link | None:
    link = web_link(text)
    if link is None:
        return None
    try:
        query = parse_qs(link.query, max_num_fields=100)
    except ValueError:
        return None
    return _Link(link.host, link.folders, query)
