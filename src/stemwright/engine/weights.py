"""The model store: weights on disk, each installed whole, verified, and in one format.

``<folder>/<model>/weights.safetensors`` holds the canonical state dict whatever file it came
from, ``record.json`` beside it where it came from. A network that is kept as published has
another file there (``Model.installed_file``). Everything in the making lives in dot-folders
of the same file system, so that installing is one rename.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from stemwright.errors import (
    DownloadFailed,
    OutputError,
    StemwrightError,
    WeightsCorrupt,
    WeightsMissing,
)
from stemwright.kit.clock import utc_now
from stemwright.kit.hashing import sha256_of
from stemwright.kit.locks import file_lock

from .catalog import Licence, Model
from .licences import LicencePolicy
from .local_weights import find_local
from .source_order import Candidate, SourceOrder
from .sources import (
    Downloader,
    Fetching,
    Phase,
    Progress,
    PullProgress,
    RawWeights,
    SourceFailed,
    ignore_progress,
)

RECORD = "record.json"
_SPARE_BYTES = 64 << 20  # what a download needs besides its own size: records, block rounding

Convert = Callable[[RawWeights, Path, Model], None]
"""``convert(raw, destination, model)``: write the canonical state dict of a published file."""


@dataclass(frozen=True, slots=True)
class InstalledRecord:
    """Where an installed model came from; ``record.json``."""

    model: str
    source: str
    source_sha256: str
    sha256: str
    """Of the installed file."""
    size_bytes: int
    installed_at: str
    licence: str
    licence_accepted: bool
    """Its terms were put before whoever pulled, who went on."""


def convert_checkpoint(raw: RawWeights, destination: Path, model: Model) -> None:
    """Read a checkpoint of any known format and write the canonical one."""
    if model.architecture == "basic-pitch":
        shutil.copyfile(raw.path, destination)
        return
    # listing models must not pay for NumPy
    from . import checkpoints  # noqa: PLC0415

    readers = {
        "onnx": checkpoints.read_onnx,
        "safetensors": checkpoints.read_safetensors,
        "torch": checkpoints.read_torch,
    }
    state = readers[raw.format](raw.path)
    checkpoints.write_safetensors(destination, state, checkpoints.describe(state, model.stems))


@dataclass(frozen=True, slots=True)
class _Order:
    """One pull, under the lock."""

    model: Model
    progress: Progress
    accepted: bool


class ModelStore:
    """The models installed in one folder, and the only way to get more of them there."""

    def __init__(
        self,
        folder: Path,
        *,
        download: Downloader | None = None,
        policy: LicencePolicy | None = None,
        sources: SourceOrder | None = None,
        convert: Convert = convert_checkpoint,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.folder = folder
        self._download = download
        self._policy = policy or LicencePolicy()
        self._sources = sources or SourceOrder()
        self._convert = convert
        self._now = now

    def installed(self, model: Model) -> Path | None:
        """Path of the canonical weights, or None. Does not hash: see ``verify``."""
        home = self.folder / model.name
        weights = home / model.installed_file
        complete = weights.is_file() and (home / RECORD).is_file()
        return weights if complete else None

    def require(self, model: Model) -> Path:
        """Path of the canonical weights of a model that must be there and be allowed."""
        self._policy.check(model)
        if (weights := self.installed(model)) is None:
            raise WeightsMissing(
                f"The weights of {model.name} are not installed in {self.folder}. "
                f"Run: stemwright models pull {model.name}"
            )
        return weights

    def record(self, model: Model) -> InstalledRecord | None:
        """Where the installed weights came from; None when they are not installed."""
        if self.installed(model) is None:
            return None
        return _read_record(self.folder / model.name)

    def size_bytes(self, model: Model) -> int:
        """Disk space the installed model takes; 0 when it is not installed."""
        return _size(self.folder / model.name)

    def verify(self, model: Model) -> InstalledRecord:
        """Hash the installed weights again; WeightsCorrupt when they changed."""
        weights = self.require(model)
        record = _read_record(weights.parent)
        if record is None or sha256_of(weights) != record.sha256:
            raise WeightsCorrupt(
                f"{weights} is not what was installed. "
                f"Run: stemwright models remove {model.name} && "
                f"stemwright models pull {model.name}"
            )
        return record

    def remove(self, model: Model) -> bool:
        """Delete the installed weights and partial downloads; False when there were none."""
        if not self.folder.is_dir():
            return False
        with self._locked(model, ignore_progress):
            shutil.rmtree(self._downloads(model), ignore_errors=True)
            return self._discard(self.folder / model.name)

    def pull(
        self,
        model: Model,
        *,
        progress: Progress = ignore_progress,
        from_path: Path | None = None,
        on_licence: Callable[[Licence], None] | None = None,
    ) -> Path:
        """Install a model, or find it installed.

        Parameters
        ----------
        model
            What to install.
        progress
            Told what is happening; may raise Cancelled, which keeps what can be resumed.
        from_path
            A file or folder to take the weights from instead of the configured sources. Replaces
            what is installed.
        on_licence
            Called once with the terms before anything is fetched; may raise to decline.

        Returns
        -------
        Path of the canonical weights.

        Raises
        ------
        LicenceRefused
            By the operator's policy.
        DownloadFailed
            With each source's reason.
        WeightsCorrupt
            What ``from_path`` names is not this model.

        """
        self._policy.check(model)
        if from_path is None and (found := self.installed(model)) is not None:
            return found
        with self._locked(model, progress):
            if from_path is None and (found := self.installed(model)) is not None:
                return found
            if on_licence is not None:
                on_licence(model.licence)
            return self._pull_locked(
                _Order(model, progress, accepted=on_licence is not None), from_path
            )

    def _pull_locked(self, order: _Order, from_path: Path | None) -> Path:
        model = order.model
        self._sweep(model)
        if from_path is None:
            return self._pull_from_sources(order)
        if (lack := self._lacking_space(model, model.size_bytes)) is not None:
            raise OutputError(lack)
        with self._workplace(model) as unpacked:
            return self._install(order, find_local(from_path, model, unpacked, order.progress))

    def _pull_from_sources(self, order: _Order) -> Path:
        reasons: list[str] = []
        for candidate in self._sources.candidates(order.model):
            try:
                installed = self._pull_from(candidate, order)
            except (SourceFailed, WeightsCorrupt) as error:
                reasons.append(f"{candidate.label}: {error}")
            else:
                shutil.rmtree(self._downloads(order.model), ignore_errors=True)
                return installed
        raise DownloadFailed(_all_failed(order.model, reasons))

    def _pull_from(self, candidate: Candidate, order: _Order) -> Path:
        downloads = self._downloads(order.model)
        needed = candidate.needed_bytes(order.model.size_bytes) - _size(downloads)
        if (lack := self._lacking_space(order.model, needed)) is not None:
            raise SourceFailed(lack)
        raw = Fetching(downloads, self._download, order.progress).fetch(candidate)
        return self._install(order, raw)

    def _install(self, order: _Order, raw: RawWeights) -> Path:
        """Convert into a folder of its own, then put that folder in place by a rename."""
        order.progress(PullProgress(Phase.CONVERTING, raw.origin, 0, None))
        with self._workplace(order.model) as work:
            self._convert(raw, work / order.model.installed_file, order.model)
            self._write_record(order, raw, work)
            self._put_in_place(work, self.folder / order.model.name)
        return self.folder / order.model.name / order.model.installed_file

    def _write_record(self, order: _Order, raw: RawWeights, work: Path) -> None:
        weights = work / order.model.installed_file
        record = InstalledRecord(
            model=order.model.name,
            source=raw.origin,
            source_sha256=raw.sha256,
            sha256=sha256_of(weights),
            size_bytes=weights.stat().st_size,
            installed_at=self._now().isoformat(timespec="seconds"),
            licence=order.model.licence.name,
            licence_accepted=order.accepted,
        )
        (work / RECORD).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")
        _sync(weights, work / RECORD, work)

    def _put_in_place(self, work: Path, home: Path) -> None:
        self._discard(home)
        work.rename(home)
        _sync(self.folder)

    def _discard(self, home: Path) -> bool:
        """Make a model vanish at once, then free its space."""
        grave = Path(tempfile.mkdtemp(prefix=f".removed-{home.name}-", dir=self.folder))
        try:
            home.rename(grave / home.name)
        except FileNotFoundError:
            return False
        else:
            return True
        finally:
            shutil.rmtree(grave, ignore_errors=True)

    @contextmanager
    def _workplace(self, model: Model) -> Iterator[Path]:
        work = Path(tempfile.mkdtemp(prefix=f".installing-{model.name}-", dir=self.folder))
        try:
            work.chmod(0o755)
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def _locked(self, model: Model, progress: Progress) -> Iterator[None]:
        def waiting() -> None:
            progress(PullProgress(Phase.WAITING, "another process is installing it", 0, None))

        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with file_lock(self.folder / f".{model.name}.lock", waiting=waiting):
                yield
        except (StemwrightError, BrokenPipeError):  # some of ours are OSErrors too
            raise
        except OSError as error:
            raise OutputError(_unwritable(self.folder, error)) from error

    def _downloads(self, model: Model) -> Path:
        return self.folder / f".downloads-{model.name}"

    def _sweep(self, model: Model) -> None:
        """Clear what a killed process left; the lock is held, so nobody works there now."""
        for kind in ("installing", "removed"):
            for rest in self.folder.glob(f".{kind}-{model.name}-*"):
                shutil.rmtree(rest, ignore_errors=True)

    def _lacking_space(self, model: Model, needed: int) -> str | None:
        free = shutil.disk_usage(self.folder).free
        if free >= needed + _SPARE_BYTES:
            return None
        return (
            f"{model.name} needs {(needed + _SPARE_BYTES) / 1e6:.0f} MB more in {self.folder} "
            f"and {free / 1e6:.0f} MB are free: make room, or set STEMWRIGHT_MODELS_DIR to a "
            f"larger disk"
        )


def _read_record(home: Path) -> InstalledRecord | None:
    try:
        return InstalledRecord(**json.loads((home / RECORD).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())


def _sync(*paths: Path) -> None:
    """Bring files and folders to the disk, so that a power cut leaves no empty model behind."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> str:
    return (
        f"Cannot write models to {folder}: {error.strerror or error}. Make the folder writable, "
        f"or set STEMWRIGHT_MODELS_DIR to one that is."
    )


def _all_failed(model: Model, reasons: list[str]) -> str:
    files = " or ".join(dict.fromkeys(source.file_name for source in model.sources))
    tried = "; ".join(f"({place}) {reason}" for place, reason in enumerate(reasons, 1))
    return (
        f"The weights of {model.name} could not be fetched: "
        f"{tried or 'STEMWRIGHT_MODEL_SOURCES names no source that publishes them'}. "
        f"Mend one of these and run the command again, it continues where it stopped; or get "
        f"{files} by other means and run: stemwright models pull {model.name} --from PATH"
    )
