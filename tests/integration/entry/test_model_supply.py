"""What a service does about models that it lacks when it starts."""

import pytest

from stemwright.engine.catalog import DENOISE_MODEL, find_model
from stemwright.entry.model_supply import fetch_missing, open_models
from stemwright.settings import Settings
from support.gain_cli import install_model
from support.hub_server import HubServer
from support.live_server import wait_until


def opened(folder, **settings):
    given = {f"STEMWRIGHT_{name}": value for name, value in settings.items()}
    return open_models(Settings.load({"STEMWRIGHT_DATA_DIR": str(folder), **given}))


@pytest.fixture
def hub():
    with HubServer() as hub:
        yield hub


def test_where_nothing_may_be_fetched_nothing_is_accepted(tmp_path):
    models = opened(tmp_path, MODEL_SOURCES="none")
    fetch_missing(models)
    assert not models.shelf().is_busy
    assert models.store.accepted.of(DENOISE_MODEL.licence) is None


def test_what_is_there_is_not_fetched(tmp_path, hub):
    for name in ("htdemucs", DENOISE_MODEL.name):
        install_model(tmp_path, name)
    models = opened(tmp_path, MODEL_SOURCES=hub.url(""))
    fetch_missing(models)
    assert not models.shelf().is_busy


def test_what_tiers_and_denoising_need_is_asked_for(tmp_path, hub, monkeypatch):
    monkeypatch.setenv("STEMWRIGHT_MODEL_SOURCES", hub.url(""))
    install_model(tmp_path, "htdemucs")
    models = opened(tmp_path, MODEL_SOURCES=hub.url(""))
    models.choose("best", "mdx_extra")
    fetch_missing(models)
    for name in ("mdx_extra", DENOISE_MODEL.name):
        wait_until(lambda name=name: models.find(name).installation.state == "failed", name)

    assert "404" in models.find("mdx_extra").installation.problem
    found = models.store.accepted.of(find_model("mdx_extra").licence)
    assert (found.by, found.how, found.is_said) == ("", "earlier", False)
    assert models.find("htdemucs_ft").installation is None
    models.close()


def test_what_the_policy_refuses_is_not_fetched(tmp_path, hub):
    models = opened(tmp_path, MODEL_SOURCES=hub.url(""), MODEL_LICENCE_POLICY="commercial")
    install_model(tmp_path, DENOISE_MODEL.name)
    fetch_missing(models)
    assert not models.shelf().is_busy
    assert hub.requests == []
