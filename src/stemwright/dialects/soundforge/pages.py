"""Pages: templates filled in, with the headers that belong to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from stemwright.web.browser_headers import BROWSER_HEADERS

STYLE: Final = "/assets/pages.css"
_PACKAGE: Final = "stemwright.dialects.soundforge"


@cache
def templates() -> Environment:
    """All templates; whatever they are given is text, not markup."""
    return Environment(
        loader=PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def blanks(known: Mapping[str, str]) -> Mapping[str, str]:
    """The same texts, and an empty one under every other name."""
    return defaultdict(str, known)


def page(template: str, facts: dict[str, Any], status: int = 200) -> Response:
    """Fill a template in. What it shows is one user's, so nothing keeps a copy."""
    text = templates().get_template(template).render(style=STYLE, **facts)
    return HTMLResponse(text, status, headers={**BROWSER_HEADERS, "cache-control": "no-store"})


def problem(title: str, message: str, status: int) -> Response:
    """Tell a browser of a failure where nothing is known of its session."""
    facts: dict[str, Any] = {
        "title": title,
        "message": message,
        "csrf": "",
        "flashes": [],
        "email": None,
    }
    return page("problem.html", facts, status)


async def style(_request: Request) -> Response:
    """The one style sheet."""
    return Response(
        _asset("pages.css"),
        media_type="text/css",
        headers={**BROWSER_HEADERS, "cache-control": "public, max-age=3600"},
    )


@cache
def _asset(name: str) -> bytes:
    return files(_PACKAGE).joinpath("assets", name).read_bytes()
