"""Weights in one form, whatever file they came from.

A *state dict* maps the parameter names of ``demucs.htdemucs.HTDemucs`` (demucs 4) to float32
arrays of the shapes its ``state_dict()`` gives. Three kinds of file are understood:

- safetensors, as the authors publish them: the names as they are, the class and its arguments as
  JSON in the metadata. stemwright writes the same layout.
- The authors' older ``.th`` packages, as ``torch.save`` wrote them: the class, its arguments and
  the state in half precision.
- ONNX, as ``torch.onnx.export`` writes it. Most parameters keep their names. Where the exporter
  folded a transpose or a reshape into one, the tensor is anonymous and the operation that uses it
  still carries the path of the module: ``/encoder.0/dconv/layers.1/layers.1.4/Mul``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from stemwright.errors import WeightsCorrupt, WeightsMissing

from .onnx_file import Graph, read_graph
from .torch_file import UnusableTorchFile, read_package

StateDict: TypeAlias = dict[str, NDArray[np.float32]]
_Shape: TypeAlias = tuple[str, tuple[int, ...]]

HTDEMUCS_CLASS: Final = "demucs.htdemucs.HTDemucs"

_EMBEDDING_SCALE: Final = np.float32(10)
"""``emb_scale`` of HTDemucs: what its ScaledEmbedding multiplies with, folded by the exporter."""

_FLOAT32: Final = np.dtype("<f4")

_DEPTH: Final = 4
_CHANNELS: Final = 48
_AUDIO_CHANNELS: Final = 2
_KERNEL: Final = 8
_FREQUENCIES: Final = 512
_TRANSFORMER_LAYERS: Final = 5
_NAMES_SHOWN: Final = 4


def read_onnx(path: Path) -> StateDict:
    """Read the parameters of HTDemucs from an ONNX export with its STFT outside.

    Returns
    -------
    dict of str to float32 arrays
        Bit for bit what the export stores, turned back to torch's shapes.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is no whole ONNX file, or a parameter is missing, unknown or of the wrong shape.

    """
    try:
        graph = read_graph(path)
        state = {name: array for name, array in graph.tensors.items() if "::" not in name}
        state.update(_named_by_scope(graph))
    except OSError as error:
        raise _missing(path, error) from error
    except (ValueError, IndexError) as error:
        message = f"{path} is not a usable ONNX file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    return _checked(state, path)


def read_safetensors(path: Path) -> StateDict:
    """Read the parameters of HTDemucs from a safetensors file, half precision widened to float32.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is damaged, holds another class of model, or a parameter is missing, unknown or
        of the wrong shape.

    """
    try:
        with safe_open(str(path), framework="numpy") as file:
            _refuse_other_class(file.metadata() or {}, path)
            names = file.keys()
            state = {name: file.get_tensor(name).astype(np.float32, copy=False) for name in names}
    except OSError as error:
        raise _missing(path, error) from error
    except (SafetensorError, TypeError, AttributeError) as error:
        message = f"{path} is not a usable safetensors file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    return _checked(state, path)


def read_torch(path: Path) -> StateDict:
    """Read the parameters of HTDemucs from a ``.th`` package; nothing in it is executed.

    Raises
    ------
    WeightsMissing
        There is no such file.
    WeightsCorrupt
        The file is damaged or hostile, holds another class of model or a quantised one, or a
        parameter is missing, unknown or of the wrong shape.

    """
    try:
        package = read_package(path)
    except OSError as error:
        raise _missing(path, error) from error
    except UnusableTorchFile as error:
        message = f"{path} is not a usable torch file: {error}. Fetch it again."
        raise WeightsCorrupt(message) from error
    if str(package.get("klass")) != HTDEMUCS_CLASS:
        raise WeightsCorrupt(f"{path} holds a {package.get('klass')}, not a {HTDEMUCS_CLASS}.")
    state = package.get("state")
    arrays = isinstance(state, dict) and all(isinstance(x, np.ndarray) for x in state.values())
    if not isinstance(state, dict) or not arrays:
        raise WeightsCorrupt(f"{path} holds no plain parameters; it may be a quantised model.")
    return _checked({str(name): array for name, array in state.items()}, path)


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


def describe(state: StateDict, sources: Sequence[str]) -> dict[str, str]:
    """Say in the authors' metadata layout how to build the network these weights belong to.

    ``klass``, ``args`` and ``kwargs`` are what demucs' own loader reads: constructor arguments
    that differ from its defaults, fractions as tagged objects.
    """
    upsampler = state.get("channel_upsampler.weight")
    kwargs = {
        "sources": list(sources),
        "bottom_channels": 0 if upsampler is None else upsampler.shape[0],
        "dconv_mode": 3,
        "samplerate": 44100,
        "segment": {"_type": "fraction", "numerator": 39, "denominator": 5},
    }
    return {
        "architecture": "htdemucs",
        "klass": HTDEMUCS_CLASS,
        "args": "[]",
        "kwargs": json.dumps(kwargs),
    }


def _missing(path: Path, error: OSError) -> WeightsMissing:
    return WeightsMissing(f"cannot read weights from {path}: {error.strerror or error}")


def _refuse_other_class(metadata: Mapping[str, str], path: Path) -> None:
    found = metadata.get("klass", HTDEMUCS_CLASS)
    if found != HTDEMUCS_CLASS or "structure" in metadata:
        kind = f"quantised {found}" if "structure" in metadata else found
        message = f"{path} holds weights of {kind}; stemwright reads {HTDEMUCS_CLASS} in float"
        raise WeightsCorrupt(message)


# --- ONNX: from the path of an operation to the name of a parameter -----------------------------


def _named_by_scope(graph: Graph) -> StateDict:
    state: StateDict = {}
    for scope, operands in _anonymous_operands(graph).items():
        for suffix, array in _restored(scope, operands):
            state[f"{scope}.{suffix}" if scope else suffix] = np.ascontiguousarray(array)
    return state


def _anonymous_operands(graph: Graph) -> dict[str, dict[str, list[NDArray[np.float32]]]]:
    """Collect nameless tensors by module and by operator: {module: {operator: tensors}}.

    Sorted by operation name, so that ``MatMul`` (queries) precedes ``MatMul_1`` (keys, values).
    """
    found: dict[str, dict[str, list[NDArray[np.float32]]]] = defaultdict(lambda: defaultdict(list))
    for node in sorted(graph.nodes, key=lambda node: node.name):
        for name in node.inputs:
            if "::" in name and name in graph.tensors:
                found[_module(node.name)][node.operator].append(graph.tensors[name])
    return found


def _module(operation: str) -> str:
    """Turn ``/encoder.0/dconv/layers.1/layers.1.4/Mul`` into ``encoder.0.dconv.layers.1.4``.

    Modules inside a ModuleList repeat the list's own path; the repetition is dropped.
    """
    parts: list[str] = []
    for part in operation.split("/")[1:-1]:
        if parts and part.startswith(parts[-1] + "."):
            parts.pop()
        parts.append(part)
    return ".".join(parts)


def _restored(
    scope: str, operands: Mapping[str, list[NDArray[np.float32]]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Undo what the exporter folded: yields (parameter within the module, array in torch's shape).

    Mul and Add are the scale and shift of a GroupNorm, a lone Mul a LayerScale (both carry an
    extra axis); MatMul is a Linear, transposed; attention keeps its projections in one matrix,
    which the exporter splits for cross-attention; Expand is the frequency embedding.
    """
    match scope, operands:
        case _, {"Mul": [scale], "Add": [shift]}:
            yield "weight", scale.reshape(-1)
            yield "bias", shift.reshape(-1)
        case _, {"Mul": [scale]}:
            yield "scale", scale.reshape(-1)
        case _, {"MatMul": matrices} if scope.endswith("_attn"):
            yield "in_proj_weight", np.concatenate([matrix.T for matrix in matrices])
            if "Add" in operands:
                yield "in_proj_bias", np.concatenate(operands["Add"])
        case _, {"MatMul": [matrix]}:
            yield "weight", matrix.T
        case "", {"Expand": [embedding]}:
            # Dividing loses nothing: multiplied by ten again, float32 rounds to the stored value.
            yield "freq_emb.embedding.weight", embedding[0, :, :, 0].T / _EMBEDDING_SCALE


