"""A model of the user's own: a checkpoint, or a folder of them, in the authors' file formats.

``docs/own-models.md`` describes the folder. What it does not say is read off the checkpoints, which
name their class, their stems and the segments they were trained on.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from stemwright.errors import InputNotFound, WeightsCorrupt
from stemwright.kit.hashing import sha256_of

from .installed import combined
from .model import Licence, Model, Network

if TYPE_CHECKING:
    from .architectures import Checkpoint
    from .checkpoints import Told

DESCRIPTION: Final = "model.toml"
_SUFFIXES: Final = (".safetensors", ".th")
_BARE_SUFFIXES: Final = (".ckpt", ".pt")
"""Of files that do not say what they hold; taken where the description does."""
_USUAL_SEGMENT_S: Final = {
    "htdemucs": Fraction(39, 5),
    "hdemucs": Fraction(44),
    "scnet": Fraction(11),
}
_LONGEST_SEGMENT_S: Final = 120
_USUAL_STEMS: Final = ("drums", "bass", "other", "vocals", "guitar", "piano")
_RAM_BYTES: Final = 3_000_000_000
_LICENCE: Final = Licence(
    name="own",
    terms="Weights of your own; their terms are yours to know.",
    url="",
    commercial_use=False,
)


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A model that is not in the catalogue, and where its weights are."""

    model: Model
    weights: Path
    sha256: str

    @property
    def says_licence(self) -> bool:
        """Whether its description names the terms, for whoever uses it to read."""
        return self.model.licence != _LICENCE


def is_own(name: str) -> bool:
    """Whether a model's name is rather a path: one that is there, or has a separator in it."""
    separators = (os.sep, os.altsep or os.sep)
    return any(mark in name for mark in separators) or Path(name).exists()


def read_own_model(path: Path) -> OwnModel:
    """Describe a file or folder of weights as a model.

    Raises
    ------
    InputNotFound
        There is no such file or folder, or no weights are in it.
    WeightsCorrupt
        Description or weights cannot be used; the message says why.

    """
    folder = path if path.is_dir() else path.parent
    told = _description(folder) if path.is_dir() else {}
    beside = _told(told, path)
    networks = _networks(path, told)
    # reading weights costs NumPy, which whoever names a model of the catalogue need not pay
    from .checkpoints import read_checkpoint  # noqa: PLC0415

    first = read_checkpoint(folder / networks[0].installed_file, beside)
    files = {network.installed_file: folder / network.installed_file for network in networks}
    model = Model(
        name=path.resolve().stem if path.is_file() else path.resolve().name,
        title=str(told.get("title", f"weights of {path}")),
        architecture=first.architecture.name,
        stems=_stems(told, first, path),
        segment_s=_segment(told, first, path),
        networks=networks,
        size_bytes=sum(file.stat().st_size for file in files.values()),
        ram_bytes=_RAM_BYTES,
        licence=_licence(told, path),
        paper="",
        arguments=None if beside is None else beside.arguments,
    )
    _check_shares(model, path)
    weights = folder if len(networks) > 1 else folder / networks[0].installed_file
    return OwnModel(model, weights, combined({name: sha256_of(f) for name, f in files.items()}))


def _description(folder: Path) -> dict[str, Any]:
    file = folder / DESCRIPTION
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise WeightsCorrupt(f"{file} cannot be read: {error}") from error


def _told(told: dict[str, Any], path: Path) -> Told | None:
    """The architecture that the description names, and the arguments it was made with."""
    from .architectures import ARCHITECTURES, architecture_named  # noqa: PLC0415 - as above
    from .checkpoints import Told  # noqa: PLC0415 - as above

    name, arguments = told.get("architecture"), told.get("arguments", {})
    if name is None and not arguments:
        return None
    architecture = architecture_named(name) if isinstance(name, str) else None
    if architecture is None:
        known = " or ".join(f'"{each.name}"' for each in ARCHITECTURES)
        raise _wrong(path, "architecture", known)
    if not isinstance(arguments, dict):
        raise _wrong(path, "arguments", "a table of what the network was made with")
    stems = told.get("stems", arguments.get("sources"))
    return Told(architecture, {**arguments, **({} if stems is None else {"sources": stems})})


