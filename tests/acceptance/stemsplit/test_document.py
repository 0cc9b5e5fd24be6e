"""The document that a real service publishes, and whether that service keeps to it."""

import httpx
import pytest

from support.live_server import Service
from support.stemsplit_clients import new_key
from support.stemsplit_document import RIGHT, WRONG, check_operation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def idle(tmp_path_factory, site):
    """A service that runs no jobs, and a key."""
    settings = {
        "STEMWRIGHT_ALLOW_PRIVATE_NETWORKS": "127.0.0.0/8",
        "STEMWRIGHT_YOUTUBE_URL_TEMPLATE": site.youtube_url_template,
        "STEMWRIGHT_SOUNDCLOUD_URL_TEMPLATE": site.soundcloud_url_template,
        "STEMWRIGHT_RATE_LIMIT_PER_MINUTE": "100000",
    }
    folder = tmp_path_factory.mktemp("idle") / "data"
    with Service(folder, settings, command=("serve", "--no-worker")) as service:
        yield f"{service.url}/api/v1", new_key(service)


def test_document_is_published_to_everybody(idle):
    answer = httpx.get(f"{idle[0]}/openapi", trust_env=False)

    assert answer.json()["openapi"].startswith("3.1")
    assert set(RIGHT) == {
        f"{method.upper()} {path}"
        for path, operations in answer.json()["paths"].items()
        for method in operations
    }


@pytest.mark.parametrize("label", RIGHT)
def test_service_keeps_to_its_document(label, idle):
    check_operation(label, *idle, examples=10)


@pytest.mark.parametrize("label", WRONG)
def test_service_refuses_what_its_document_does_not_allow(label, idle):
    check_operation(label, *idle, wrong=True, examples=10)
