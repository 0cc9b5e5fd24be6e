"""Tracks, albums and playlists in the words of Spotify's Web API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Literal

PAGES = "https://open.spotify.com"
IMAGES = "https://i.scdn.co/image"

Shape = Literal["old", "new"]
Told = dict[str, Any]


def spotify_id(number: int, kind: str = "T") -> str:
    """Make an id of 22 letters and digits, as real ones are."""
    return f"{kind}{number:021d}"


@dataclass
class Playlist:
    """A playlist, and who may read it how."""

    spotify_id: str
    name: str
    entries: list[Told]
    shape: Shape
    owner: str = "alice"
    public: bool = True
    """Counts in the old shape alone: of the new one only the owner sees the entries."""


@dataclass
class Catalogue:
    """What the server knows."""

    tracks: dict[str, Told] = field(default_factory=dict)
    albums: dict[str, tuple[Told, list[Told]]] = field(default_factory=dict)
    playlists: dict[str, Playlist] = field(default_factory=dict)

    def track(
        self,
        number: int,
        name: str = "Song",
        artists: tuple[str, ...] = ("The Band",),
        *,
        duration_ms: int = 222_400,
        album: str = "The Album",
        isrc: str | None = None,
    ) -> Told:
        """Publish a track and return it."""
        told = self._simplified(number, name, artists, duration_ms)
        told |= {"album": _album_head(900, album, 1), "is_local": False, "popularity": 50}
        if isrc is not None:
            told["external_ids"] = {"isrc": isrc}
        self.tracks[told["id"]] = told
        return told

    def album(self, number: int, name: str, tracks: int) -> str:
        """Publish an album with that many tracks and return its id."""
        head = _album_head(number, name, tracks)
        listed = [
            self._simplified(number * 1000 + index, f"Song {index}", ("The Band",), 60_000 + index)
            for index in range(1, tracks + 1)
        ]
        self.albums[head["id"]] = (head, listed)
        return str(head["id"])

    def playlist(
        self,
        number: int,
        name: str,
        held: list[Told | None],
        shape: Shape = "new",
        **more: Any,
    ) -> str:
        """Publish a playlist of these tracks, and of whatever else, and return its id."""
        member = "item" if shape == "new" else "track"
        entries = [
            {
                "added_at": "2026-01-02T03:04:05Z",
                "added_by": {"id": "alice", "type": "user"},
                "is_local": bool(told and told.get("is_local")),
                member: told,
            }
            for told in held
        ]
        made = Playlist(spotify_id(number, "P"), name, entries, shape, **more)
        self.playlists[made.spotify_id] = made
        return made.spotify_id

    @staticmethod
    def episode(number: int) -> Told:
        """An episode of a podcast, as it stands in a playlist."""
        return {
            "id": spotify_id(number, "E"),
            "name": "Episode",
            "type": "episode",
            "duration_ms": 1_800_000,
            "show": {"name": "The Show"},
            "images": [],
            "external_urls": {"spotify": f"{PAGES}/episode/{spotify_id(number, 'E')}"},
        }

    @staticmethod
    def local_file(name: str) -> Told:
        """A file on the disk of whoever made the playlist."""
        return {
            "id": None,
            "name": name,
            "type": "track",
            "is_local": True,
            "uri": f"spotify:local:::{name}:100",
            "duration_ms": 100_000,
            "artists": [{"name": "", "type": "artist"}],
            "album": {"name": "", "images": []},
            "external_urls": {},
        }

    @staticmethod
    def _simplified(number: int, name: str, artists: tuple[str, ...], duration_ms: int) -> Told:
        """A track as albums list it: without its album."""
        return {
            "id": spotify_id(number),
            "name": name,
            "type": "track",
            "uri": f"spotify:track:{spotify_id(number)}",
            "href": f"https://api.spotify.com/v1/tracks/{spotify_id(number)}",
            "artists": [{"name": one, "type": "artist"} for one in artists],
            "duration_ms": duration_ms,
            "explicit": False,
            "is_local": False,
            "disc_number": 1,
            "track_number": 1,
            "external_urls": {"spotify": f"{PAGES}/track/{spotify_id(number)}"},
        }


def page(url: str, listed: list[Told], offset: int, limit: int) -> Told:
    """Cut a paging object out of a list."""

    def part(start: int) -> str:
        return f"{url}?offset={start}&limit={limit}"

    end = offset + limit
    return {
        "href": part(offset),
        "items": listed[offset:end],
        "limit": limit,
        "next": part(end) if end < len(listed) else None,
        "offset": offset,
        "previous": part(max(0, offset - limit)) if offset else None,
        "total": len(listed),
    }


def error(status: int, message: str) -> Told:
    """Say what is wrong as the Web API does."""
    return {"error": {"status": status, "message": message}}


def embed_page(kind: str, wanted: str, catalogue: Catalogue) -> bytes | None:
    """Draw the page that other sites embed, with what its script starts from."""
    entity = _entity(kind, wanted, catalogue)
    if entity is None:
        return None
    state = {"data": {"entity": entity}, "settings": {}}
    held = json.dumps({"props": {"pageProps": {"state": state}}, "page": "/[kind]/[id]"})
    return (
        "<!DOCTYPE html><html><head><title>Spotify Embed</title></head><body><div></div>"
        f'<script id="__NEXT_DATA__" type="application/json">{held}</script></body></html>'
    ).encode()


def _entity(kind: str, wanted: str, catalogue: Catalogue) -> Told | None:
    if kind == "track" and wanted in catalogue.tracks:
        told = catalogue.tracks[wanted]
        return _shown(kind, wanted, told["name"], told["album"]["images"]) | {
            "artists": [{"name": one["name"]} for one in told["artists"]],
            "duration": told["duration_ms"],
        }
    if kind == "album" and wanted in catalogue.albums:
        head, listed = catalogue.albums[wanted]
        told = _shown(kind, wanted, head["name"], head["images"])
        return told | {"trackList": [_line(one) for one in listed]}
    if kind == "playlist" and wanted in catalogue.playlists:
        playlist = catalogue.playlists[wanted]
        held = [entry.get("item") or entry.get("track") for entry in playlist.entries]
        told = _shown(kind, wanted, playlist.name, _images(wanted))
        return told | {"trackList": [_line(one) for one in held if one][:100]}
    return None


def _shown(kind: str, wanted: str, name: str, images: list[Told]) -> Told:
    uri = f"spotify:{kind}:{wanted}"
    sources = list(reversed(images))
    named = {"type": kind, "id": wanted, "uri": uri, "name": name, "title": name}
    return named | {"coverArt": {"sources": sources}}


def _line(told: Told) -> Told:
    return {
        "uri": told.get("uri") or f"spotify:{told['type']}:{told['id']}",
        "title": told["name"],
        "subtitle": ",\u00a0".join(one["name"] for one in told.get("artists", ())),
        "duration": told["duration_ms"],
        "isExplicit": False,
        "isPlayable": True,
        "entityType": told["type"],
    }


def _album_head(number: int, name: str, tracks: int) -> Told:
    wanted = spotify_id(number, "A")
    return {
        "id": wanted,
        "name": name,
        "type": "album",
        "album_type": "album",
        "artists": [{"name": "The Band", "type": "artist"}],
        "images": _images(wanted),
        "total_tracks": tracks,
        "release_date": "2020-02-02",
        "external_urls": {"spotify": f"{PAGES}/album/{wanted}"},
    }


def _images(wanted: str) -> list[Told]:
    return [
        {"url": f"{IMAGES}/{wanted}-{size}", "width": size, "height": size}
        for size in (640, 300, 64)
    ]
