"""The published document, and whether the server keeps to it: thousands of odd requests."""

import json

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import (
    load_all_checks,
    negative_data_rejection,
    positive_data_acceptance,
)

from stemwright.dialects.stemsplit.app import create_app
from stemwright.dialects.stemsplit.openapi import document as document_of
from support.live_server import AppServer
from support.stemsplit_app import StemSplitBench

load_all_checks()
OPERATIONS = [
    result.ok()
    for result in schemathesis.openapi.from_dict(
        document_of(create_app(None), "/api/v1")
    ).get_all_operations()
]
TAKE_NOTHING = {"GET /balance", "GET /webhooks", "GET /openapi"}


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A server that counts no requests, and a key."""
    bench = StemSplitBench(tmp_path_factory.mktemp("document"), rate_limit=0)
    with AppServer(bench.app, lifespan="off") as server:
        yield server.url, bench.key()
    bench.close()


@pytest.fixture(scope="module")
def document(address):
    return httpx.get(f"{address}/api/v1/openapi", trust_env=False).json()


def test_document_describes_every_path(document):
    assert document["openapi"].startswith("3.1")
    assert document["servers"] == [{"url": "/api/v1"}]
    assert {*document["paths"]} == {
        *("/jobs", "/jobs/{id}", "/youtube-jobs", "/youtube-jobs/{id}", "/soundcloud-jobs"),
        *("/soundcloud-jobs/{id}", "/denoise-jobs", "/denoise-jobs/{id}", "/upload", "/balance"),
        *("/webhooks", "/webhooks/{id}", "/openapi"),
    }
    assert "422" not in json.dumps(document)


def test_document_gives_an_example_of_every_body_and_every_error(document):
    schemas = document["components"]["schemas"]

    for path in document["paths"].values():
        for operation in path.values():
            if body := operation.get("requestBody"):
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                assert schemas[name]["examples"]
            for status, answer in operation["responses"].items():
                if status >= "400":
                    assert answer["content"]["application/json"]["example"]["error"]["code"]


def test_document_asks_for_a_key_but_for_itself(document):
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert ("security" in operation) == (path != "/openapi")


@pytest.mark.parametrize(
    ("operation", "mode"),
    [
        pytest.param(operation, mode, id=f"{operation.label} {mode.value}")
        for operation in OPERATIONS
        for mode in GenerationMode
        if mode is GenerationMode.POSITIVE or operation.label not in TAKE_NOTHING
    ],
)
def test_server_keeps_to_its_document(operation, mode, busy):
    address, key = busy
    # a body may be well-formed and name an upload that is not there; an unknown query is ignored
    excluded = [positive_data_acceptance]
    if operation.label.startswith("GET"):
        excluded.append(negative_data_rejection)

    @settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def keeps_to_it(case):
        case.call_and_validate(
            base_url=f"{address}/api/v1",
            headers={"Authorization": f"Bearer {key}"},
            excluded_checks=excluded,
        )

    keeps_to_it()