# --- What a whole HTDemucs has ------------------------------------------------------------------


def _checked(state: StateDict, path: Path) -> StateDict:
    """Return the state when it is one whole HTDemucs with finite values, in canonical order."""
    expected = _shapes_like(state)
    problems = {
        "missing": [name for name in expected if name not in state],
        "unknown": [name for name in state if name not in expected],
        "wrong shape": [
            name for name, array in state.items() if expected.get(name, array.shape) != array.shape
        ],
        "not finite": [name for name, array in state.items() if not np.isfinite(array).all()],
    }
    found = "; ".join(f"{what}: {_listed(names)}" for what, names in problems.items() if names)
    if found:
        message = f"{path} does not hold a whole HTDemucs ({found}). Fetch it again."
        raise WeightsCorrupt(message)
    return {name: state[name] for name in expected}


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _shapes_like(state: StateDict) -> dict[str, tuple[int, ...]]:
    """Shapes of the member of the family this state looks like, the four-stem model if unclear."""
    outputs = state.get("tdecoder.3.conv_tr.weight")
    upsampler = state.get("channel_upsampler.weight")
    return htdemucs_shapes(
        sources=4 if outputs is None or outputs.ndim < 2 else outputs.shape[1] // _AUDIO_CHANNELS,
        bottom_channels=0 if upsampler is None else upsampler.shape[0],
    )


