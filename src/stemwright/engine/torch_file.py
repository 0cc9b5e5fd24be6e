"""Reading what ``torch.save`` wrote, without torch and without trusting it.

A checkpoint is a zip archive: ``data.pkl`` says what there is, ``data/<key>`` hold the numbers. A
pickle is a program, so it runs here in an interpreter that knows tensors, ordered dictionaries and
fractions; any other name in it is refused, except that of a ``demucs`` class, which becomes a mere
word. Layout: ``torch/serialization.py`` and ``torch/_utils.py`` of PyTorch.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

_LARGEST_PICKLE: Final = 16 << 20
_STORAGES: Final = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8"}


class UnusableTorchFile(ValueError):
    """The file is damaged, of another kind, or asks for something it must not."""


@dataclass(frozen=True, slots=True)
class ClassName:
    """The name of a class that a checkpoint refers to; the class itself is never looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True, slots=True)
class _Storage:
    dtype: str


def read_package(path: Path) -> dict[str, Any]:
    """Read a checkpoint's top dictionary, with tensors as float32 arrays.

    Raises
    ------
    OSError
        The file cannot be read.
    UnusableTorchFile

    """
    with path.open("rb") as file:
        package = _opened(file)
    if not isinstance(package, dict):
        raise UnusableTorchFile(f"it holds a {type(package).__name__} instead of a dictionary")
    return package


def _opened(file: BinaryIO) -> object:
    try:
        with zipfile.ZipFile(file) as archive:
            return _unpickled(archive)
    except UnusableTorchFile:
        raise
    except zipfile.BadZipFile as error:
        raise UnusableTorchFile(f"it is no zip archive ({error})") from error
    except Exception as error:
        # an archive and a pickle can fail in as many ways as a program; all mean the same here
        raise UnusableTorchFile(f"it is damaged ({error})") from error


def _unpickled(archive: zipfile.ZipFile) -> object:
    index = next((name for name in archive.namelist() if name.endswith("/data.pkl")), None)
    if index is None:
        raise UnusableTorchFile("there is no data.pkl in it")
    program = _member(archive, index, _LARGEST_PICKLE)
    return _Unpickler(program, archive, index.removesuffix("data.pkl")).load()


def _member(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise UnusableTorchFile(f"{name} is missing in it") from error
    if info.compress_type != zipfile.ZIP_STORED:
        raise UnusableTorchFile(f"{name} is compressed, which torch never does")
    if info.file_size > largest:
        raise UnusableTorchFile(f"{name} has {info.file_size} bytes, more than the {largest} meant")
    return archive.read(info)


class _Unpickler(pickle.Unpickler):
    def __init__(self, program: bytes, archive: zipfile.ZipFile, folder: str) -> None:
        super().__init__(io.BytesIO(program))
        self._archive = archive
        self._folder = folder

    def find_class(self, module: str, name: str) -> object:
        """Resolve a name to one of the few things a checkpoint may build."""
        if (module, name) in _KNOWN:
            return _KNOWN[module, name]
        if module == "torch" and name in _STORAGES:
            return _Storage(_STORAGES[name])
        if module.partition(".")[0] == "demucs":
            return ClassName(module, name)
        raise UnusableTorchFile(f"it asks for {module}.{name}, which no weights need")

    def persistent_load(self, pid: object) -> NDArray[np.float32]:
        """Give the numbers of a storage, ``[elements]``."""
        kind, storage, key, _, elements = _five(pid)
        if kind != "storage" or not isinstance(storage, _Storage):
            raise UnusableTorchFile(f"it refers to a {kind!r} of type {storage}")
        dtype = np.dtype(storage.dtype)
        data = _member(self._archive, f"{self._folder}data/{key}", elements * dtype.itemsize)
        if len(data) != elements * dtype.itemsize:
            raise UnusableTorchFile(f"data/{key} has {len(data)} bytes for {elements} numbers")
        return np.frombuffer(data, dtype).astype(np.float32)


def _five(pid: object) -> tuple[Any, ...]:
    if not isinstance(pid, tuple) or len(pid) != 5 or not isinstance(pid[4], int):
        raise UnusableTorchFile("it refers to something that is no storage")
    return pid


def _rebuild_tensor(
    storage: NDArray[np.float32],
    offset: int,
    shape: Sequence[int],
    strides: Sequence[int],
    *_: object,
) -> NDArray[np.float32]:
    """View a storage as a tensor ``[*shape]``, strides counted in elements, and copy it out."""
    elements = int(np.prod(shape))
    last = offset + sum((size - 1) * step for size, step in zip(shape, strides, strict=True))
    if min((offset, *shape, *strides), default=0) < 0 or (elements and last >= storage.size):
        raise UnusableTorchFile("a tensor reaches beyond its storage")
    steps = [step * storage.itemsize for step in strides]
    view = np.lib.stride_tricks.as_strided(storage[offset:], tuple(shape), steps, writeable=False)
    return view.copy()


def _rebuild_parameter(data: NDArray[np.float32], *_: object) -> NDArray[np.float32]:
    return data


def _fraction(numerator: int, denominator: int) -> Fraction:
    return Fraction(int(numerator), int(denominator))


_KNOWN: Final[dict[tuple[str, str], Callable[..., object]]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("fractions", "Fraction"): _fraction,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
}
