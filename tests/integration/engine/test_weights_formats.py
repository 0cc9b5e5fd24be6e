"""Published files of every kind, fetched from a real server and read with the real readers.

Their checksums are right in the catalogue, so that what refuses them is the reader itself.
"""

import hashlib
import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import save

from stemwright.engine.architectures import HDEMUCS, Checkpoint
from stemwright.engine.catalog import MODELS, Network, Source
from stemwright.engine.checkpoints import describe, read_safetensors
from stemwright.engine.conversion import convert_checkpoint
from stemwright.errors import DownloadFailed
from support.hub_server import HubServer
from support.random_networks import CASES, FOUR
from support.small_model import small_store
from support.torch_files import checkpoint, torch_file

CLASS = "demucs.hdemucs HDemucs"
TOLD = {"hybrid_old": True, "norm_groups": 2}


@pytest.fixture(scope="module")
def state():
    halves = CASES["hdemucs-unpadded"].state()
    return {name: array.astype(np.float16).astype(np.float32) for name, array in halves.items()}


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


def as_safetensors(state, **changes):
    metadata = describe(Checkpoint(HDEMUCS, state, TOLD), FOUR, MODELS["mdx_extra"].segment_s)
    half = {name: array.astype(np.float16) for name, array in state.items()}
    return save(half, {**metadata, **changes})


def as_package(state, klass=CLASS):
    return checkpoint(state, klass=klass, arguments=TOLD)


def published(hub, **files):
    """Serve files by suffix, in this order, as the sources of a model with one network."""
    sources = []
    for suffix, content in files.items():
        name = f"mine.{suffix}"
        hub.publish(f"/{name}", content)
        digest = hashlib.sha256(content).hexdigest()
        sources.append(Source("https", "https://mine.invalid", name, digest, len(content)))
    network = Network("mine", tuple(sources))
    return replace(MODELS["mdx_extra"], name="mine", networks=(network,), size_bytes=3_000_000)


def installed(hub, folder, model):
    store = small_store(folder, hub.url(""), convert=convert_checkpoint)
    return read_safetensors(store.pull(model))


@pytest.mark.parametrize(("suffix", "write"), [("th", as_package), ("safetensors", as_safetensors)])
def test_both_of_the_authors_formats_give_the_same_network(hub, tmp_path, state, suffix, write):
    found = installed(hub, tmp_path, published(hub, **{suffix: write(state)}))
    assert found.architecture is HDEMUCS
    assert (found.arguments["hybrid_old"], found.arguments["norm_groups"]) == (True, 2)
    for name, array in state.items():
        np.testing.assert_array_equal(found.state[name], array)


def test_both_formats_are_installed_as_one_and_the_same_file(hub, tmp_path, state):
    sums = set()
    for suffix, content in (("th", as_package(state)), ("safetensors", as_safetensors(state))):
        store = small_store(tmp_path / suffix, hub.url(""), convert=convert_checkpoint)
        path = store.pull(published(hub, **{suffix: content}))
        sums.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(sums) == 1


def hostile(_state):
    class Payload:
        def __reduce__(self):
            return os.system, ("touch owned",)

    return torch_file(pickle.dumps({"klass": Payload(), "state": {}}, protocol=2))


def other_stems(state):
    metadata = json.dumps({"sources": list(FOUR[::-1]), "norm_groups": 2})
    return as_safetensors(state, kwargs=metadata)


REFUSED = {
    "a hostile package": ("th", hostile, "posix.system, which no weights need"),
    "half a package": ("th", lambda s: as_package(s)[:40_000], "no zip archive"),
    "half a safetensors": ("safetensors", lambda s: as_safetensors(s)[:40_000], "not a usable"),
    "another class": ("th", lambda s: as_package(s, "demucs.demucs Demucs"), "demucs.demucs"),
    "a class of nobody": ("safetensors", lambda s: as_safetensors(s, klass="os.x"), "os.x"),
    "a quantised network": ("safetensors", lambda s: as_safetensors(s, structure="{}"), "quant"),
    "other stems": ("safetensors", other_stems, "gives vocals, other, bass, drums, but mine"),
    "another page": ("th", lambda _: b"<html>log in first</html>", "no zip archive"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_network_of_the_model_is_refused(hub, tmp_path, monkeypatch, state, what):
    suffix, write, said = REFUSED[what]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DownloadFailed, match=said):
        installed(hub, tmp_path / "models", published(hub, **{suffix: write(state)}))
    assert not (tmp_path / "models" / "mine").exists()
    assert not (tmp_path / "owned").exists()


def test_a_source_whose_file_is_refused_gives_way_to_the_next(hub, tmp_path, state):
    model = published(hub, th=hostile(state), safetensors=as_safetensors(state))
    assert list(installed(hub, tmp_path, model).state) == list(CASES["hdemucs-unpadded"].shapes)


def test_a_network_of_another_architecture_is_refused(hub, tmp_path, state):
    model = replace(published(hub, th=as_package(state)), architecture="htdemucs")
    with pytest.raises(DownloadFailed, match="holds a HDemucs, but mine is made of htdemucs"):
        installed(hub, tmp_path, model)
