"""Weights in one form, whatever file they came from.

A *state dict* maps the parameter names of a reference class to float32 arrays of the shapes its
``state_dict()`` gives; a :class:`Checkpoint` adds which class that is, and what it was made with.
Four kinds of file are understood:

- safetensors, as the authors publish them: the names as they are, the class and its arguments as
  JSON in the metadata. stemwright writes the same layout.
- The authors' older ``.th`` packages, as ``torch.save`` wrote them: the class, its arguments and
  the state in half precision.
- ONNX, as ``torch.onnx.export`` writes it, of HTDemucs; see ``onnx_names``.
- What ``torch.save`` makes of a state dict, bare or among the things a training keeps, or bare
  safetensors: they do not say what they hold, and whoever reads them has to (:class:`Told`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open

from stemwright.errors import WeightsCorrupt, WeightsMissing

from .architectures import (
    ARCHITECTURES,
    HTDEMUCS,
    Architecture,
    Arguments,
    Checkpoint,
    StateDict,
    architecture_named,
    architecture_of,
    sources_of,
)
from .model import Model
from .onnx_file import read_graph
from .onnx_names import named
from .torch_file import UnusableTorchFile, read_package

_FLOAT32: Final = np.dtype("<f4")
_NAMES_SHOWN: Final = 4
TORCH_SUFFIXES: Final = (".th", ".pt", ".ckpt")
_STATES: Final = ("best_state", "state", "state_dict", "model_state_dict")
"""Under which names trainings keep a network's weights, the best ones first."""
_IN_PARALLEL: Final = "module."
"""What torch puts before every name where several devices trained."""


@dataclass(frozen=True, slots=True)
class Told:
    """What files hold that do not say it."""

    architecture: Architecture
    arguments: Arguments


def read_onnx(path: Path) -> Checkpoint:
    """Read HTDemucs from an ONNX export with its STFT outside, to the last bit.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is no whole ONNX file, or a parameter is missing, unknown or of the wrong shape.

    """
    try:
        state = named(read_graph(path))
    except OSError as error:
        raise _missing(path, error) from error
    except (ValueError, IndexError) as error:
        message = f"{path} is not a usable ONNX file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    return _checked(HTDEMUCS, state, {}, path)


