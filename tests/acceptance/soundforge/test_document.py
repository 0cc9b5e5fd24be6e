"""The document that a real service publishes, and whether that service keeps to it."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    load_all_checks,
    negative_data_rejection,
    positive_data_acceptance,
)

from stemwright.dialects.soundforge.examples import BODIES
from support.forge_people import Person
from support.forge_service import NO_LIMITS, ForgeService, visitor

pytestmark = pytest.mark.slow

load_all_checks()
OPERATIONS = (
    "POST /api/spotify/fetch",
    "POST /api/download/track",
    "GET /api/download/job/{job_id}",
    "DELETE /api/download/job/{job_id}",
    "POST /api/processing/separate",
    "GET /api/processing/job/{job_id}",
    "DELETE /api/processing/job/{job_id}",
    "GET /api/processing/models",
    "POST /api/analysis/analyze",
    "GET /api/analysis/job/{job_id}",
    "DELETE /api/analysis/job/{job_id}",
    "POST /api/daw/export",
    "GET /api/lalalai/quota",
    "POST /api/lalalai/cancel",
    "POST /api/lalalai/cancel-all",
    "GET /api/jobs/{job_id}/events",
    "GET /api/openapi",
    "GET /export/stem/{stem_id}",
    "GET /export/stems/{track_id}",
    "GET /export/analysis/{track_id}",
    "GET /files/{path}",
)
EXAMPLE = "3n3Ppam7vgaVa1iaRUc9Lp"
_TAKES_NOTHING = {
    "GET /api/processing/models",
    "GET /api/lalalai/quota",
    "POST /api/lalalai/cancel-all",
    "GET /api/openapi",
}
_TAKES_ANY_TEXT = {label for label in OPERATIONS if label.startswith(("GET /export", "GET /files"))}
WRONG = [label for label in OPERATIONS if label not in _TAKES_NOTHING | _TAKES_ANY_TEXT]


@pytest.fixture(scope="module")
def idle(tmp_path_factory, around):
    """A service that runs no jobs; what the document's examples name is there."""
    example = BODIES["POST /api/spotify/fetch"]["url"].rpartition("/")[2]
    tracks = around.spotify.catalogue.tracks
    tracks[example] = {**around.spotify.catalogue.track(9400, "Of the document"), "id": example}
    folder, environment = tmp_path_factory.mktemp("idle"), {**around.settings(), **NO_LIMITS}
    with ForgeService(folder, environment, command=("serve", "--no-worker")) as service:
        yield service


@pytest.fixture(scope="module")
def headers(idle):
    """A key, and a session with its token."""
    person = Person(idle)
    cookie = "; ".join(f"{name}={value}" for name, value in person.browser.cookies.items())
    yield {
        "Authorization": f"Bearer {person.key}",
        "cookie": cookie,
        "x-csrf-token": person.token,
    }
    person.close()


@pytest.fixture(scope="module")
def document(idle):
    with visitor(idle) as client:
        return client.get("/api/openapi").raise_for_status().json()


@pytest.fixture(scope="module")
def operations(document):
    loaded = schemathesis.openapi.from_dict(document).get_all_operations()
    return {operation.label: operation for operation in (result.ok() for result in loaded)}


def keeps_to_it(operation, url, headers, mode, examples):
    """Send what the document allows, or does not; no answer may be of another kind than it says."""
    # a body may be well-formed and name a track that is not there; an unknown query is ignored
    excluded = [positive_data_acceptance]
    if operation.label.startswith(("GET", "DELETE")):
        excluded.append(negative_data_rejection)

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def checked(case):
        case.call_and_validate(base_url=url, headers=headers, excluded_checks=excluded)

    checked()


def test_document_is_published_to_everybody_and_complete(document, operations):
    assert document["openapi"].startswith("3.1")
    assert set(operations) == set(OPERATIONS)


@pytest.mark.parametrize("label", OPERATIONS)
def test_service_keeps_to_its_document(label, operations, idle, headers):
    keeps_to_it(operations[label], idle.url, headers, GenerationMode.POSITIVE, 8)


@pytest.mark.parametrize("label", WRONG)
def test_service_refuses_what_its_document_does_not_allow(label, operations, idle, headers):
    keeps_to_it(operations[label], idle.url, headers, GenerationMode.NEGATIVE, 8)
