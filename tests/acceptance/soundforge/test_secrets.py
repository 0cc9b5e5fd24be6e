"""What people, Spotify and lalal.ai trust the service with is in no log, reply or plain row."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from support.forge_people import post
from support.forge_service import LICENCE, NO_LIMITS, ForgeService
from support.forge_world import ForgeWorld
from support.lalalai_server import Fault

pytestmark = pytest.mark.slow

OWN = "own-licence-key-77777777777777"
"""Of Alice's, at lalal.ai."""
SENT = {
    "password": "password-of-nobody-123",
    "magic link": "magic-link-of-somebody-0123456789",
    "Spotify's code": "code-of-spotify-0123456789",
    "state": "state-of-somebody-0123456789",
    "password in a link": "hunter2-hunter2",
    "token in a link": "token-of-a-link-0123456789",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory, around):
    """The service's log, its database, and the secrets that it was told."""
    settings = {**around.settings(), **NO_LIMITS, "STEMWRIGHT_LOG_LEVEL": "debug"}
    around.lalalai.account(OWN)
    with ForgeService(tmp_path_factory.mktemp("secrets"), settings) as service:
        world = ForgeWorld(service, around)
        secrets = {**SENT, **trusted(world), **linked(world)}
        entrust(world)
        world.close()
        database = b"".join(it.read_bytes() for it in service.data_dir.glob("*.sqlite3*"))
        yield service.log, database, secrets


def trusted(world):
    return {
        "key": world.key,
        "password of Alice": world.alice.password,
        "session": world.alice.browser.cookies["_sound_forge_key"],
        "csrf token": world.token,
        "own licence": OWN,
        "shared licence": LICENCE,
        "secret of the app": world.around.spotify.accounts.client_secret,
        "secret of the instance": (world.service.data_dir / "secret.key").read_text().strip(),
    }


def linked(world):
    """Link Alice with Spotify; what was exchanged on the way."""
    spotify, browser = world.around.spotify, world.alice.browser
    others = set(spotify.accounts._refresh_tokens)
    spotify.accounts.redirect_urls.add(f"{world.service.url}/auth/spotify/callback")
    asking = browser.get("/auth/spotify").headers["location"]
    back = httpx.get(asking, trust_env=False).headers["location"]
    assert browser.get(back.removeprefix(world.service.url)).status_code == 302
    assert world.bare_track
    [refresh] = set(spotify.accounts._refresh_tokens) - others
    return {"state of Alice": dict(parse_qsl(urlsplit(asking).query))["state"], "refresh": refresh}


def entrust(world):
    """Send secrets wherever they may be sent, rightly or by mistake."""
    browser, api, stranger = world.alice.browser, world.alice.api, world.stranger
    post(browser, "/users/settings", _method="put", action="update_lalalai_key", lalalai_key=OWN)
    page = browser.get("/users/settings").text
    assert OWN not in page
    world.done("processing", "/api/processing/separate", track_id=world.track, engine="lalalai")
    for status in (403, 500):
        world.service.advance(61)
        echo = json.dumps({"detail": f"bad key {OWN}"}).encode()
        world.around.lalalai.fails("limits/minutes_left", Fault(status, echo))
        answer = browser.get("/api/lalalai/quota", headers={"accept": "application/json"})
        assert answer.status_code == 502
        assert OWN not in answer.text
    api.get(f"/api/processing/models?token={world.key}&api_key={world.key}")
    stranger.get(f"/socket/websocket?token={world.key}&vsn=2.0.0")
    stranger.get(f"/users/log-in/{SENT['magic link']}")
    stranger.get(f"/users/settings/confirm-email/{SENT['magic link']}")
    code, state = SENT["Spotify's code"], SENT["state"]
    stranger.get(f"/auth/spotify/callback?code={code}&state={state}")
    post(stranger, "/users/log-in", email="nobody@example.org", password=SENT["password"])
    token = SENT["token in a link"]
    nowhere = f"http://user:{SENT['password in a link']}@127.0.0.1:1/a.mp3?token={token}"
    for url in (nowhere, f"{world.file_url}?X-Amz-Signature={token}"):
        api.post("/api/download/track", json={"url": url})


def test_no_secret_is_in_the_log(told):
    log, _, secrets = told

    assert "job ends" in log
    assert [name for name, secret in secrets.items() if secret in log] == []
    assert "Traceback" not in log


def test_what_opens_an_account_is_not_to_be_read_from_the_database(told):
    _, database, secrets = told
    # the file of a link is fetched at once where it is small; else its job needs the link
    kept = {name: it for name, it in secrets.items() if "in a link" not in name}

    assert database
    assert [name for name, secret in kept.items() if secret.encode() in database] == []