def _networks(path: Path, told: dict[str, Any]) -> tuple[Network, ...]:
    """Those the description lists, else every file of weights that is there."""
    if not path.exists():
        raise InputNotFound(f"{path} does not exist. Name a folder with weights, or a model.")
    if path.is_file():
        return (Network(path.stem, (), installed_file=path.name),)
    listed = told.get("networks")
    if listed is not None:
        return tuple(_listed(entry, path) for entry in _entries(listed, path))
    suffixes = _SUFFIXES + (_BARE_SUFFIXES if "architecture" in told else ())
    files = sorted(file.name for file in path.iterdir() if file.suffix.lower() in suffixes)
    if not files:
        kinds = " or ".join(suffixes)
        raise InputNotFound(f"{path} holds no weights: a file ending in {kinds} is wanted there.")
    return tuple(Network(Path(name).stem, (), installed_file=name) for name in files)


def _entries(listed: object, path: Path) -> list[dict[str, Any]]:
    if not isinstance(listed, list) or not listed:
        raise _wrong(path, "networks", "at least one [[networks]] table")
    return listed


def _listed(entry: object, path: Path) -> Network:
    told = entry if isinstance(entry, dict) else {}
    name, weights = told.get("file"), told.get("weights", [])
    if not isinstance(name, str) or Path(name).name != name or not (path / name).is_file():
        raise _wrong(path, "networks.file", "the name of a file in the same folder")
    if not isinstance(weights, list) or not all(_is_share(weight) for weight in weights):
        raise _wrong(path, "networks.weights", "one number, zero or more, for each stem")
    return Network(Path(name).stem, (), installed_file=name, weights=tuple(map(float, weights)))


def _is_share(weight: object) -> bool:
    return isinstance(weight, (int, float)) and 0 <= weight < float("inf")


def _stems(told: dict[str, Any], first: Checkpoint, path: Path) -> tuple[str, ...]:
    from .architectures import sources_of  # noqa: PLC0415 - as above

    stems = told.get("stems")
    if stems is None:
        return sources_of(first.arguments) or _USUAL_STEMS[: first.outputs]
    if not isinstance(stems, list) or not all(_is_stem(stem) for stem in stems):
        raise _wrong(path, "stems", "a list of names, lower case and without spaces")
    return tuple(stems)


def _is_stem(name: object) -> bool:
    return isinstance(name, str) and name.isidentifier() and name == name.lower()


def _segment(told: dict[str, Any], first: Checkpoint, path: Path) -> Fraction:
    from .architectures import segment_of  # noqa: PLC0415 - as above

    seconds = told.get("segment_s")
    if seconds is None:
        return segment_of(first.arguments) or _USUAL_SEGMENT_S[first.architecture.name]
    if not isinstance(seconds, (int, float)) or not 1 <= seconds <= _LONGEST_SEGMENT_S:
        raise _wrong(path, "segment_s", f"seconds, 1 to {_LONGEST_SEGMENT_S}")
    return Fraction(seconds).limit_denominator(44_100)


def _licence(told: dict[str, Any], path: Path) -> Licence:
    licence = told.get("licence", {})
    if not isinstance(licence, dict):
        raise _wrong(path, "licence", "a table with name, terms, url and commercial_use")
    return Licence(
        name=str(licence.get("name", _LICENCE.name)),
        terms=str(licence.get("terms", _LICENCE.terms)),
        url=str(licence.get("url", _LICENCE.url)),
        commercial_use=licence.get("commercial_use") is True,
    )


def _check_shares(model: Model, path: Path) -> None:
    """Every stem needs a network that gives it."""
    if any(len(net.weights) not in (0, len(model.stems)) for net in model.networks):
        raise _wrong(path, "networks.weights", f"one number for each of {', '.join(model.stems)}")
    for place, stem in enumerate(model.stems):
        if not any(network.gives(place) for network in model.networks):
            raise _wrong(path, "networks.weights", f"a network with a share in {stem}")


def _wrong(path: Path, key: str, wanted: str) -> WeightsCorrupt:
    return WeightsCorrupt(f"{path / DESCRIPTION}: {key} has to be {wanted}.")
