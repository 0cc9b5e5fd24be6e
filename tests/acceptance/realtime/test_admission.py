"""Who may listen at the service, and for how long."""

import time

import pytest

from support.forge_people import post
from support.paced_service import PacedService, cookies_of, listening, revoke_on_page
from support.phoenix_clients import PACKAGES, needs_node

pytestmark = needs_node

FOREIGN = "https://elsewhere.example"
SOON_S = 2.0
"""Whether callers may stay is looked at every second."""


@pytest.mark.parametrize("package", PACKAGES.values())
def test_a_client_with_a_wrong_key_is_refused_before_the_upgrade(ann, dial, package):
    assert dial(f"{ann.key[:-4]}0000", package).hear("refused")["status"] == 403
    assert dial(None, package).hear("refused")["status"] == 403


def test_jobs_of_others_are_not_to_be_joined(paced, ann, somebody, dial):
    paced.hold()
    client = dial(somebody.key)
    client.join(ann.order("stems"), "hers")
    client.join("6f0e", "nobody's")

    assert client.hear("join", **{"as": "hers"})["response"] == {"reason": "unauthorized"}
    assert client.hear("join", **{"as": "nobody's"})["response"] == {"reason": "not found"}


def revoke_by_command(person):
    person.service.run("keys", "revoke", person.key[:12])


@pytest.mark.parametrize("revoke", [revoke_by_command, revoke_on_page])
def test_revoking_a_key_closes_its_sockets_and_keeps_them_out(somebody, dial, revoke):
    clients = [dial(somebody.key, package) for package in PACKAGES.values()]
    for client in clients:
        client.hear("open")
    revoke(somebody)
    revoked_at = time.monotonic()

    for client in clients:
        closed = client.hear("closed")
        assert closed["code"] == 1001
        assert closed["at"] - revoked_at < SOON_S
        assert client.hear("refused")["status"] == 403


def test_logging_out_closes_the_sockets_of_the_session_alone(somebody, dial):
    by_session = dial(None, headers=cookies_of(somebody))
    by_key = dial(somebody.key)
    for client in (by_session, by_key):
        client.hear("open")
    post(somebody.browser, "/users/log-out", on="/users/settings", _method="delete")
    left_at = time.monotonic()

    closed = by_session.hear("closed")
    assert closed["code"] == 1001
    assert closed["at"] - left_at < SOON_S
    assert by_session.hear("refused")["status"] == 403
    assert by_key.everything(0.1) == []


def test_a_page_hears_by_its_session_what_is_its_owners(paced, ann, dial):
    paced.hold()
    client = dial(None, headers=cookies_of(ann))
    client.join(ann.order("processing"))

    assert client.hear("join")["status"] == "ok"


@pytest.mark.parametrize(
    ("origin", "status"), [(FOREIGN, 403), ("https://app.example", 101), ("null", 403)]
)
def test_pages_from_elsewhere_are_refused_unless_they_are_listed(ann, dial, origin, status):
    by_session = dial(None, headers=cookies_of(ann, origin))
    by_key = dial(ann.key, headers={"origin": origin})

    for client in (by_session, by_key):
        kind = "open" if status == 101 else "refused"
        assert client.hear(kind).get("status", 101) == status


def test_an_operator_may_let_in_more(tmp_path, node):
    settings = {"STEMWRIGHT_SOCKET_ANY_ORIGIN": "true", "STEMWRIGHT_SOCKET_ANONYMOUS": "true"}
    with PacedService(tmp_path / "data", settings) as service, listening(service) as owner:
        by_key = node.connect("phoenix", service.endpoint, owner.key, {"origin": FOREIGN})
        by_session = node.connect("phoenix", service.endpoint, None, cookies_of(owner, FOREIGN))
        anonymous = node.connect("phoenix", service.endpoint, None)
        job = owner.order("stems")
        by_key.join(job)
        anonymous.join(job)

        assert by_key.hear("join")["status"] == "ok"
        assert by_session.hear("refused")["status"] == 403
        assert anonymous.hear("join")["response"] == {"reason": "unauthorized"}
        for client in (by_key, by_session, anonymous):
            client.close()
