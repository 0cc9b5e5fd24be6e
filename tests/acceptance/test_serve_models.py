"""The models of a service that runs, managed in a browser: real processes, a real model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stemwright.engine.catalog import DENOISE_MODEL
from stemwright.settings import Settings
from support.browsers import PASSWORD, Browser, csrf_of
from support.hub_server import HubServer
from support.live_server import Service, wait_until

PATH = "/settings/models"
ADA = "ada@example.org"
NAME = DENOISE_MODEL.name


@pytest.fixture(scope="module")
def weights():
    """The published file itself, as it is kept."""
    path = Settings.load().models_dir / NAME / DENOISE_MODEL.networks[0].installed_file
    if not path.exists():
        pytest.skip(f"{NAME} is not installed: `make setup` installs it")
    return path.read_bytes()


@pytest.fixture
def service(tmp_path, weights):
    """It finds one of the two models that it wants, and of the other nothing."""
    with HubServer() as hub:
        hub.publish(f"/{DENOISE_MODEL.networks[0].sources[0].file_name}", weights)
        environment = {
            "STEMWRIGHT_MODEL_SOURCES": hub.url(""),
            "STEMWRIGHT_MODELS_DIR": str(tmp_path / "models"),
        }
        with Service(tmp_path / "data", environment) as service:
            yield service


@pytest.fixture
def admin(service):
    browser = Browser(service.url, {})
    browser.submit("/users/register", email=ADA, password=PASSWORD)
    browser.log_in(ADA)
    assert browser.get(PATH).status_code == 403
    service.run("users", "promote", ADA)
    yield browser
    browser.client.close()


def models(browser):
    answer = browser.get(PATH, headers={"accept": "application/json"})
    return {it["name"]: it for it in answer.json()["data"]["models"]}


def press(browser, **fields):
    form = {"_csrf_token": csrf_of(browser.get(PATH)), **fields}
    return browser.client.post(PATH, data=form, follow_redirects=True)


def test_models_come_and_go_while_the_service_runs(service, admin):
    wait_until(lambda: models(admin)[NAME]["installed"], f"{NAME}, which serve fetches itself")
    wait_until(lambda: models(admin)["htdemucs"]["installation"]["state"] == "failed", "a 404")
    assert models(admin)[NAME]["licence"]["accepted"]["how"] == "unattended"
    assert "404" in admin.get(PATH).text

    assert f"{NAME} is removed." in press(admin, action="remove", model=NAME).text
    assert "nobody has accepted" in press(admin, action="install", model=NAME).text
    press(admin, action="install", model=NAME, accept_licence="true")
    wait_until(lambda: models(admin)[NAME]["installed"], f"{NAME} again")
    accepted = models(admin)[NAME]["licence"]["accepted"]
    assert (accepted["by"], accepted["how"]) == (ADA, "studio")

    chosen = service.run("models", "default", "best", "mdx_extra")
    assert chosen.startswith("best: mdx_extra")
    assert "It is to run mdx_extra" in admin.get(PATH).text
    # what converts and runs weights is loaded by children alone
    loaded = Path(f"/proc/{service.pid}/maps").read_text()
    assert not re.search(r"numpy|openvino|onnxruntime", loaded)
