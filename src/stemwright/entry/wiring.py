"""Everything a command needs from outside, in one object; tests hand in another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .fetching import LazyDownload
from .signals import Interruption

# Every import below a function costs what --help must not pay: NumPy, httpx, a runtime.
if TYPE_CHECKING:
    from stemwright.analysis.notes.listen import NoteNetwork
    from stemwright.db.database import Database
    from stemwright.engine.catalog import Model
    from stemwright.engine.deep_filter import DeepFilterNetwork
    from stemwright.engine.weights import ModelStore
    from stemwright.features.separations.render import SongSeparator
    from stemwright.settings import Settings

RuntimeName = Literal["auto", "openvino", "onnx", "torch"]
PrecisionName = Literal["auto", "bf16", "f32"]


@dataclass(frozen=True, slots=True)
class Loading:
    """How a model is to be executed."""

    weights: Path
    model: Model
    runtime: RuntimeName = "auto"
    precision: PrecisionName = "auto"
    threads: int | None = None
    stems: tuple[str, ...] = ()
    """What will be separated first; of a bag of models it says which network to load."""
    segment_s: float | None = None
    """The longest segment that will be asked for."""


def load_separator(loading: Loading) -> SongSeparator:
    """Load the real engine."""
    from stemwright.engine.separator import Separator  # noqa: PLC0415

    return Separator.load(
        loading.weights,
        loading.model,
        runtime=loading.runtime,
        precision=loading.precision,
        threads=loading.threads,
        stems=loading.stems,
        segment_s=loading.segment_s,
    )


def load_note_network(weights: Path) -> NoteNetwork:
    """Load the network that hears notes."""
    from stemwright.engine.runtimes import note_network  # noqa: PLC0415

    return note_network.load_note_network(weights)


def load_denoiser(weights: Path, threads: int | None) -> DeepFilterNetwork:
    """Load the network that tells speech from noise."""
    from stemwright.engine.runtimes import denoise_network  # noqa: PLC0415

    return denoise_network.load_denoise_network(weights, threads=threads)


def read_settings() -> Settings:
    """Read the environment and the settings file."""
    from stemwright.settings import Settings  # noqa: PLC0415

    return Settings.load()


def open_service_database(settings: Settings) -> Database:
    """Open the database of the service, migrated."""
    from .opening import open_database  # noqa: PLC0415

    return open_database(settings)


def open_store(settings: Settings) -> ModelStore:
    """Open the model store that the settings describe; nothing is fetched or created yet."""
    from stemwright.engine.licences import LicencePolicy  # noqa: PLC0415
    from stemwright.engine.source_order import SourceOrder  # noqa: PLC0415
    from stemwright.engine.weights import ModelStore  # noqa: PLC0415

    return ModelStore(
        settings.models_dir,
        download=LazyDownload(settings),
        policy=LicencePolicy.parse(settings.model_licence_policy),
        sources=SourceOrder.parse(
            settings.model_sources, huggingface_token=settings.huggingface_token
        ),
    )


@dataclass(frozen=True, slots=True)
class Wiring:
    """The seams of the command line."""

    interruption: Interruption = field(default_factory=Interruption)
    settings: Callable[[], Settings] = read_settings
    store: Callable[[Settings], ModelStore] = open_store
    database: Callable[[Settings], Database] = open_service_database
    load: Callable[[Loading], SongSeparator] = load_separator
    load_notes: Callable[[Path], NoteNetwork] = load_note_network
    load_denoiser: Callable[[Path, int | None], DeepFilterNetwork] = load_denoiser
