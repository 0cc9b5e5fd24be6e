"""Spotify on the loopback: its accounts service, its Web API and its embedded pages.

It takes nothing but what the real one takes and keeps its promises on tokens: codes and rotated
refresh tokens work once. Faults are put in front of it, path by path.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit

from .spotify_accounts import AccountsService, Refusal
from .spotify_catalogue import Catalogue, Playlist, Told, embed_page, error, page

_ID = re.compile(r"[0-9A-Za-z]{22}")
_JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Fault:
    """What one request is answered with instead."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drops: bool = False
    """The connection breaks without an answer."""

    @classmethod
    def json(cls, status: int, told: object) -> Self:
        """Other words than the server's own."""
        return cls(status, json.dumps(told).encode(), {"Content-Type": _JSON})

    @classmethod
    def limited(cls, retry_after: str | None, **more: str) -> Self:
        """Too many requests."""
        told = {"error": {"status": 429, "message": "API rate limit exceeded", **more}}
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return cls(429, json.dumps(told).encode(), {"Content-Type": _JSON, **headers})

    @classmethod
    def html(cls, status: int) -> Self:
        """A page of some machine in front of the API."""
        body = b"<html><body><h1>Bad Gateway</h1></body></html>"
        return cls(status, body, {"Content-Type": "text/html"})


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


class SpotifyServer:
    """Use as a context manager; everything may be changed while it runs."""

    def __init__(self, accounts: AccountsService | None = None) -> None:
        self.catalogue = Catalogue()
        self.accounts = accounts or AccountsService()
        self.asked: list[Asked] = []
        self.delay_s = 0.0
        """Added to every answer of the token endpoint, so that two requests overlap."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def api_url(self) -> str:
        return f"{self.origin}/v1"

    def fails(self, path: str, *faults: Fault) -> None:
        """Answer the next requests for the path so, and those after them well."""
        self._faults[path].extend(faults)

    def paths(self) -> list[str]:
        """What was asked of the Web API, without the version."""
        return [one.path.removeprefix("/v1") for one in self.asked if one.path.startswith("/v1")]

    def token_requests(self, grant_type: str) -> list[Asked]:
        return [one for one in self.asked if one.form.get("grant_type") == grant_type]

    def fault_for(self, asked: Asked) -> Fault | None:
        with self._lock:
            self.asked.append(asked)
            waiting = self._faults[asked.path]
            return waiting.popleft() if waiting else None

    # ------------------------------------------------------------------------------- the Web API

    def read(self, asked: Asked) -> tuple[int, Told]:
        """Answer a GET of the Web API."""
        token = asked.headers.get("authorization", "").partition(" ")[2]
        try:
            user = self.accounts.reader(token)
        except Refusal as refusal:
            return 401, error(401, str(refusal))
        kind, wanted, rest = (*asked.path.split("/")[2:], "", "", "")[:3]
        if not _ID.fullmatch(wanted):
            return 400, error(400, "Invalid base62 id")
        match kind, rest:
            case "tracks", "" if wanted in self.catalogue.tracks:
                return 200, self.catalogue.tracks[wanted]
            case "albums", ("" | "tracks") if wanted in self.catalogue.albums:
                return self._album(wanted, asked, whole=not rest)
            case "playlists", ("" | "items" | "tracks") if wanted in self.catalogue.playlists:
                return self._playlist(self.catalogue.playlists[wanted], rest, asked, user)
        return 404, error(404, "Resource not found")

    def _album(self, wanted: str, asked: Asked, *, whole: bool) -> tuple[int, Told]:
        head, listed = self.catalogue.albums[wanted]
        url = f"{self.api_url}/albums/{wanted}/tracks"
        if whole:
            return 200, head | {"tracks": page(url, listed, 0, 50)}
        return _paged(url, listed, asked, usual=20, most=50)

    def _playlist(
        self, playlist: Playlist, rest: str, asked: Asked, user: str | None
    ) -> tuple[int, Told]:
        new, is_owner = playlist.shape == "new", user == playlist.owner
        own_path = "items" if new else "tracks"
        url = f"{self.api_url}/playlists/{playlist.spotify_id}/{own_path}"
        if not is_owner and not playlist.public:
            return 404, error(404, "Resource not found")
        may_read = is_owner or not new
        if not rest:
            held = {own_path: page(url, playlist.entries, 0, 100)} if may_read else {}
            return 200, _playlist_head(playlist) | held
        if rest != own_path:
            return (403, error(403, "Forbidden")) if new else (404, error(404, "Not found."))
        if not may_read:
            return 403, error(403, "Forbidden")
        return _paged(
            url, playlist.entries, asked, usual=20 if new else 100, most=50 if new else 100
        )


def _paged(
    url: str, listed: list[Told], asked: Asked, *, usual: int, most: int
) -> tuple[int, Told]:
    limit, offset = int(asked.query.get("limit", usual)), int(asked.query.get("offset", 0))
    if not 1 <= limit <= most:
        return 400, error(400, "Invalid limit")
    return 200, page(url, listed, offset, limit)


def _playlist_head(playlist: Playlist) -> Told:
    wanted = playlist.spotify_id
    return {
        "id": wanted,
        "name": playlist.name,
        "type": "playlist",
        "description": "",
        "collaborative": False,
        "public": playlist.public,
        "owner": {"id": playlist.owner, "type": "user"},
        "images": [{"url": f"https://i.scdn.co/image/{wanted}", "width": None, "height": None}],
        "external_urls": {"spotify": f"https://open.spotify.com/playlist/{wanted}"},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, spotify: SpotifyServer) -> None:
        self.spotify = spotify
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._serve("GET", "")

    def do_POST(self) -> None:
        self._serve("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _serve(self, method: str, body: str) -> None:
        split, spotify = urlsplit(self.path), self.server.spotify
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(method, split.path, dict(parse_qsl(split.query)), headers, _form(body))
        fault = spotify.fault_for(asked)
        if fault is not None:
            if not fault.drops:
                self._answer(fault.status, fault.body, fault.headers)
            return
        match method, split.path.split("/")[1:]:
            case "GET", ["v1", *_]:
                self._json(*spotify.read(asked))
            case "GET", ["authorize"]:
                self._authorize(asked)
            case "POST", ["api", "token"]:
                time.sleep(spotify.delay_s)
                self._json(*spotify.accounts.token(asked.headers, asked.form))
            case "GET", ["embed", kind, wanted]:
                drawn = embed_page(kind, wanted, spotify.catalogue)
                headers = {"Content-Type": "text/html; charset=utf-8"}
                self._answer(200 if drawn else 404, drawn or b"<html>No.</html>", headers)
            case _:
                self._json(404, error(404, "Service not found"))

    def _authorize(self, asked: Asked) -> None:
        try:
            url, said = self.server.spotify.accounts.authorize(asked.query)
        except Refusal as refusal:
            self._answer(400, str(refusal).encode(), {"Content-Type": "text/plain"})
        else:
            self._answer(302, b"", {"Location": f"{url}?{urlencode(said)}"})

    def _json(self, status: int, told: Any) -> None:
        self._answer(status, json.dumps(told).encode(), {"Content-Type": _JSON})

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Keep the output of tests clean."""


def _form(body: str) -> dict[str, str]:
    return dict(parse_qsl(body, keep_blank_values=True))
