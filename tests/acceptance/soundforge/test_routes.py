"""The whole server is walked through: every address says who may call it, and holds to that."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from stemwright.dialects.soundforge import access as forge
from stemwright.dialects.stemsplit import access as stemsplit
from stemwright.entry.composition import compose
from stemwright.entry.web import create_face
from stemwright.settings import Settings
from support.forge_access import ACCESS, methods_of, walk
from support.forge_service import visitor

DECLARED = {
    stemsplit.authenticated: "key",
    stemsplit.unauthenticated: "anybody",
    forge.by_key: "key",
    forge.by_session: "session",
    forge.by_either: "session or key",
    forge.unauthenticated: "anybody",
}
REFUSED = [
    label for label, access in ACCESS.items() if access in {"key", "session", "session or key"}
]
OPEN = [label for label, access in ACCESS.items() if access == "anybody"]


@pytest.fixture(scope="module")
def routes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walked")
    service = compose(Settings.load({"HOME": str(folder)}))
    yield list(walk(create_face(service).routes))
    service.close()


def declared(what):
    """All that an endpoint depends on."""
    for inner in what.dependencies:
        yield inner.call
        yield from declared(inner)


def test_every_route_is_in_the_table_of_who_may_call_it(routes):
    found = {(method, path) for path, route in routes for method in methods_of(route)}
    assert found == set(ACCESS)


def test_every_endpoint_declares_what_the_table_says(routes):
    for path, route in routes:
        if not isinstance(route, APIRoute):
            continue  # a page, whose handlers ask for whom they need; see below
        calls = list(declared(route.dependant))  # codespell:ignore dependant
        said = {DECLARED[call] for call in calls if call in DECLARED}
        by_router = any(getattr(call, "__name__", "") == "admit" for call in calls)
        for method in methods_of(route):
            access = ACCESS[method, path]
            assert said == {access} or (not said and by_router and access == "session or key")


def ask(service, method, path):
    """Ask as nobody, in JSON."""
    filled = path.replace(":path}", "}")
    while "{" in filled:
        start, _, rest = filled.partition("{")
        filled = f"{start}7d2f0b0a-3c1e-4d5f-8a6b-0123456789ab{rest.partition('}')[2]}"
    with visitor(service, accept="application/json") as client:
        meant = {"_method": "put"} if path == "/users/settings" else {}
        sent = {"json": meant} if method in {"POST", "PUT"} else {}
        return client.request(method, filled, **sent)


@pytest.mark.parametrize(("method", "path"), REFUSED)
def test_nobody_is_refused_where_somebody_is_asked_for(service, method, path):
    assert ask(service, method, path).status_code == 401


@pytest.mark.parametrize(("method", "path"), OPEN)
def test_nobody_is_let_in_where_anybody_may(service, method, path):
    answer = ask(service, method, path)
    assert answer.status_code < 500
    # a log-in that makes no sense is refused as one that is wrong
    assert answer.status_code not in {401, 403} or path.startswith("/users/log-in/")
