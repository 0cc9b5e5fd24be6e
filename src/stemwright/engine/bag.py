"""The networks of a model: any number of them, never more than one in memory.

Most models have one network. A bag of models has several, each with a weight for every stem, and a
stem is their weighted mean. They go over the song one after the other: only those with a share in
the stems asked for are run, and what all but the last one find is kept in temporary files until
the last one comes by the same moment. So memory stays that of one network, and stems still come as
one stream.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from io import RawIOBase
from typing import TYPE_CHECKING

import numpy as np

from stemwright.errors import OutputError, UnknownStem

from .separate import Block, Method, MixtureStream, Progress, separate

if TYPE_CHECKING:
    from .runtimes.base import Runtime

_BYTES_A_SAMPLE = 8
"""Two channels of float32."""


@dataclass(frozen=True, slots=True)
class Member:
    """One network of a bag, loaded when it is needed."""

    load: Callable[[], Runtime]
    weights: tuple[float, ...]
    """Its share in each of the bag's stems."""


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a separation is, and who may stop it."""

    progress: Callable[[Progress], None] | None = None
    cancelled: Callable[[], bool] | None = None


class Bag:
    """Networks that separate the same stems, and each one's share in them.

    Parameters
    ----------
    sources
        The stems, in the networks' output order.
    members
        Their networks; the first one with a share in ``wanted`` is loaded at once.
    wanted
        The stems that will be asked for first; all of them if empty.

    """

    def __init__(
        self, sources: tuple[str, ...], members: Sequence[Member], wanted: Sequence[str] = ()
    ) -> None:
        self.sources = sources
        self._members = tuple(members)
        self._loaded: tuple[Member, Runtime] | None = None
        first = self._chosen(self._rows(wanted or sources))[0]
        self.description = self._runtime(first).description

    @classmethod
    def of(cls, runtime: Runtime) -> Bag:
        """A bag with one network, which is loaded already."""
        return cls(runtime.sources, [Member(lambda: runtime, (1.0,) * len(runtime.sources))])

    def separate(
        self,
        mixture: MixtureStream,
        method: Method,
        *,
        sample_rate: int,
        stems: Sequence[str] = (),
        watch: Watch | None = None,
    ) -> Iterator[Block]:
        """Separate a mixture into blocks ``[stems, channels=2, n]`` that add up to its length.

        ``stems`` are given in the order asked for; without any, all in the bag's order.

        Raises
        ------
        UnknownStem
        OutputError
            There is no room for the temporary files.
        Cancelled, OptionError
            As :func:`.separate.separate` has it.

        """
        rows = self._rows(stems or self.sources)
        members = self._chosen(rows)
        passes = _Passes(len(members), mixture.samples / sample_rate, watch or Watch())
        with ExitStack() as stack:
            shelf = _Shelf(stack, self._totals(members, rows), mixture.samples)
            for number, member in enumerate(members):
                blocks = separate(
                    mixture,
                    self._runtime(member),
                    replace(method, seed=method.seed + self._members.index(member)),
                    sample_rate=sample_rate,
                    progress=passes.progress(number),
                    cancelled=passes.cancelled,
                )
                if number < len(members) - 1:
                    shelf.keep(blocks, member)
                elif len(members) > 1:
                    yield from shelf.joined(blocks, member)
                elif rows == list(range(len(self.sources))):
                    yield from blocks
                else:
                    yield from (block[rows] for block in blocks)

    def close(self) -> None:
        """Release the network that is loaded."""
        if self._loaded is not None:
            self._loaded[1].close()
            self._loaded = None

    def _rows(self, stems: Sequence[str]) -> list[int]:
        if unknown := [stem for stem in stems if stem not in self.sources]:
            known = ", ".join(self.sources)
            raise UnknownStem(f"this model has no stem {unknown[0]!r}; it has {known}")
        return [self.sources.index(stem) for stem in stems]

    def _chosen(self, rows: Sequence[int]) -> list[Member]:
        """The networks with a share in these stems.

        Where no stem needs two of them their order does not matter to a single bit, and the one
        that is loaded goes first.
        """
        chosen = [each for each in self._members if any(each.weights[row] for row in rows)]
        alone = all(sum(bool(each.weights[row]) for each in chosen) == 1 for row in rows)
        if alone and self._loaded is not None and self._loaded[0] in chosen:
            chosen.sort(key=lambda each: each is not self._loaded_member)
        return chosen

    @property
    def _loaded_member(self) -> Member | None:
        return None if self._loaded is None else self._loaded[0]

    def _totals(self, members: Sequence[Member], rows: Sequence[int]) -> Mapping[int, float]:
        return {row: sum(member.weights[row] for member in members) for row in rows}

    def _runtime(self, member: Member) -> Runtime:
        """Load a network; the one before it is released first."""
        if self._loaded is None or self._loaded[0] is not member:
            self.close()
            self._loaded = (member, member.load())
        return self._loaded[1]


class _Passes:
    """Progress over several passes as that of one."""

    def __init__(self, count: int, seconds: float, watch: Watch) -> None:
        self._count = count
        self._seconds = seconds
        self._watch = watch
        self._started = time.monotonic()
        self.cancelled = watch.cancelled

    def progress(self, number: int) -> Callable[[Progress], None] | None:
        """What to tell the pass of this number, from 0."""
        report = self._watch.progress
        if report is None or self._count == 1:
            return report

        def advanced(progress: Progress) -> None:
            fraction = (number + progress.fraction) / self._count
            elapsed = time.monotonic() - self._started
            eta_s = elapsed / fraction - elapsed
            report(Progress(fraction, fraction * self._seconds, self._seconds, eta_s))

        return advanced


class _Shelf:
    """Keeps what networks found until the last one has its say; closed by ``stack``."""

    def __init__(self, stack: ExitStack, totals: Mapping[int, float], samples: int) -> None:
        self._stack = stack
        self._totals = totals
        self._samples = samples
        self._kept: dict[int, _Spool] = {}

    def keep(self, blocks: Iterator[Block], member: Member) -> None:
        """Go over the song and keep this network's share of every stem."""
        given = [row for row in self._totals if member.weights[row]]
        for row in given:
            if row not in self._kept:
                self._refuse_without_room(len(given))
                file = tempfile.TemporaryFile(prefix="stemwright-", buffering=0)  # noqa: SIM115
                self._kept[row] = _Spool(self._stack.enter_context(file))
        position = 0
        for block in blocks:
            for row in given:
                self._kept[row].add(position, block[row] * np.float32(member.weights[row]))
            position += block.shape[-1]

    def joined(self, blocks: Iterator[Block], member: Member) -> Iterator[Block]:
        """Join the last network's stems with what is kept, ``[stems, channels=2, n]``."""
        position = 0
        for block in blocks:
            parts = [self._stem(row, block[row], position, member) for row in self._totals]
            position += block.shape[-1]
            yield np.stack(parts)

    def _stem(self, row: int, found: Block, position: int, member: Member) -> Block:
        weight, total = member.weights[row], self._totals[row]
        if row not in self._kept:
            return found
        mean = self._kept[row].read(position, found.shape[-1])
        if weight:
            mean += found * np.float32(weight)
        return mean / np.float32(total)

    def _refuse_without_room(self, stems: int) -> None:
        needed = stems * self._samples * _BYTES_A_SAMPLE
        folder = tempfile.gettempdir()
        if (free := shutil.disk_usage(folder).free) < needed:
            raise OutputError(
                f"A bag of models keeps {needed / 1e6:.0f} MB in {folder} while it works, and "
                f"{free / 1e6:.0f} MB are free: make room, or set TMPDIR to a larger disk"
            )


class _Spool:
    """A stem on disk, ``[samples, channels=2]``, written and added to from start to end."""

    def __init__(self, file: RawIOBase) -> None:
        self._file = file
        self._samples = 0

    def add(self, start: int, block: Block) -> None:
        """Add ``[channels=2, n]`` at the sample ``start``; what is not there yet is silence."""
        known = max(0, min(self._samples - start, block.shape[-1]))
        if known:
            block = block.copy()
            block[:, :known] += self.read(start, known)
        self._file.seek(start * _BYTES_A_SAMPLE)
        view = np.ascontiguousarray(block.T).data.cast("B")
        while view:
            view = view[self._file.write(view) :]
        self._samples = max(self._samples, start + block.shape[-1])

    def read(self, start: int, samples: int) -> Block:
        """``[channels=2, samples]`` from the sample ``start`` on."""
        found = np.zeros((samples, 2), np.float32)
        self._file.seek(start * _BYTES_A_SAMPLE)
        view = found.data.cast("B")
        while view and (count := self._file.readinto(view)):
            view = view[count:]
        return found.T
