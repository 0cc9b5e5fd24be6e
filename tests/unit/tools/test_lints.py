"""Each rule of tools/lints reports what it is for, and lets the honest case pass."""

from pathlib import PurePosixPath

import pytest
from rules import Source, findings

ENGINE = "src/stemwright/engine/join.py"


def rules_broken(text, path=ENGINE):
    return [finding.rule for finding in findings([Source.parse(PurePosixPath(path), text)])]


@pytest.mark.parametrize(
    "path", ["src/stemwright/audio/utils.py", "src/stemwright/audio/helpers/__init__.py"]
)
def test_a_module_named_for_nothing_is_reported(path):
    assert rules_broken("", path) == ["vague-name"]


def test_a_module_named_for_what_it_holds_passes():
    assert rules_broken("", "src/stemwright/audio/resample.py") == []


@pytest.mark.parametrize(
    "text",
    [
        'def load_weights(path):\n    """Load the weights from the path."""',
        'class SongFile:\n    """A song file."""',
        'class Songs:\n    def __init__(self):\n        """Initialize."""',
    ],
)
def test_a_docstring_that_repeats_the_name_is_reported(text):
    assert rules_broken(text) == ["restated-name"]


@pytest.mark.parametrize(
    "text",
    [
        "def load_weights(path): ...",
        'def load_weights(path):\n    """Read float32 tensors; half precision is widened."""',
    ],
)
def test_no_docstring_or_one_with_a_fact_passes(text):
    assert rules_broken(text) == []


SHAPELESS = 'def fade(block: NDArray[np.float32]) -> None:{comment}\n    """Fall to silence."""'


def test_an_array_function_without_a_shape_is_reported():
    assert rules_broken(SHAPELESS.format(comment="")) == ["array-contract"]


def test_an_excuse_with_a_reason_is_accepted_and_one_without_is_not():
    assert rules_broken(SHAPELESS.format(comment="  # lint: skip array-contract: any")) == []
    assert rules_broken(SHAPELESS.format(comment="  # lint: skip array-contract:")) != []


@pytest.mark.parametrize(
    "text",
    [
        'def fade(block: NDArray[np.float32]):\n    """Fall to silence, [channels, samples]."""',
        "def _fade(block: NDArray[np.float32]): ...",
        "class _Fade:\n    def fade(self, block: NDArray[np.float32]): ...",
        "def fade(seconds: float): ...",
        "def multiply(left: Node, right: Node | NDArray[np.float32]) -> Node: ...",
    ],
)
def test_stated_shapes_and_private_functions_pass(text):
    assert rules_broken(text) == []


def test_a_method_inherits_the_shape_its_protocol_states():
    protocol = 'class R(Protocol):\n    def infer(self, x: NDArray):\n        """[channels]."""\n'
    assert rules_broken(protocol + "class Own:\n    def infer(self, x: NDArray): ...") == []


def test_arrays_outside_audio_and_engine_are_not_asked_for_shapes():
    assert rules_broken(SHAPELESS.format(comment=""), "src/stemwright/features/x.py") == []
