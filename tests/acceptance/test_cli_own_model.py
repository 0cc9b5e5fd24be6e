"""A network of the user's own, of a family the catalogue does not have, by the command line."""

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from support.random_networks import CASES
from support.scnet_models import describe, write_scnet
from support.signals import music
from support.torch_files import torch_file

SAMPLES = 5 * 44_100
COMMAND = [sys.executable, "-m", "stemwright", "separate", "song.wav", "--model", "mine", "--json"]


@pytest.fixture
def folder(tmp_path):
    soundfile.write(tmp_path / "song.wav", music(5.0).T, 44_100, "PCM_24")
    (tmp_path / "mine").mkdir()
    return tmp_path


def separate(folder, *options):
    return subprocess.run(
        [*COMMAND, "--no-download", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_an_scnet_gives_stems_of_the_songs_length(folder, runtime):
    case = CASES["scnet-small"]
    write_scnet(folder / "mine", case)

    found = separate(folder, "--runtime", runtime)

    assert found.returncode == 0, found.stderr
    stems = json.loads(found.stdout)["stems"]
    assert set(stems) == set(case.shape.sources)
    for file in stems.values():
        stem, rate = soundfile.read(folder / file)
        assert (stem.shape, rate) == ((SAMPLES, 2), 44_100)
        assert np.abs(stem).max() > 0


def test_the_terms_that_a_folder_names_are_shown(folder):
    write_scnet(folder / "mine", CASES["scnet-small"])
    terms = '\n[licence]\nname = "MIT"\nterms = "Do as you like."\nurl = "https://example.com"\n'
    with (folder / "mine" / "model.toml").open("a") as file:
        file.write(terms)

    found = separate(folder)

    assert found.returncode == 0, found.stderr
    assert "licence of these weights (MIT): Do as you like." in found.stderr


def test_what_is_not_said_of_an_scnet_is_asked_for(folder):
    write_scnet(folder / "mine", CASES["scnet-small"])
    describe(folder / "mine", {"dims": [4, 6, 8]})

    found = separate(folder)

    assert found.returncode == 5
    assert "band_SR" in found.stderr
    assert "model.toml" in found.stderr


def test_a_hostile_file_is_refused_in_one_line(folder):
    program = b"\x80\x02cposix\nsystem\n(X\x0b\x00\x00\x00touch ownedtR."
    write_scnet(folder / "mine", CASES["scnet-small"], torch_file(program))

    found = separate(folder)

    assert found.returncode == 5
    assert "posix.system" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (folder / "owned").exists()
