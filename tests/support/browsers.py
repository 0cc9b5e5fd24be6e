"""The account pages on real features in a real server, and browsers that come to them."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Self

import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from stemwright.db.base import Table
from stemwright.db.database import Database
from stemwright.dialects.soundforge.account_services import AccountServices
from stemwright.dialects.soundforge.accounts import create_routes
from stemwright.dialects.soundforge.callers import Callers
from stemwright.dialects.soundforge.visits import Door, Entrance
from stemwright.dialects.stemsplit.errors import handle_errors, render
from stemwright.errors import AuthError
from stemwright.features.accounts.passwords import Passwords
from stemwright.features.accounts.service import Accounts
from stemwright.features.lalalai.licences import LicenceKeys
from stemwright.features.sessions.links import Links
from stemwright.features.sessions.registration import Registration
from stemwright.features.sessions.service import Sessions, forget_sessions
from stemwright.features.spotify.linking import LinkedAccount
from stemwright.kit.sealing import Sealer
from stemwright.web.addresses import Network
from stemwright.web.attempts import Attempts
from stemwright.web.cookies import Cookies
from stemwright.web.edge import Edge, wrap
from stemwright.web.metrics import Metrics
from stemwright.web.ratelimits import caller_of
from stemwright.web.windows import Windows

from .live_server import AppServer

SECRET = b"a secret of thirty-two characters"
PASSWORD = "correct horse battery"
SITE = "https://stems.example"
_VOID = {"meta", "link", "input", "br", "hr", "img"}


class Clock:
    """Stands still until a test moves it."""

    def __init__(self):
        self.now = datetime(2030, 2, 1, 9, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_by(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True)
class Message:
    to: str
    subject: str
    text: str

    @property
    def link(self) -> str:
        """The path that the message leads to."""
        found = re.search(rf"^{re.escape(SITE)}(/\S+)$", self.text, re.MULTILINE)
        assert found, self.text
        return found[1]


class Post:
    """Keeps what is sent."""

    def __init__(self, *, delivers: bool):
        self.delivers = delivers
        self.sent: queue.Queue[Message] = queue.Queue()

    def send(self, to: str, subject: str, text: str) -> None:
        self.sent.put(Message(to, subject, text))

    def next(self) -> Message:
        return self.sent.get(timeout=20)


class SpotifyFake:
    """Links with whoever comes back with a code."""

    def __init__(self, clock: Clock):
        self.clock = clock
        self.linked: dict[str, LinkedAccount] = {}

    def begin(self, owner, redirect_url, *, ask=False):
        return f"https://accounts.spotify.com/authorize?state={owner}"

    def finish(self, state, *, code=None, error=None, signed_in=None):
        self.linked[state] = LinkedAccount(state, ("a",), self.clock(), is_usable=True)
        return self.linked[state]

    def account(self, owner):
        return self.linked.get(owner)

    def unlink(self, owner):
        return self.linked.pop(owner, None) is not None


class AccountBench:
    """A server, and its inside."""

    def __init__(
        self,
        folder: Path,
        *,
        mail: bool = False,
        is_open: bool = True,
        proxies: tuple[Network, ...] = (),
        pages: Callable[[Door], list[Route]] = lambda _door: [],
    ):
        self.clock = Clock()
        self.database = Database(f"sqlite:///{folder / 'accounts.db'}")
        Table.metadata.create_all(self.database.engine)
        quick = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        self.accounts = Accounts(
            self.database, clock=self.clock, passwords=quick, on_password=[forget_sessions]
        )
        self.ended: list[str] = []
        self.sessions = Sessions(
            self.database, self.accounts, clock=self.clock, on_ended=[self.ended.extend]
        )
        self.post = Post(delivers=mail)
        self.links = Links(self.database, self.accounts, self.post, SITE, self.clock)
        self.licences = LicenceKeys(self.database, Sealer(SECRET), clock=self.clock)
        self.spotify = SpotifyFake(self.clock)
        self.services = AccountServices(
            accounts=self.accounts,
            sessions=self.sessions,
            links=self.links,
            registration=Registration(self.accounts, self.links, is_open),
            cookies=Cookies(SECRET),
            licences=self.licences,
            spotify=self.spotify,
            spotify_redirect_url=f"{SITE}/auth/spotify/callback",
            attempts=Attempts(clock=self.clock),
        )
        more = pages(self.services.door())
        app = Starlette(routes=[*create_routes(self.services), *more, *self._others()])
        app.router.redirect_slashes = False
        handle_errors(app, lambda _path: set())
        edge = Edge(
            metrics=Metrics(),
            windows=Windows(0),
            identify=caller_of,
            render=render,
            trusted_proxies=proxies,
        )
        self.server = AppServer(wrap(app, edge))
        self._browsers: list[Browser] = []

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        for browser in self._browsers:
            browser.client.close()
        self.server.__exit__(None, None, None)
        self.links.close()
        self.accounts.close()
        self.database.close()

    def browser(self, **headers: str) -> Browser:
        self._browsers.append(Browser(self.server.url, headers))
        return self._browsers[-1]

    def user(self, email: str = "ada@example.org", password: str | None = PASSWORD):
        return self.accounts.create_user(email, password=password, verified=True)

    def drain(self) -> None:
        """Wait until everything that was to be sent is."""
        done = threading.Event()
        self.links.background.run(done.set)
        assert done.wait(20)

    def _others(self) -> list[Route]:
        door = self.services.door()
        callers = Callers(self.accounts, door)

        def route(path: str, enter: Callable[[Request], Awaitable[Entrance]]) -> Route:
            async def whose(request: Request) -> Response:
                try:
                    entrance = await enter(request)
                    entrance.check({})
                except AuthError as error:
                    if "html" in path:
                        return door.send_to_log_in(request, error.message)
                    return JSONResponse({"code": error.code}, error.http_status)
                return PlainTextResponse(entrance.principal.owner)

            return Route(path, whose, methods=["GET", "POST"])

        return [
            Route("/", lambda _request: PlainTextResponse("home")),
            route("/whose", callers.by_session),
            route("/whose/key", callers.by_key),
            route("/whose/either", callers.by_either),
            route("/whose/html", callers.by_either),
        ]


class Browser:
    """Keeps cookies, reads forms, and follows no redirect unasked."""

    def __init__(self, url: str, headers: dict[str, str]):
        accept = {"accept": "text/html,application/xhtml+xml"}
        self.client = httpx.Client(
            base_url=url, headers={**accept, **headers}, trust_env=False, timeout=30
        )

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(path, **options)

    def submit(self, path: str, *, on: str | None = None, **fields: str) -> httpx.Response:
        """Send a form as the page ``on`` would; fields of ``user`` go by their short names."""
        page = self.get(on or path)
        return self.send(path, csrf_of(page), **fields)

    def send(self, path: str, csrf: str | None, **fields: str) -> httpx.Response:
        form = {"_csrf_token": csrf} if csrf is not None else {}
        for name, text in fields.items():
            form[name if name in {"_method", "action", "_action"} else f"user[{name}]"] = text
        return self.client.post(path, data=form)

    def log_in(
        self, email: str = "ada@example.org", password: str = PASSWORD, **fields: str
    ) -> httpx.Response:
        return self.submit("/users/log-in", email=email, password=password, **fields)

    def change(self, action: str, **fields: str) -> httpx.Response:
        return self.submit("/users/settings", _method="put", action=action, **fields)

    def cookie(self, name: str) -> str | None:
        return self.client.cookies.get(name)


def csrf_of(page: httpx.Response) -> str:
    """The token that the page has for scripts."""
    found = re.search(r'<meta name="csrf-token" content="([^"]+)">', page.text)
    assert found, page.text
    return found[1]


class Element:
    """A start tag and the text up to its end."""

    def __init__(self, tag: str, attributes: dict[str, str | None], parents: tuple[str, ...]):
        self.tag = tag
        self.attributes = attributes
        self.parents = parents
        self.text = ""

    def __getitem__(self, name: str) -> str | None:
        return self.attributes.get(name)


class Page(HTMLParser):
    """A page taken apart; tags that are not closed as opened, or ids given twice, are refused."""

    def __init__(self, text: str):
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self._open, [element.tag for element in self._open]
        ids = [element["id"] for element in self.elements if element["id"]]
        assert len(set(ids)) == len(ids), ids

    def all(self, *tags: str) -> list[Element]:
        return [element for element in self.elements if element.tag in tags]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, names)
        element = Element(tag, dict(attrs), tuple(parent.tag for parent in self._open))
        self.elements.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, tag
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
