"""Checkpoints as ``torch.save`` writes them, assembled opcode by opcode, honest and hostile."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

CLASS = "demucs.htdemucs HTDemucs"


def torch_file(
    program: bytes, storages: Mapping[str, bytes] | None = None, **options: int
) -> bytes:
    """Wrap a pickle program and its storages in the archive that torch makes of them."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as archive:
        archive.writestr("archive/data.pkl", program)
        for key, data in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", data)
    return file.getvalue()


def checkpoint(
    state: Mapping[str, NDArray[np.float32]],
    *,
    half: bool = True,
    klass: str = CLASS,
    arguments: Mapping[str, bool | int] | None = None,
    kwargs: bytes | None = None,
) -> bytes:
    """Make the package that demucs' own training code saves; ``kwargs`` is a program of its own."""
    dtype = np.dtype("<f2" if half else "<f4")
    storages = {str(key): array.astype(dtype).tobytes() for key, array in enumerate(state.values())}
    tensors = [
        text(name) + tensor(str(key), array.shape, half=half)
        for key, (name, array) in enumerate(state.items())
    ]
    ordered = name_of("collections OrderedDict") + b")R(" + b"".join(tensors) + b"u"
    fraction = name_of("fractions Fraction") + number(39) + number(5) + b"\x86R"
    given = [text(name) + plain(value) for name, value in (arguments or {}).items()]
    usual = b"}(" + text("segment") + fraction + b"".join(given) + b"u"
    items = [
        text("klass") + name_of(klass),
        text("args") + b")",
        text("kwargs") + (usual if kwargs is None else kwargs),
        text("state") + ordered,
        text("training_args") + b"}",
    ]
    return torch_file(b"\x80\x02}(" + b"".join(items) + b"u.", storages)


def state_file(
    state: Mapping[str, NDArray[np.float32]], *, within: str = "", prefix: str = ""
) -> bytes:
    """Save a state dict, bare or under a name among other things that a training keeps."""
    storages = {str(key): array.tobytes() for key, array in enumerate(state.values())}
    tensors = [
        text(prefix + name) + tensor(str(key), array.shape, half=False)
        for key, (name, array) in enumerate(state.items())
    ]
    ordered = name_of("collections OrderedDict") + b")R(" + b"".join(tensors) + b"u"
    # what torch hangs on a state dict: an attribute of the dictionary
    ordered += b"}" + text("_metadata") + name_of("collections OrderedDict") + b")Rsb"
    if within:
        ordered = b"}(" + text("epoch") + number(3) + text(within) + ordered + b"u"
    return torch_file(b"\x80\x02" + ordered + b".", storages)


def tensor(key: str, shape: tuple[int, ...], *, half: bool, offset: int = 0) -> bytes:
    """Say where a tensor's numbers are and how they lie: ``_rebuild_tensor_v2(...)``."""
    elements = int(np.prod(shape))
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    kind = name_of("torch HalfStorage" if half else "torch FloatStorage")
    storage = b"(" + text("storage") + kind + text(key) + text("cpu") + number(elements) + b"tQ"
    hooks = name_of("collections OrderedDict") + b")R"
    arguments = [storage, number(offset), numbers(shape), numbers(strides), b"\x89", hooks]
    return name_of("torch._utils _rebuild_tensor_v2") + b"(" + b"".join(arguments) + b"tR"


def name_of(dotted: str) -> bytes:
    """GLOBAL, the opcode that names a class or function: ``module name``."""
    module, name = dotted.split(" ")
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def text(value: str) -> bytes:
    encoded = value.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    return pickle.BININT + struct.pack("<i", value)


def plain(value: bool | int) -> bytes:
    if isinstance(value, bool):
        return pickle.NEWTRUE if value else pickle.NEWFALSE
    return number(value)


def numbers(values) -> bytes:
    return b"(" + b"".join(number(value) for value in values) + b"t"
