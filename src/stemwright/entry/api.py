"""The Python face: ``from stemwright import Separator``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stemwright.engine import separator as engine
from stemwright.engine.catalog import QUALITIES, QualityName
from stemwright.engine.runtimes import Precision, RuntimeName
from stemwright.engine.separate import Method
from stemwright.errors import Cancelled, OptionError
from stemwright.features.separations.batch import Batch, SeparatorLoader

from .pulling import fetch
from .run import Choices, build_request, choose_model, own_model
from .wiring import open_store, read_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from stemwright.engine.catalog import Model, Quality
    from stemwright.engine.separate import Progress
    from stemwright.engine.weights import ModelStore
    from stemwright.features.separations.batch import Outcome


class Separator(engine.Separator):
    """A model by name, loaded and ready; its weights are fetched the first time.

    Parameters
    ----------
    model
        A name of ``stemwright models list``; by default that of the quality tier, as
        ``stemwright models default`` shows it. A path leads to weights of your own.
    quality
        Chooses overlap, shifts and precision where they are not given.
    weights
        A ``weights.safetensors`` of your own instead of the installed one; of a bag of models
        the folder with its files.
    download
        Whether missing weights may be fetched; their licence is then printed to stderr.

    Raises
    ------
    UnknownModel, WeightsMissing, DownloadFailed, LicenceRefused, RuntimeUnavailable

    Examples
    --------
    >>> with Separator(quality="fast") as separator:  # doctest: +SKIP
    ...     stems = separator.separate(mixture, sample_rate=44_100)
    ...     files = separator.separate_file("song.mp3", "stems")

    """

    def __init__(
        self,
        model: str | None = None,
        *,
        quality: QualityName = "balanced",
        weights: Path | None = None,
        runtime: RuntimeName = "auto",
        precision: Precision | Literal["auto"] = "auto",
        threads: int | None = None,
        download: bool = True,
    ) -> None:
        tier = _tier(quality)
        store = open_store(read_settings())
        found = choose_model(Choices(Path(), model, quality), store)
        usual = tier.run_with(lambda name: name == found.name)
        self._quality = quality
        self._model = found
        own = None if model is None else own_model(model)
        if own is not None:
            store.allow(own.model)
            weights = weights or own.weights
        loaded = engine.open_bag(
            weights or _installed(store, found, download=download),
            found,
            runtime=runtime,
            precision="f32" if precision == "auto" and tier.precision == "f32" else precision,
            threads=threads,
        )
        method = Method(overlap=usual.overlap, shifts=usual.shifts)
        super().__init__(loaded, found.sample_rate, method)

    def separate_file(
        self,
        song: Path | str,
        folder: Path | str,
        *,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        **options: Any,  # noqa: ANN401 - the fields of Choices, each with a type of its own
    ) -> dict[str, Path]:
        """Separate a file into files, in bounded memory, as ``stemwright separate`` does.

        ``options`` are those of the command: ``stems="2"``, ``format="mp3"``, ``force=True``, ….

        Returns
        -------
        dict of str to Path
            Where each stem is; a song that was done before is not done again.

        """
        choices = Choices(Path(folder), self._model.name, self._quality, **options)
        request = build_request(choices, self._model).on({"runtime": self.description})
        batch = Batch(request, SeparatorLoader(lambda: self), _Quiet(progress), cancelled or _never)
        for outcome in batch.run([Path(song)]):
            if outcome.error is not None:
                raise outcome.error
            return dict(outcome.stems)
        raise Cancelled(f"{song}: the separation was cancelled")


class _Quiet:
    """Passes on progress and keeps the rest to itself."""

    def __init__(self, progress: Callable[[Progress], None] | None) -> None:
        self._progress = progress

    def started(self, song: Path, number: int, total: int) -> None:
        pass

    def advanced(self, progress: Progress) -> None:
        if self._progress is not None:
            self._progress(progress)

    def ended(self, outcome: Outcome) -> None:
        pass


def _tier(quality: str) -> Quality:
    for tier in QUALITIES.values():
        if tier.name == quality:
            return tier
    raise OptionError(f"There is no quality {quality!r}. Available: {', '.join(QUALITIES)}.")


def _installed(store: ModelStore, model: Model, *, download: bool) -> Path:
    if download and store.installed(model) is None:
        fetch(store, model, quiet=True, asks=False)
    return store.require(model)


def _never() -> bool:
    return False
