"""Accounts as their owners use them: in a browser, and with a key for programs."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from functools import cached_property

import httpx

from .forge_service import visitor
from .live_server import Service

PASSWORD = "correct horse battery"
HTML = "text/html,application/xhtml+xml"
_META = re.compile(r'<meta name="csrf-token" content="([^"]+)">')
_NUMBERS = itertools.count(1)


def csrf_in(page: httpx.Response) -> str:
    """The token that every page has for scripts."""
    found = _META.search(page.text)
    assert found, page.text
    return found[1]


@dataclass
class Person:
    """Somebody with an account, opened through the pages."""

    service: Service
    email: str = field(default_factory=lambda: f"person{next(_NUMBERS)}@example.org")
    password: str = PASSWORD

    @cached_property
    def browser(self) -> httpx.Client:
        """Where they are logged in."""
        client = visitor(self.service, accept=HTML)
        post(client, "/users/register", email=self.email, password=self.password)
        assert self.log_in(client).status_code == 302, self.service.log[-2000:]
        return client

    def log_in(self, client: httpx.Client, **more: str) -> httpx.Response:
        return post(client, "/users/log-in", email=self.email, password=self.password, **more)

    @cached_property
    def token(self) -> str:
        """What the session's forms carry."""
        return csrf_in(self.browser.get("/users/log-in"))

    @cached_property
    def key(self) -> str:
        """A key for programs; the page shows it once."""
        page = post(
            self.browser, "/users/settings", _method="put", action="create_key", key_name="tests"
        )
        found = re.search(r"sk_live_[\w-]{20,}", page.text)
        assert found, page.text
        return found[0]

    @cached_property
    def api(self) -> httpx.Client:
        """Has the key and no cookies."""
        return visitor(self.service, authorization=f"Bearer {self.key}")

    def close(self) -> None:
        for name in ("browser", "api"):
            if name in self.__dict__:
                self.__dict__[name].close()


_PLAIN = frozenset({"_method", "action", "_action"})


def post(
    client: httpx.Client, path: str, *, on: str | None = None, **fields: str
) -> httpx.Response:
    """Send a form as the page ``on`` would; fields of ``user`` go by their short names."""
    token = csrf_in(client.get(on or path))
    named = {name if name in _PLAIN else f"user[{name}]": text for name, text in fields.items()}
    return client.post(path, data={"_csrf_token": token, **named})
