"""The contract of the Sound Forge API, a row for each thing it says, over HTTP.

The rows are in ``support/forge_table_*.py``. What takes more than one request is beside this file.
"""

from __future__ import annotations

import pytest

from support.forge_contract import PROBLEMS, ROUTES
from support.forge_people import Person, post
from support.forge_rows import check, filled, fits, named
from support.forge_service import visitor
from support.forge_table_conventions import CONVENTIONS, HEALTH
from support.forge_table_daw import DAW
from support.forge_table_files import EXPORTS, FILES, LALALAI
from support.forge_table_jobs import ANALYSES, PROCESSING, STOPS
from support.forge_table_pages import PAGES, SUBMISSIONS
from support.forge_table_songs import DOWNLOADS, SPOTIFY

CHAPTERS = {
    "1 conventions": CONVENTIONS,
    "2 health": HEALTH,
    "3 spotify": SPOTIFY,
    "4 downloads": DOWNLOADS,
    "5 processing": PROCESSING,
    "6 analysis": ANALYSES,
    "7 daw": DAW,
    "8 lalal.ai": LALALAI,
    "9 export": EXPORTS,
    "10 files": FILES,
    "11 accounts": PAGES,
    "beyond": STOPS,
}
ROWS = [row for rows in CHAPTERS.values() for row in rows]
ELSEWHERE = {
    # with a service of its own, or in a story
    (429, "RATE_LIMITED"),
    (502, "lalalai_error"),
    (503, "service_unavailable"),
    (503, "unauthorized"),
}


@pytest.mark.parametrize("row", named(ROWS))
def test_answer_is_what_the_contract_says(row, world):
    check(row, world)


@pytest.mark.parametrize("form", SUBMISSIONS, ids=str)
def test_form_is_taken_as_the_contract_says(form, service, world):
    person = Person(service)
    client = person.browser if form.logged_in else visitor(service, accept="text/html")
    own = {name: person.email if text == "<own>" else text for name, text in form.fields.items()}
    answer = post(client, form.path, on=form.on, **filled(own, world))

    assert (answer.status_code, answer.headers.get("location")) == (form.status, form.location)
    for piece in form.shows:
        assert piece in answer.text
    if form.then:
        page = client.get(form.location)
        for piece in form.then:
            assert piece in page.text
    client.close()


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.label)
def test_every_route_has_rows(route):
    submitted = [("POST", form.path) for form in SUBMISSIONS]
    asked = [(row.method, row.path) for row in ROWS] + submitted
    assert any(route.serves(*one) for one in asked)


@pytest.mark.parametrize(
    "problem", PROBLEMS, ids=lambda problem: f"{problem.status} {problem.text or problem.code}"
)
def test_every_error_has_rows(problem):
    found = [
        row.body or {}
        for row in ROWS
        if row.status == problem.status and (row.body or {}).get("code") == problem.code
    ]
    assert found or (problem.status, problem.code) in ELSEWHERE
    if found and problem.text is not None:
        texts = [body["error"] for body in found]
        assert any(text == problem.text or fits(problem.text, text) for text in texts)
