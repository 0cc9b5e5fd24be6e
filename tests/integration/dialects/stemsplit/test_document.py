"""The published document, and whether the server keeps to it: thousands of odd requests."""

import json

import httpx
import pytest

from support.live_server import AppServer
from support.stemsplit_app import StemSplitBench
from support.stemsplit_document import RIGHT, WRONG, check_operation


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """The address of a server that counts no requests, and a key."""
    bench = StemSplitBench(tmp_path_factory.mktemp("document"), rate_limit=0)
    with AppServer(bench.app, lifespan="off") as server:
        yield f"{server.url}/api/v1", bench.key()
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


@pytest.mark.parametrize("label", RIGHT)
def test_server_keeps_to_its_document(label, busy):
    check_operation(label, *busy)


@pytest.mark.parametrize("label", WRONG)
def test_server_refuses_what_its_document_does_not_allow(label, busy):
    check_operation(label, *busy, wrong=True)
