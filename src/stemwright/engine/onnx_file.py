"""Read the tensors and the wiring of an ONNX file, and nothing else.

ONNX is a protobuf message, and finding the tensors needs about six of its fields. Reading those
here keeps the ``onnx`` package (31 MB) out of the default install, works whichever runtime is
installed, and returns the stored bytes untouched: a runtime's own importer folds, transposes and
renames constants on the way in.

Field numbers are those of the ``onnx.proto`` specification, https://github.com/onnx/onnx.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Value: TypeAlias = int | memoryview

_MODEL_GRAPH: Final = 7
_GRAPH_NODE: Final = 1
_GRAPH_INITIALIZER: Final = 5
_NODE_INPUT: Final = 1
_NODE_NAME: Final = 3
_NODE_OPERATOR: Final = 4
_TENSOR_DIMS: Final = 1
_TENSOR_TYPE: Final = 2
_TENSOR_FLOATS: Final = 4
_TENSOR_NAME: Final = 8
_TENSOR_RAW: Final = 9
_TENSOR_LOCATION: Final = 14

_DTYPES: Final[dict[int, np.dtype[Any]]] = {1: np.dtype("<f4"), 10: np.dtype("<f2")}

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_LONGEST_VARINT: Final = 10


@dataclass(frozen=True, slots=True)
class Node:
    """One operation: ``name`` carries the module path of the exporting framework."""

    name: str
    operator: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Graph:
    """The operations in file order, and the float tensors stored with them by name, as float32."""

    nodes: list[Node] = field(default_factory=list)
    tensors: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def read_graph(path: Path) -> Graph:
    """Read every operation and every stored float tensor.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        The bytes are not a whole ONNX file, or a tensor lies in a separate file.

    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    # Not closed by hand: a view kept alive by a traceback would make closing fail and hide the
    # error that matters. The map goes with its last view.
    return _parse_model(memoryview(mapped))


def _parse_model(view: memoryview) -> Graph:
    graph = Graph()
    for body in _submessages(view, _MODEL_GRAPH):
        for number, value in _fields(body):
            if number == _GRAPH_NODE:
                graph.nodes.append(_parse_node(_as_bytes(value)))
            elif number == _GRAPH_INITIALIZER:
                _add_tensor(graph, _as_bytes(value))
    if not graph.nodes:
        message = "it holds no ONNX graph"
        raise ValueError(message)
    return graph


def _submessages(view: memoryview, wanted: int) -> Iterator[memoryview]:
    return (_as_bytes(value) for number, value in _fields(view) if number == wanted)


def _parse_node(view: memoryview) -> Node:
    inputs: list[str] = []
    texts = {_NODE_NAME: "", _NODE_OPERATOR: ""}
    for number, value in _fields(view):
        if number == _NODE_INPUT:
            inputs.append(_as_text(value))
        elif number in texts:
            texts[number] = _as_text(value)
    return Node(texts[_NODE_NAME], texts[_NODE_OPERATOR], tuple(inputs))


def _add_tensor(graph: Graph, view: memoryview) -> None:
    shape: list[int] = []
    floats = bytearray()
    single: dict[int, Value] = {}
    for number, value in _fields(view):
        if number == _TENSOR_DIMS:
            shape.extend(_integers(value))
        elif number == _TENSOR_FLOATS:
            floats += _as_bytes(value)
        else:
            single[number] = value
    name = _as_text(single.get(_TENSOR_NAME, memoryview(b"")))
    if single.get(_TENSOR_LOCATION, 0) != 0:
        message = f"tensor {name} lies in a separate file; a self-contained export is needed"
        raise ValueError(message)
    dtype = _DTYPES.get(_as_int(single.get(_TENSOR_TYPE, 0)))
    if dtype is not None:
        data = _as_bytes(single.get(_TENSOR_RAW, memoryview(floats)))
        graph.tensors[name] = _array(name, data, dtype, shape)


def _array(
    name: str, data: memoryview, dtype: np.dtype[Any], shape: list[int]
) -> NDArray[np.float32]:
    if len(data) != dtype.itemsize * math.prod(shape):
        message = f"tensor {name} of shape {shape} holds {len(data)} bytes"
        raise ValueError(message)
    # A copy, always: the mapped file goes away.
    return np.frombuffer(data, dtype).astype(np.float32).reshape(shape)


def _fields(view: memoryview) -> Iterator[tuple[int, Value]]:
    position = 0
    while position < len(view):
        key, position = _varint(view, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(view, position)
            yield number, value
            continue
        length, position = _length(view, position, wire)
        if length > len(view) - position:
            message = "the file breaks off in the middle of a field"
            raise ValueError(message)
        yield number, view[position : position + length]
        position += length


def _length(view: memoryview, position: int, wire: int) -> tuple[int, int]:
    if wire == _BYTES:
        return _varint(view, position)
    if wire in (_FIXED64, _FIXED32):
        return (8 if wire == _FIXED64 else 4), position
    message = f"byte {position} is no protobuf field"
    raise ValueError(message)


def _varint(view: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(view[position : position + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, position + index + 1
    message = "the file breaks off in the middle of a number"
    raise ValueError(message)


def _integers(value: Value) -> Iterator[int]:
    """Yield a repeated integer field, which may come one by one or packed."""
    if isinstance(value, int):
        yield value
        return
    position = 0
    while position < len(value):
        number, position = _varint(value, position)
        yield number


def _as_bytes(value: Value) -> memoryview:
    if isinstance(value, int):
        message = "a number stands where a message was expected"
        raise ValueError(message)  # noqa: TRY004 - wrong file content, not a wrong argument
    return value


def _as_text(value: Value) -> str:
    return bytes(_as_bytes(value)).decode()


def _as_int(value: Value) -> int:
    if isinstance(value, int):
        return value
    message = "a message stands where a number was expected"
    raise ValueError(message)
