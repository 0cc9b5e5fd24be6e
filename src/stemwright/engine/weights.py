"""The model store: weights on disk, each installed whole, verified, and in one format.

``<folder>/<model>/weights.safetensors`` holds the canonical state dict whatever file it came
from, ``record.json`` beside it where it came from. A bag of models has one such file for each of
its networks, and a network that is kept as published another one (``Network.installed_file``).
Everything in the making lives in dot-folders of the same file system, so that installing is one
rename.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from stemwright.kit.locks import file_lock, is_locked

from .acceptances import Acceptances
from .conversion import convert_checkpoint
from .installed import (
    RECORD,
    InstalledRecord,
    combined,
    installed_files,
    read_record,
    size_of,
    sync,
    weights_in,
    write_record,
)
from .licences import LicencePolicy
from .local_weights import find_local
from .model import Licence, Model, Network
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

_SPARE_BYTES = 64 << 20  # what a download needs besides its own size: records, block rounding

Convert = Callable[[RawWeights, Path, Model], None]
"""``convert(raw, destination, model)``: write the canonical state dict of a published file."""


@dataclass(frozen=True, slots=True)
class _Order:
    """One pull, under the lock."""

    model: Model
    progress: Progress
    accepted: bool

    def about(self, network: Network) -> _Order:
        """The same pull, whose reports say which of the model's files they are about."""
        networks = self.model.networks

        def report(progress: PullProgress) -> None:
            place = networks.index(network) + 1
            self.progress(replace(progress, file=place, files=len(networks)))

        return replace(self, progress=report)


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
        self.accepted = Acceptances(folder, now)

    def installed(self, model: Model) -> Path | None:
        """Path of the canonical weights, or None. Does not hash: see ``verify``.

        It is a file, or of a bag of models the folder with its files.
        """
        home = self.folder / model.name
        files = [*installed_files(model), RECORD]
        complete = all((home / file).is_file() for file in files)
        return weights_in(home, model) if complete else None

    def allow(self, model: Model) -> None:
        """Raise LicenceRefused where the operator's policy does not admit a model's weights."""
        self._policy.check(model)

    def usable(self, model: Model) -> bool:
        """Whether a model is installed and the operator's policy admits it."""
        return self._policy.admits(model) and self.installed(model) is not None

    def is_offered(self, model: Model) -> bool:
        """Whether the operator's sources may have all of a model's files; none is asked."""
        return all(self._sources.candidates(network) for network in model.networks)

    def is_taken(self, model: Model) -> bool:
        """Whether a process installs or removes a model just now."""
        return is_locked(self._lock(model))

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
        return read_record(self.folder / model.name)

    def size_bytes(self, model: Model) -> int:
        """Disk space the installed model takes; 0 when it is not installed."""
        return size_of(self.folder / model.name)

    def verify(self, model: Model) -> InstalledRecord:
        """Hash the installed weights again; WeightsCorrupt when they changed."""
        weights = self.require(model)
        home = self.folder / model.name
        record = read_record(home)
        found = {file: sha256_of(home / file) for file in installed_files(model)}
        if record is None or combined(found) != record.sha256:
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
        with self._workplace(model) as work:
            if from_path is None:
                raws = self._fetch_networks(order, work)
            else:
                raws = self._find_networks(order, from_path, work)
            self._write_record(order, raws, work)
            self._put_in_place(work, self.folder / model.name)
        shutil.rmtree(self._downloads(model), ignore_errors=True)
        return weights_in(self.folder / model.name, model)

    def _find_networks(self, order: _Order, path: Path, work: Path) -> list[RawWeights]:
        """Convert what the user has; ``path`` is a file or folder."""
        model = order.model
        if (lack := self._lacking_space(model, model.size_bytes)) is not None:
            raise OutputError(lack)
        raws = []
        for network in model.networks:
            about = order.about(network)
            with self._workplace(model) as unpacked:
                raw = find_local(path, model, network, unpacked, about.progress)
                self._convert_into(work, raw, network, about)
            raws.append(raw)
        return raws

    def _fetch_networks(self, order: _Order, work: Path) -> list[RawWeights]:
        """Fetch and convert one network after the other, each from the place that served last."""
        raws: list[RawWeights] = []
        served = ""
        for network in order.model.networks:
            candidates = sorted(
                self._sources.candidates(network), key=lambda found: found.place != served
            )
            raw, served = self._fetch_network(candidates, network, order.about(network), work)
            raws.append(raw)
        return raws

    def _fetch_network(
        self, candidates: Iterable[Candidate], network: Network, order: _Order, work: Path
    ) -> tuple[RawWeights, str]:
        reasons: list[str] = []
        for candidate in candidates:
            try:
                raw = self._fetch(candidate, network, order, work)
                self._convert_into(work, raw, network, order)
            except (SourceFailed, WeightsCorrupt) as error:
                reasons.append(f"{candidate.label}: {error}")
            else:
                return raw, candidate.place
        raise DownloadFailed(_all_failed(order.model, network, reasons))

    def _fetch(
        self, candidate: Candidate, network: Network, order: _Order, work: Path
    ) -> RawWeights:
        model, downloads = order.model, self._downloads(order.model)
        needed = candidate.needed_bytes(model.size_bytes) - size_of(downloads) - size_of(work)
        later = model.networks[model.networks.index(network) + 1 :]
        needed += sum(other.sources[0].size_bytes for other in later)
        if (lack := self._lacking_space(model, needed)) is not None:
            raise SourceFailed(lack)
        return Fetching(downloads, self._download, order.progress).fetch(candidate)

    def _convert_into(self, work: Path, raw: RawWeights, network: Network, order: _Order) -> None:
        order.progress(PullProgress(Phase.CONVERTING, raw.origin, 0, None))
        self._convert(raw, work / network.installed_file, order.model)

    def _write_record(self, order: _Order, raws: list[RawWeights], work: Path) -> None:
        model = order.model
        files = {file: sha256_of(work / file) for file in installed_files(model)}
        record = InstalledRecord(
            model=model.name,
            source=", ".join(dict.fromkeys(raw.origin for raw in raws)),
            source_sha256=combined(
                {net.name: raw.sha256 for net, raw in zip(model.networks, raws, strict=True)}
            ),
            sha256=combined(files),
            size_bytes=sum((work / file).stat().st_size for file in files),
            installed_at=self._now().isoformat(timespec="seconds"),
            licence=model.licence.name,
            licence_accepted=order.accepted,
            files=files,
        )
        write_record(work, record)
        sync(*(work / file for file in files), work / RECORD, work)

    def _put_in_place(self, work: Path, home: Path) -> None:
        self._discard(home)
        work.rename(home)
        sync(self.folder)

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
            with file_lock(self._lock(model), waiting=waiting):
                yield
        except (StemwrightError, BrokenPipeError):  # some of ours are OSErrors too
            raise
        except OSError as error:
            raise OutputError(_unwritable(self.folder, error)) from error

    def _lock(self, model: Model) -> Path:
        return self.folder / f".{model.name}.lock"

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


def _unwritable(folder: Path, error: OSError) -> str:
    return (
        f"Cannot write models to {folder}: {error.strerror or error}. Make the folder writable, "
        f"or set STEMWRIGHT_MODELS_DIR to one that is."
    )


def _all_failed(model: Model, network: Network, reasons: list[str]) -> str:
    files = " or ".join(dict.fromkeys(source.file_name for source in network.sources))
    tried = "; ".join(f"({place}) {reason}" for place, reason in enumerate(reasons, 1))
    others = "" if len(model.networks) == 1 else ", and those of its other networks likewise,"
    return (
        f"The weights of {model.name} could not be fetched: "
        f"{tried or 'STEMWRIGHT_MODEL_SOURCES names no source that publishes them'}. "
        f"Mend one of these and run the command again, it continues where it stopped; or get "
        f"{files}{others} by other means and run: stemwright models pull {model.name} --from PATH"
    )
