"""Two API processes and a worker on one PostgreSQL."""

import time
from contextlib import ExitStack

import pytest

from support.paced_service import PacedService, listening, revoke_on_page
from support.phoenix_clients import events_among, needs_node

pytestmark = needs_node

SOON_S = 1.0
"""Revocations are announced."""


@pytest.fixture
def hosts(tmp_path, postgres_url):
    """Two that answer, and one that works, which share the folder as they would a storage."""
    settings = {"STEMWRIGHT_DATABASE_URL": postgres_url}
    commands = [("serve", "--no-worker")] * 2 + [("worker",)]
    with ExitStack() as stack:
        yield [
            stack.enter_context(PacedService(tmp_path / "data", settings, command=command))
            for command in commands
        ]


def test_events_and_revocations_reach_clients_of_either_host(hosts, node):
    here, there, _ = hosts
    with listening(here) as ann:
        here.hold(4)
        job = ann.order("processing")
        clients = [node.connect("phoenix", host.endpoint, ann.key) for host in (here, there)]
        for client in clients:
            client.join(job)
            client.hear("join", status="ok")
        here.release()
        told = [client.hear_all("event", event="job:completed") for client in clients]
        revoke_on_page(ann)
        revoked_at = time.monotonic()

        for client, heard in zip(clients, told, strict=True):
            progress = [it["progress"] for it in events_among(heard)[:-1]]
            assert (progress, progress[-1]) == (sorted(progress), 100)
            closed = client.hear("closed")
            assert closed["code"] == 1001
            assert closed["at"] - revoked_at < SOON_S
            client.close()
