"""How a value lies in memory, which need not be how it reads: no transposition before its time.

ONNX Runtime's convolutions want channels first, its matrix products channels last, and graphs are
written channels last throughout. So a tensor of the graph stays as the last operation left it,
and a layout tells how to read it. Transposing is a change of reading alone, and so is reshaping
as long as every axis can be told from the axes in memory.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise


@dataclass(frozen=True, slots=True)
class Layout:
    """A dense array of ``sizes``, each of whose axes is a part of one axis of the value."""

    sizes: tuple[int, ...]
    """Sizes in memory, the slowest first; none of them is one."""
    axes: tuple[tuple[int, ...], ...]
    """For each axis of the value its axes in memory, the slowest of the value's first."""

    @classmethod
    def of(cls, sizes: Sequence[int], axes: Sequence[Sequence[int]]) -> Layout:
        """Leave out axes in memory whose size is one."""
        places = {old: new for new, old in enumerate(i for i, n in enumerate(sizes) if n != 1)}
        return cls(
            tuple(sizes[old] for old in places),
            tuple(tuple(places[old] for old in axis if old in places) for axis in axes),
        )

    @classmethod
    def dense(cls, shape: Sequence[int], order: Sequence[int] | None = None) -> Layout:
        """One axis in memory for each of the value's, the slowest named first by ``order``."""
        order = range(len(shape)) if order is None else order
        axes = [(order.index(axis),) for axis in range(len(shape))]
        return cls.of([shape[axis] for axis in order], axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the value."""
        return tuple(math.prod(self.sizes[each] for each in axis) for axis in self.axes)

    @property
    def order(self) -> list[int]:
        """The value's axes by where they begin in memory."""
        return sorted(range(len(self.axes)), key=lambda axis: self.axes[axis][:1])

    def transposed(self, order: Sequence[int]) -> Layout:
        """Read the axes in another order."""
        return Layout(self.sizes, tuple(self.axes[axis] for axis in order))

    def reshaped(self, shape: Sequence[int]) -> Layout | None:
        """Read as another shape; None if memory has to be reordered for that."""
        runs = self._runs()
        pieces: list[list[int]] = [[] for _ in runs]
        axes: list[list[tuple[int, int]]] = []
        rest, run = [size for _, size in runs], 0
        for wanted in shape:
            axes.append([])
            while wanted > 1:
                piece = math.gcd(wanted, rest[run])
                if piece not in (wanted, rest[run]):
                    return None
                axes[-1].append((run, len(pieces[run])))
                pieces[run].append(piece)
                wanted //= piece  # noqa: PLW2901 - what is left of it
                rest[run] //= piece
                run += rest[run] == 1
        return self._rearranged([first for first, _ in runs], pieces, axes)

    def _runs(self) -> list[tuple[int, int]]:
        """Axes that follow each other in memory as in the value, as one: where, and how large."""
        flat = list(chain.from_iterable(self.axes))
        starts = [0, *(i + 1 for i, (a, b) in enumerate(pairwise(flat)) if b != a + 1), len(flat)]
        groups = [flat[start:stop] for start, stop in pairwise(starts)]
        return [(group[0], math.prod(self.sizes[i] for i in group)) for group in groups if group]

    @staticmethod
    def _rearranged(
        firsts: Sequence[int],
        pieces: Sequence[Sequence[int]],
        axes: Sequence[Sequence[tuple[int, int]]],
    ) -> Layout:
        """Put the pieces of every run where the run lies in memory."""
        order = sorted(range(len(firsts)), key=firsts.__getitem__)
        places = [(run, piece) for run in order for piece in range(len(pieces[run]))]
        sizes = tuple(pieces[run][piece] for run, piece in places)
        return Layout(sizes, tuple(tuple(places.index(each) for each in axis) for axis in axes))

    def with_size(self, place: int, size: int) -> Layout:
        """Change one axis in memory."""
        sizes = [size if each == place else old for each, old in enumerate(self.sizes)]
        return Layout.of(sizes, self.axes)

    def is_together(self, axis: int) -> bool:
        """Whether an axis of the value is one block of axes in memory."""
        return all(b == a + 1 for a, b in pairwise(self.axes[axis]))

    def leads(self, axis: int) -> bool:
        """Whether an axis of the value is together and the slowest in memory."""
        return self.axes[axis] == tuple(range(len(self.axes[axis])))

    def around(self, axis: int) -> tuple[int, int, int]:
        """Sizes of what is slower in memory than an axis that is together, it, what is faster."""
        places = self.axes[axis]
        first = places[0] if places else len(self.sizes)
        parts = self.sizes[:first], self.sizes[first : first + len(places)]
        before, size = math.prod(parts[0]), math.prod(parts[1])
        return before, size, math.prod(self.sizes) // (before * size)

    def resized(self, axis: int, size: int) -> Layout:
        """Give an axis that is together another size."""
        places = self.axes[axis]
        first = places[0] if places else len(self.sizes)
        beyond = first + len(places)
        axes = [
            tuple(each if each < first else each - len(places) + 1 for each in old)
            for old in self.axes
        ]
        axes[axis] = (first,)
        return Layout.of((*self.sizes[:first], size, *self.sizes[beyond:]), axes)

    def without(self, axes: Sequence[int]) -> Layout:
        """Reduce some axes of the value to ones."""
        gone = {place for axis in axes for place in self.axes[axis]}
        sizes = [1 if place in gone else size for place, size in enumerate(self.sizes)]
        return Layout.of(sizes, self.axes)


def joined(sizes: Sequence[int], order: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Make one axis of those that stay together when transposed to ``order``.

    Gives the sizes and the order of what is left.
    """
    starts = [place for i, place in enumerate(order) if not i or order[i - 1] != place - 1]
    bounds = [*sorted(starts), len(sizes)]
    grouped = tuple(math.prod(sizes[start:end]) for start, end in pairwise(bounds))
    return grouped, tuple(bounds.index(start) for start in starts)
