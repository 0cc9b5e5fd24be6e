"""One service whose separations wait for the tests, people with accounts on it, and clients."""

import pytest

from support.paced_service import PacedService, listening
from support.phoenix_clients import PhoenixClients


@pytest.fixture(scope="package")
def service(tmp_path_factory):
    settings = {"STEMWRIGHT_SOCKET_ORIGINS": "app.example", "STEMWRIGHT_LOG_LEVEL": "debug"}
    with PacedService(tmp_path_factory.mktemp("realtime") / "data", settings) as service:
        yield service


@pytest.fixture(scope="package")
def node():
    with PhoenixClients() as node:
        yield node


@pytest.fixture(scope="package")
def ann(service):
    with listening(service) as ann:
        yield ann


@pytest.fixture
def somebody(service):
    """Who is there for one test."""
    with listening(service) as somebody:
        yield somebody


@pytest.fixture
def paced(service):
    """The service; what a test holds goes on after it."""
    yield service
    service.finish()


@pytest.fixture
def dial(node, service):
    """Connect a client; it is let go with the test."""
    clients = []

    def dialled(key, package="phoenix", **options):
        clients.append(node.connect(package, service.endpoint, key, **options))
        return clients[-1]

    yield dialled
    for client in clients:
        client.close()
