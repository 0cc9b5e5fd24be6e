"""Older weights are pickles: programs that we read and do not run."""

import contextlib
import os
import pickle
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwright.engine.architectures import HDEMUCS
from stemwright.engine.checkpoints import read_torch
from stemwright.engine.torch_file import ClassName, UnusableTorchFile, read_package
from stemwright.errors import WeightsCorrupt, WeightsMissing
from support.random_networks import CASES
from support.reference import htdemucs_state
from support.torch_files import checkpoint, name_of, number, tensor, text, torch_file

BY_TORCH = Path(__file__).with_name("saved_by_torch.th")
"""A package of the authors' layout around a Linear(3, 2) in half precision, saved by torch 2.13."""


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "weights.th"
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="module")
def state():
    return {
        name: array.astype(np.float16).astype(np.float32)
        for name, array in htdemucs_state(np.random.default_rng(0)).items()
    }


def test_a_file_that_torch_saved_is_read_to_the_last_bit():
    package = read_package(BY_TORCH)
    assert package["klass"] == ClassName("demucs.htdemucs", "HTDemucs")
    assert package["kwargs"] == {"sources": ["a"], "segment": Fraction(39, 5)}
    expected = np.load(BY_TORCH.with_suffix(".npz"))
    assert list(package["state"]) == ["weight", "bias"]
    for name, array in package["state"].items():
        np.testing.assert_array_equal(array, expected[name])


@pytest.mark.parametrize("half", [True, False])
def test_weights_of_htdemucs_come_out_as_they_were(write, state, half):
    found = read_torch(write(checkpoint(state, half=half))).state
    assert set(found) == set(state)
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, state[name])


class Payload:
    """What runs a command as soon as an ordinary unpickler meets it."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


HOSTILE = {
    "a call of os.system": name_of("posix system") + b"(" + text("touch owned") + b"tR",
    "a call of eval": name_of("builtins eval") + b"(" + text("open('owned', 'w')") + b"tR",
    "an old-style instance": b"(" + text("touch owned") + b"iposix\nsystem\n",
    "a new-style object": name_of("subprocess Popen") + b"(" + text("touch owned") + b"t\x81",
    "a name from the stack": text("posix") + text("system") + b"\x93" + b"(" + text("x") + b"tR",
    "a getattr chain": name_of("builtins getattr") + b"(" + text("x") + text("y") + b"tR",
    "torch's own loader": name_of("torch.storage _load_from_bytes") + b"(" + text("x") + b"tR",
    "a call of a class of demucs": name_of("demucs.htdemucs HTDemucs") + b")R",
    "an extension code": b"\x82\x01",
}


@pytest.mark.parametrize("payload", HOSTILE)
def test_a_hostile_pickle_executes_nothing(write, tmp_path, monkeypatch, payload):
    monkeypatch.chdir(tmp_path)
    program = b"\x80\x02" + HOSTILE[payload] + b"."
    with pytest.raises(UnusableTorchFile):
        read_package(write(torch_file(program)))
    assert [entry.name for entry in tmp_path.iterdir()] == ["weights.th"]


def test_what_a_real_pickler_makes_of_a_payload_executes_nothing(write, tmp_path):
    target = tmp_path / "owned"
    program = pickle.dumps({"klass": "x", "state": Payload(target)}, protocol=2)
    with pytest.raises(UnusableTorchFile, match="system"):
        read_package(write(torch_file(program)))
    assert not target.exists()


def test_a_tensor_that_reaches_beyond_its_storage_is_refused(write):
    program = b"\x80\x02" + tensor("0", (4,), half=False, offset=1) + b"."
    with pytest.raises(UnusableTorchFile, match="beyond its storage"):
        read_package(write(torch_file(program, {"0": bytes(16)})))


@pytest.mark.parametrize("data", [bytes(8), bytes(24), None], ids=["short", "long", "missing"])
def test_a_storage_of_another_size_than_stated_is_refused(write, data):
    program = b"\x80\x02" + tensor("0", (4,), half=False) + b"."
    with pytest.raises(UnusableTorchFile, match="data/0"):
        read_package(write(torch_file(program, {} if data is None else {"0": data})))


def test_a_compressed_member_is_refused_before_it_is_unpacked(write):
    bomb = torch_file(bytes(32 << 20), compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UnusableTorchFile, match="compressed"):
        read_package(write(bomb))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no zip archive"),
        (b"\x80\x02}.", "no zip archive"),
        (torch_file(b"\x80\x02" + number(3) + b"."), "instead of a dictionary"),
        (torch_file(b"\x80\x02}"), "damaged"),
    ],
    ids=["empty", "legacy format", "a number", "cut off"],
)
def test_a_file_of_another_kind_is_one_clear_error(write, content, said):
    with pytest.raises(WeightsCorrupt, match=said) as raised:
        read_torch(write(content))
    assert "weights.th" in str(raised.value)


def test_another_class_is_named(write, state):
    with pytest.raises(WeightsCorrupt, match=r"holds weights of demucs\.demucs\.Demucs"):
        read_torch(write(checkpoint(state, klass="demucs.demucs Demucs")))


def test_a_class_by_its_older_name_is_the_class(write):
    hybrid = CASES["hdemucs-unpadded"]
    package = checkpoint(
        hybrid.state(),
        half=False,
        klass="demucs.wdemucs WDemucs",
        arguments={"hybrid_old": True, "norm_groups": 2},
    )
    found = read_torch(write(package))
    assert found.architecture is HDEMUCS
    assert found.arguments["hybrid_old"] is True
    for name, array in hybrid.state().items():
        np.testing.assert_array_equal(found.state[name], array)


def test_tensors_among_the_arguments_are_refused(write, state):
    arguments = b"}(" + text("depth") + tensor("0", (1536,), half=True) + b"u"
    with pytest.raises(WeightsCorrupt, match="depth="):
        read_torch(write(checkpoint(state, kwargs=arguments)))


def test_a_missing_parameter_is_named(write, state):
    lacking = {name: array for name, array in state.items() if name != "encoder.0.conv.weight"}
    with pytest.raises(WeightsCorrupt, match=r"encoder\.0\.conv\.weight"):
        read_torch(write(checkpoint(lacking)))


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(WeightsMissing, match=r"nowhere\.th"):
        read_torch(tmp_path / "nowhere.th")


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), bytes_=st.binary(min_size=1, max_size=4))
def test_damage_anywhere_is_refused_or_harmless(tmp_path_factory, position, bytes_):
    content = bytearray(BY_TORCH.read_bytes())
    start = position % len(content)
    content[start : start + len(bytes_)] = bytes_
    path = tmp_path_factory.mktemp("damaged") / "weights.th"
    path.write_bytes(content)
    with contextlib.suppress(UnusableTorchFile):
        read_package(path)