def htdemucs_shapes(*, sources: int, bottom_channels: int) -> dict[str, tuple[int, ...]]:
    """Name every parameter of HTDemucs with its shape, in the order stemwright stores them.

    ``bottom_channels`` is the width of the transformer where 1x1 convolutions lead into it
    (``htdemucs``: 512); 0 where it has the width of the innermost encoder (``htdemucs_6s``).
    """
    inner = _CHANNELS * 2 ** (_DEPTH - 1)
    width = bottom_channels or inner
    shapes: dict[str, tuple[int, ...]] = {}
    # The spectrogram has two planes, real and imaginary, for each channel of audio.
    for branch, planes, kernel in (("", 2, (_KERNEL, 1)), ("t", 1, (_KERNEL,))):
        channels = _AUDIO_CHANNELS * planes
        shapes.update(_encoder_shapes(f"{branch}encoder", channels, kernel))
        shapes.update(_decoder_shapes(f"{branch}decoder", sources * channels, kernel))
    shapes["freq_emb.embedding.weight"] = (_FREQUENCIES, _CHANNELS)
    for branch in ("", "_t") if bottom_channels else ():
        shapes.update(_layer(f"channel_upsampler{branch}", (width, inner, 1)))
        shapes.update(_layer(f"channel_downsampler{branch}", (inner, width, 1)))
    shapes.update(_transformer_shapes(width))
    return shapes


def _encoder_shapes(name: str, inputs: int, kernel: tuple[int, ...]) -> Iterator[_Shape]:
    pointwise = (1,) * len(kernel)
    for level in range(_DEPTH):
        outputs = _CHANNELS * 2**level
        yield from _layer(f"{name}.{level}.conv", (outputs, inputs, *kernel))
        yield from _layer(f"{name}.{level}.rewrite", (2 * outputs, outputs, *pointwise))
        yield from _residual_shapes(f"{name}.{level}.dconv", outputs)
        inputs = outputs


def _decoder_shapes(name: str, last: int, kernel: tuple[int, ...]) -> Iterator[_Shape]:
    context = (3,) * len(kernel)
    for level in range(_DEPTH):
        inputs = _CHANNELS * 2 ** (_DEPTH - 1 - level)
        outputs = inputs // 2 if level < _DEPTH - 1 else last
        # A transposed convolution: torch stores inputs first.
        yield f"{name}.{level}.conv_tr.weight", (inputs, outputs, *kernel)
        yield f"{name}.{level}.conv_tr.bias", (outputs,)
        yield from _layer(f"{name}.{level}.rewrite", (2 * inputs, inputs, *context))
        yield from _residual_shapes(f"{name}.{level}.dconv", inputs)


def _residual_shapes(name: str, channels: int) -> Iterator[_Shape]:
    hidden = channels // 8
    for index in range(2):
        layer = f"{name}.layers.{index}"
        yield from _layer(f"{layer}.0", (hidden, channels, 3))
        yield from _layer(f"{layer}.1", (hidden,))
        yield from _layer(f"{layer}.3", (2 * channels, hidden, 1))
        yield from _layer(f"{layer}.4", (2 * channels,))
        yield f"{layer}.6.scale", (channels,)


def _transformer_shapes(width: int) -> Iterator[_Shape]:
    yield from _layer("crosstransformer.norm_in", (width,))
    yield from _layer("crosstransformer.norm_in_t", (width,))
    for branch in ("layers", "layers_t"):
        for index in range(_TRANSFORMER_LAYERS):
            layer = f"crosstransformer.{branch}.{index}"
            yield from _attention_shapes(layer, width, cross=index % 2 == 1)


def _attention_shapes(name: str, width: int, *, cross: bool) -> Iterator[_Shape]:
    attention = f"{name}.{'cross' if cross else 'self'}_attn"
    yield f"{attention}.in_proj_weight", (3 * width, width)
    yield f"{attention}.in_proj_bias", (3 * width,)
    yield from _layer(f"{attention}.out_proj", (width, width))
    yield from _layer(f"{name}.linear1", (4 * width, width))
    yield from _layer(f"{name}.linear2", (width, 4 * width))
    for norm in ("norm1", "norm2", *(["norm3"] if cross else []), "norm_out"):
        yield from _layer(f"{name}.{norm}", (width,))
    yield f"{name}.gamma_1.scale", (width,)
    yield f"{name}.gamma_2.scale", (width,)


def _layer(name: str, weight: tuple[int, ...]) -> Iterable[_Shape]:
    """Give a weight and its bias, one value per output."""
    return (f"{name}.weight", weight), (f"{name}.bias", weight[:1])
