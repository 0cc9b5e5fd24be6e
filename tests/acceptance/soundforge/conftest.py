"""One service for all that only asks, another one where limits are low and nothing is set up."""

from __future__ import annotations

import pytest

from support.forge_service import LICENCE, NO_LIMITS, ForgeService, Surroundings
from support.forge_world import ForgeWorld


@pytest.fixture(scope="package")
def around(tmp_path_factory):
    with Surroundings(tmp_path_factory.mktemp("around")) as around:
        yield around


@pytest.fixture(scope="package")
def service(tmp_path_factory, around):
    settings = {**around.settings(), **NO_LIMITS, "STEMWRIGHT_LALALAI_API_KEY": LICENCE}
    with ForgeService(tmp_path_factory.mktemp("forge"), settings) as service:
        around.spotify.accounts.redirect_urls.add(f"{service.url}/auth/spotify/callback")
        yield service


@pytest.fixture(scope="package")
def world(service, around):
    world = ForgeWorld(service, around)
    yield world
    world.close()
