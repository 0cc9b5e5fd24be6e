"""A model, loaded: arrays in, stems out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from stemwright.audio.resample import StreamResampler
from stemwright.errors import EmptyAudio, OptionError

from .bag import Bag, Member, Watch
from .separate import ArrayMixture, Block, Method, MixtureStream, Progress

if TYPE_CHECKING:
    from .model import Model, Network
    from .runtimes import Precision, RuntimeName
    from .runtimes.base import Runtime


class Separator:
    """A model, loaded and ready: arrays in, stems out.

    Make one with :meth:`load`; ``stemwright.Separator`` also finds and fetches weights by the
    model's name. ``method`` is what calls that do not say otherwise use.
    """

    def __init__(
        self, networks: Runtime | Bag, sample_rate: int, method: Method | None = None
    ) -> None:
        self._bag = networks if isinstance(networks, Bag) else Bag.of(networks)
        self._method = method or Method()
        self.sample_rate = sample_rate

    @staticmethod
    def load(
        weights: Path,
        model: Model,
        *,
        runtime: RuntimeName = "auto",
        precision: Precision | Literal["auto"] = "auto",
        threads: int | None = None,
        stems: Sequence[str] = (),
        segment_s: float | None = None,
    ) -> Separator:
        """Load installed weights into a runtime.

        ``weights`` is a file, or of a bag of models the folder with its files. Of a bag, the
        network is loaded that ``stems``, if any are named, need first. ``segment_s`` says that no
        longer segments will be asked for, which saves some networks memory.

        Raises
        ------
        RuntimeUnavailable
            The runtime asked for is not installed, or cannot do what was asked.
        WeightsMissing, WeightsCorrupt
            The file is not there, or is not what the catalogue promises.

        """
        bag = open_bag(
            weights,
            model,
            runtime=runtime,
            precision=precision,
            threads=threads,
            stems=stems,
            segment_s=segment_s,
        )
        return Separator(bag, model.sample_rate)

    @property
    def stems(self) -> tuple[str, ...]:
        """The stems the model separates, in output order."""
        return self._bag.sources

    @property
    def description(self) -> str:
        """The runtime and its precision, for people."""
        return self._bag.description

    def stream(
        self,
        mixture: MixtureStream,
        *,
        stems: Sequence[str] = (),
        overlap: float | None = None,
        shifts: int | None = None,
        segment_s: float | None = None,
        seed: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Iterator[Block]:
        """Separate in bounded memory; see :class:`Method` for the options.

        Of a bag of models only the networks are run that ``stems`` need; all of them by default.

        Yields
        ------
        [stems, channels=2, n], float32
            Consecutive blocks at ``sample_rate``, in total as long as the mixture.

        """
        given: dict[str, Any] = {
            "overlap": overlap,
            "shifts": shifts,
            "segment_s": segment_s,
            "seed": seed,
        }
        method = {name: value for name, value in given.items() if value is not None}
        return self._bag.separate(
            mixture,
            replace(self._method, **method),
            sample_rate=self.sample_rate,
            stems=stems,
            watch=Watch(progress, cancelled),
        )

    def separate(
        self,
        mixture: Block,
        sample_rate: int,
        *,
        stems: Sequence[str] = (),
        overlap: float | None = None,
        shifts: int | None = None,
        segment_s: float | None = None,
        seed: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> dict[str, Block]:
        """Separate an array.

        Parameters
        ----------
        mixture : [channels=2, samples] or [samples], float32
            Full scale 1. One channel is repeated.
        sample_rate
            Of the mixture, in Hz; stems come back at the same rate and length.
        stems
            Names of those wanted; all by default.

        Returns
        -------
        dict of str to [channels=2, samples], float32

        """
        stereo = _stereo(mixture)
        at_model_rate = _resampled(stereo, sample_rate, self.sample_rate)
        blocks = self.stream(
            ArrayMixture(at_model_rate),
            stems=stems,
            overlap=overlap,
            shifts=shifts,
            segment_s=segment_s,
            seed=seed,
            progress=progress,
            cancelled=cancelled,
        )
        separated = np.concatenate(list(blocks), axis=-1)
        return {
            stem: _fitted(_resampled(each, self.sample_rate, sample_rate), stereo.shape[1])
            for stem, each in zip(stems or self.stems, separated, strict=True)
        }

    def close(self) -> None:
        """Release the network that is loaded."""
        self._bag.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_bag(
    weights: Path,
    model: Model,
    *,
    runtime: RuntimeName = "auto",
    precision: Precision | Literal["auto"] = "auto",
    threads: int | None = None,
    stems: Sequence[str] = (),
    segment_s: float | None = None,
) -> Bag:
    """Make a model's networks ready, the first one that ``stems`` need loaded.

    Raises
    ------
    RuntimeUnavailable, WeightsMissing, WeightsCorrupt

    """
    from .runtimes import load_runtime  # noqa: PLC0415 - importing a runtime takes 0.2 s

    def member(network: Network) -> Member:
        file = weights / network.installed_file if weights.is_dir() else weights
        return Member(
            lambda: load_runtime(
                file,
                model,
                runtime=runtime,
                precision=precision,
                threads=threads,
                segment_s=segment_s,
            ),
            network.weights or (1.0,) * len(model.stems),
        )

    return Bag(model.stems, [member(network) for network in model.networks], stems)


def _stereo(mixture: Block) -> Block:
    array = np.atleast_2d(np.asarray(mixture, np.float32))
    if array.ndim != 2 or array.shape[0] not in (1, 2):
        raise OptionError(f"mixture has shape {np.shape(mixture)}; give [2, samples] or [samples]")
    if not array.shape[1]:
        raise EmptyAudio("The mixture has no samples; there is nothing to separate.")
    return np.repeat(array, 2, axis=0) if len(array) == 1 else array


def _resampled(block: Block, source_rate: int, target_rate: int) -> Block:
    resampler = StreamResampler(source_rate, target_rate, len(block))
    return np.concatenate([resampler.process(block), resampler.flush()], axis=1)


def _fitted(block: Block, samples: int) -> Block:
    """Cut or pad ``[channels, n]``: two conversions of rate may be off by a sample."""
    padding = max(0, samples - block.shape[1])
    return np.pad(block[:, :samples], ((0, 0), (0, padding)))
