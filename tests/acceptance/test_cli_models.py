"""Every model by the command line, from a hub to stems: random weights of the real sizes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwright.engine.catalog import MODELS
from support.hub_server import HubServer
from support.published_models import Published, publish_htdemucs, publish_mdx_extra
from support.signals import music

pytestmark = [pytest.mark.long, pytest.mark.slow]

SCRIPT = Path(__file__).parents[1] / "support" / "catalogue_cli.py"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    with HubServer() as hub:
        hub_and_pins = Published(hub)
        publish_htdemucs(hub_and_pins, "htdemucs_ft")
        publish_htdemucs(hub_and_pins, "htdemucs_6s")
        publish_mdx_extra(hub_and_pins)
        hub_and_pins.write_catalogue(folder / "catalogue.json")
        soundfile.write(folder / "song.wav", music(3.0).T, 44_100, "PCM_24")
        hub_and_pins.folder = folder
        yield hub_and_pins


@pytest.fixture
def run(published):
    def run(*arguments):
        environment = {
            **os.environ,
            "PYTHONPATH": str(SCRIPT.parents[1]),
            "CATALOGUE": str(published.folder / "catalogue.json"),
            "STEMWRIGHT_DATA_DIR": str(published.folder / "data"),
            "STEMWRIGHT_MODEL_SOURCES": published.hub.url(""),
        }
        found = subprocess.run(
            [sys.executable, str(SCRIPT), *arguments],
            cwd=published.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return found

    return run


def stems_of(found, folder):
    paths = json.loads(found.stdout)["stems"]
    return {stem: soundfile.read(folder / path)[0].T for stem, path in paths.items()}


@pytest.mark.parametrize("name", ["htdemucs_ft", "htdemucs_6s", "mdx_extra"])
def test_a_model_is_fetched_and_separates(run, published, name):
    found = run("separate", "song.wav", "--model", name, "-o", name, "--json")
    document = json.loads(found.stdout)
    stems = stems_of(found, published.folder)

    assert document["model"] == name
    assert tuple(stems) == MODELS[name].stems
    assert all(stem.shape == (2, 3 * 44_100) and stem.std() > 1e-4 for stem in stems.values())
    assert "research and personal use" in found.stderr
    listed = {it["name"]: it for it in json.loads(run("models", "list", "--json").stdout)}
    assert listed[name]["disk_bytes"] == pytest.approx(MODELS[name].size_bytes, rel=0.001)


def test_one_stem_of_a_bag_is_the_same_by_itself(run, published):
    command = ("separate", "song.wav", "--model", "htdemucs_ft", "--precision", "f32", "--json")
    every = stems_of(run(*command, "-o", "every"), published.folder)
    alone = stems_of(run(*command, "-o", "alone", "--stems", "2"), published.folder)

    np.testing.assert_array_equal(alone["vocals"], every["vocals"])
    mixture = soundfile.read(published.folder / "song.wav")[0].T
    np.testing.assert_array_equal(alone["vocals"] + alone["instrumental"], mixture)


def test_a_file_of_weights_is_a_model_by_its_path(run, published):
    network = published.folder / "data" / "models" / "htdemucs_6s" / "weights.safetensors"
    run("models", "pull", "htdemucs_6s")
    found = run("separate", "song.wav", "--model", str(network), "-o", "own", "--json")
    assert tuple(stems_of(found, published.folder)) == MODELS["htdemucs_6s"].stems