def read_safetensors(path: Path, told: Told | None = None) -> Checkpoint:
    """Read a safetensors file, half precision widened to float32.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is damaged, holds a class of model that is not known here, or a parameter is
        missing, unknown or of the wrong shape.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            bare = told if "klass" not in metadata else None
            architecture, arguments = (
                _described_in(metadata, path)
                if bare is None
                else (bare.architecture, bare.arguments)
            )
            names = file.keys()
            state = {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}
    except OSError as error:
        raise _missing(path, error) from error
    except (SafetensorError, TypeError, AttributeError) as error:
        message = f"{path} is not a usable safetensors file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    return _checked(architecture, state, arguments, path)


def read_torch(path: Path, told: Told | None = None) -> Checkpoint:
    """Read what ``torch.save`` wrote, a package or a state dict; nothing in it is executed.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is damaged or hostile, holds a class of model that is not known here or a quantised
        one, or a parameter is missing, unknown or of the wrong shape.

    """
    try:
        package = read_package(path)
    except OSError as error:
        raise _missing(path, error) from error
    except UnusableTorchFile as error:
        message = f"{path} is not a usable torch file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    if "klass" not in package:
        if told is None:
            raise WeightsCorrupt(
                f"{path} does not say what network it holds. Put it into a folder whose model.toml "
                "names an architecture, and name the folder: docs/own-models.md tells how."
            )
        return _checked(told.architecture, _state_among(package, path), told.arguments, path)
    architecture = _known(str(package["klass"]), path)
    arguments = _with_positional(package.get("kwargs"), package.get("args"))
    return _checked(architecture, _plain_state(package.get("state"), path), arguments, path)


def _state_among(package: dict[str, Any], path: Path) -> StateDict:
    """Find the weights among what a training kept, or take all of it for weights."""
    kept = (package[name] for name in _STATES if isinstance(package.get(name), dict))
    plain = _plain_state(next(kept, package), path)
    if all(name.startswith(_IN_PARALLEL) for name in plain):
        return {name.removeprefix(_IN_PARALLEL): array for name, array in plain.items()}
    return plain


def _plain_state(state: object, path: Path) -> StateDict:
    arrays = isinstance(state, dict) and all(isinstance(x, np.ndarray) for x in state.values())
    if not isinstance(state, dict) or not arrays:
        raise WeightsCorrupt(f"{path} holds no plain parameters; it may be a quantised model.")
    return {str(name): array for name, array in state.items()}


def read_checkpoint(path: Path, told: Told | None = None) -> Checkpoint:
    """Read a file of any kind by its suffix.

    Raises
    ------
    WeightsMissing, WeightsCorrupt

    """
    suffix = path.suffix.lower()
    if suffix == ".onnx":
        return read_onnx(path)
    return (read_torch if suffix in TORCH_SUFFIXES else read_safetensors)(path, told)


def write_safetensors(path: Path, state: StateDict, metadata: Mapping[str, str]) -> None:
    """Write a state dict as float32 with string metadata (see `describe`).

    The same weights and metadata always give the same bytes, so a checksum of the file means
    something; the library's own writer orders the metadata at random. Written one array at a
    time: the file is never in memory as a whole.
    """
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in state.items():
        start, end = end, end + array.size * _FLOAT32.itemsize
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": (start, end)}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in state.values():
            file.write(np.ascontiguousarray(array, _FLOAT32).data)


def describe(checkpoint: Checkpoint, sources: Sequence[str], segment: Fraction) -> dict[str, str]:
    """Say in the authors' metadata layout how to build the network these weights belong to.

    ``klass``, ``args`` and ``kwargs`` are what demucs' own loader reads: constructor arguments
    that differ from its defaults, fractions as tagged objects.
    """
    architecture = checkpoint.architecture
    told = architecture.options(checkpoint.arguments)
    kwargs = {
        "sources": list(sources),
        **architecture.described(checkpoint.state),
        **{name: value for name, value in told.items() if value != architecture.passed[name]},
        "samplerate": 44100,
        "segment": {
            "_type": "fraction",
            "numerator": segment.numerator,
            "denominator": segment.denominator,
        },
    }
    return {
        "architecture": architecture.name,
        "klass": architecture.classes[0],
        "args": "[]",
        "kwargs": json.dumps(kwargs),
    }


def refuse_other_model(checkpoint: Checkpoint, model: Model, path: Path) -> None:
    """Raise WeightsCorrupt where a whole network is not one of this model's.

    Raises
    ------
    WeightsCorrupt

    """
    found = checkpoint.architecture
    if found.name != model.architecture:
        raise WeightsCorrupt(
            f"{path} holds a {found.title}, but {model.name} is made of {model.architecture}."
        )
    given = len(model.stems)
    outputs = checkpoint.outputs
    stems = sources_of(checkpoint.arguments)
    if outputs != given or (stems is not None and stems != model.stems):
        says = f"{outputs} stems" if stems is None else ", ".join(stems)
        raise WeightsCorrupt(
            f"{path} gives {says}, but {model.name} gives {', '.join(model.stems)}."
        )


def told_of(model: Model) -> Told | None:
    """What a model says of its files; ``None`` where they say it themselves."""
    architecture = architecture_named(model.architecture)
    if architecture is None or model.arguments is None:
        return None
    return Told(architecture, model.arguments)


def _missing(path: Path, error: OSError) -> WeightsMissing:
    return WeightsMissing(f"cannot read weights from {path}: {error.strerror or error}")


def _described_in(metadata: Mapping[str, str], path: Path) -> tuple[Architecture, Arguments]:
    """Class and arguments as the authors' metadata say them; HTDemucs if they say nothing."""
    found = metadata.get("klass", HTDEMUCS.classes[0])
    architecture = _known(f"quantised {found}" if "structure" in metadata else found, path)
    try:
        arguments = _plain(json.loads(metadata.get("kwargs", "{}")))
        positional = _plain(json.loads(metadata.get("args", "[]")))
    except (ValueError, KeyError, TypeError, ZeroDivisionError, RecursionError) as error:
        message = f"{path} says in no readable way how its network is built: {error}"
        raise WeightsCorrupt(message) from error
    return architecture, _with_positional(arguments, positional)


def _known(klass: str, path: Path) -> Architecture:
    if (architecture := architecture_of(klass)) is None:
        known = ", ".join(each.classes[0] for each in ARCHITECTURES)
        raise WeightsCorrupt(f"{path} holds weights of {klass}; stemwright reads {known} in float")
    return architecture


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Undo the tagging of fractions."""
    if isinstance(value, dict):
        if value.get("_type") == "fraction":
            return Fraction(int(value["numerator"]), int(value["denominator"]))
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _with_positional(arguments: object, positional: object) -> Arguments:
    """Name the one argument that both classes may be given by position: the sources."""
    named_ones = dict(arguments) if isinstance(arguments, Mapping) else {}
    if isinstance(positional, list | tuple) and positional:
        named_ones.setdefault("sources", positional[0])
    return named_ones


def _checked(
    architecture: Architecture, state: StateDict, arguments: Arguments, path: Path
) -> Checkpoint:
    """Return one whole network with finite values, its parameters in canonical order."""
    if unsupported := architecture.unsupported(arguments):
        raise WeightsCorrupt(
            f"{path} holds a {architecture.title} of a kind that is not known here: "
            f"{_listed(unsupported)}"
        )
    expected = architecture.shapes_like(state)
    faults = {
        "missing": [name for name in expected if name not in state],
        "unknown": [name for name in state if name not in expected],
        "wrong shape": [
            name for name, array in state.items() if expected.get(name, array.shape) != array.shape
        ],
        "not finite": [name for name, array in state.items() if not np.isfinite(array).all()],
    }
    found = "; ".join(f"{what}: {_listed(names)}" for what, names in faults.items() if names)
    if found:
        message = f"{path} does not hold a whole {architecture.title} ({found}). Fetch it again."
        raise WeightsCorrupt(message)
    if problems := architecture.problems(state, arguments):
        raise WeightsCorrupt(f"{path}: {problems}.")
    return Checkpoint(architecture, {name: state[name] for name in expected}, arguments)


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
