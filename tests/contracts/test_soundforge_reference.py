"""The reference of the Sound Forge API keeps up with its code."""

import re

import pytest
from starlette.routing import Mount

from stemwright.dialects.soundforge import errors
from stemwright.dialects.soundforge.classes import class_of
from stemwright.entry.composition import compose
from stemwright.entry.web import create_face
from stemwright.features.downloads.quality import KINDS
from stemwright.features.mixes import edits
from stemwright.features.mixes.service import STEM_TYPES
from stemwright.features.processing.orders import MODELS
from stemwright.settings import Settings
from support.forge_access import ACCESS, methods_of, walk
from support.repository import read, table_rows

PAGE = read("docs/reference/soundforge.md")
SETTINGS = read("docs/reference/settings.md")
UNLISTED = re.compile(r"/assets/|/users/log_in\b")
"""Style sheets, and the spelling that is led elsewhere."""
WHO = {"session or key": "either"}
ANSWERED_BY_HAND = {
    # by handlers of the framework's own failures, and by pages
    *((404, "not_found"), (405, "method_not_allowed"), (422, "VALIDATION_ERROR")),
    (403, "forbidden"),
}


def chapter(title):
    return re.split(r"(?m)^## ", PAGE.partition(f"## {title}\n")[2])[0]


LISTED = {
    tuple(named.split(" ", 1)): row[1:3]
    for row in table_rows(chapter("Routes"))
    for named in re.findall(r"(?:GET|POST|PUT|DELETE) /[^`,]*", row[0])
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Method and path of every route of the dialect."""
    folder = tmp_path_factory.mktemp("served")
    service = compose(Settings.load({"HOME": str(folder)}))
    [mount] = [
        route
        for route in create_face(service).routes
        if isinstance(route, Mount) and not route.path
    ]
    yield {
        (method, path.replace(":path}", "}"))
        for path, route in walk([mount])
        for method in methods_of(route)
        if not UNLISTED.match(path)
    }
    service.close()


def test_every_route_is_listed(served):
    stands_for = {path for method, path in LISTED if method in {"PUT", "DELETE"}}
    overridden = {("POST", path) for path in stands_for}
    assert served - overridden <= set(LISTED)


def test_nothing_is_listed_that_is_gone(served):
    elsewhere = {("GET", "/health"), ("GET", "/socket/websocket")}
    optional = {(method, path) for method, path in LISTED if path == "/settings/models"}
    assert set(LISTED) - elsewhere - optional <= served


@pytest.mark.parametrize("named", LISTED, ids=" ".join)
def test_routes_are_counted_as_the_page_says(named):
    counted = class_of({"method": named[0], "path": named[1]})
    assert LISTED[named][1] == (counted or "none")


@pytest.mark.parametrize("named", [it for it in LISTED if it[1].startswith("/api/")], ids=" ".join)
def test_routes_are_for_whom_the_page_says(named):
    assert WHO.get(ACCESS[named], ACCESS[named]) == LISTED[named][0]


def test_every_error_is_listed_and_none_that_is_gone():
    known = {*errors.ANSWERS.values(), *errors._FAMILIES.values()}
    told = {(answer.status, answer.code) for answer in known} | ANSWERED_BY_HAND
    listed = {(int(row[0]), row[1]) for row in table_rows(chapter("Errors")) if row[0].isdigit()}
    assert listed == told


def test_words_of_the_api_are_on_the_page():
    for word in (*edits._READERS, *KINDS, *MODELS):
        assert f"`{word}`" in PAGE
    assert f"{', '.join(STEM_TYPES)}." in PAGE


def test_settings_that_matter_are_settings():
    for name in set(re.findall(r"STEMWRIGHT_\w+", PAGE)):
        assert f"`{name}`" in SETTINGS
