"""Separation: the method on one page.

Normalise the mixture by its own mean and deviation (few networks want it as it is); cut it into
overlapping segments; let the network separate each one; join the results under a triangular window;
undo the normalisation. Optionally do so several times with the mixture shifted by a random fraction
of half a second, and average. This is ``Separator.separate_tensor`` and ``apply_model`` of demucs
4.1.0, as a stream: memory does not grow with the length of the song.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import Cancelled, OptionError

from .overlap_add import OverlapAdd
from .segments import Grid, Segment, SlidingMixture

if TYPE_CHECKING:
    from .runtimes.base import Runtime

Block = NDArray[np.float32]

SILENCE_GUARD = 1e-8
"""Added to the deviation, as in the reference, so that silence divides by something."""


class MixtureStream(Protocol):
    """A stereo mixture at the model's sample rate whose statistics are already known."""

    @property
    def samples(self) -> int:
        """Length in samples."""
        ...

    @property
    def mean(self) -> float:
        """Mean of the channel mean over the whole mixture."""
        ...

    @property
    def deviation(self) -> float:
        """Unbiased standard deviation of the channel mean over the whole mixture."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Blocks ``[channels=2, n]``, float32, from the start."""
        ...


@dataclass(frozen=True, slots=True)
class ArrayMixture:
    """A mixture that is in memory as a whole, ``[channels=2, samples]``."""

    array: Block

    @property
    def samples(self) -> int:
        """Length in samples."""
        return int(self.array.shape[1])

    @property
    def mean(self) -> float:
        """Mean of the channel mean."""
        return float(self.array.mean(axis=0, dtype=np.float64).mean())

    @property
    def deviation(self) -> float:
        """Unbiased standard deviation of the channel mean."""
        mono = self.array.mean(axis=0, dtype=np.float64)
        return float(mono.std(ddof=1)) if mono.size > 1 else 0.0

    def blocks(self) -> Iterator[Block]:
        """Yield the array as one block."""
        yield self.array


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a separation is."""

    fraction: float
    """0 to 1."""
    seconds_done: float
    """The same fraction of the song's seconds."""
    seconds_total: float
    eta_s: float
    """Expected seconds until the end."""


@dataclass(frozen=True, slots=True)
class Method:
    """How a mixture is cut and joined.

    Raises
    ------
    OptionError
        A value is out of range.

    """

    overlap: float = 0.25
    """Fraction of a segment that it shares with the next one; 0 <= overlap < 1."""
    shifts: int = 0
    """Passes at random offsets to average; 0 is one pass without offset."""
    segment_s: float | None = None
    """Seconds from the start to the end of one segment; ``None`` is all the network sees."""
    seed: int = 0
    """Of the random offsets."""

    def __post_init__(self) -> None:
        if not 0 <= self.overlap < 1:
            raise OptionError(f"overlap is {self.overlap}; give at least 0 and less than 1")
        if not 0 <= self.shifts <= MAX_SHIFTS:
            raise OptionError(f"shifts is {self.shifts}; give 0 to {MAX_SHIFTS}")
        if self.segment_s is not None and not self.segment_s >= MIN_SEGMENT_S:
            raise OptionError(f"segment is {self.segment_s} s; give at least {MIN_SEGMENT_S} s")


MAX_SHIFTS = 64
MIN_SEGMENT_S = 0.1


def separate(
    mixture: MixtureStream,
    runtime: Runtime,
    method: Method,
    *,
    sample_rate: int,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Iterator[Block]:
    """Separate a mixture into blocks ``[sources, channels=2, n]`` that add up to its length.

    Blocks come as soon as they are final. While the caller works on one, the runtime is already
    separating the next segment; no more than ``runtime.segments_in_flight + 1`` are held.

    Raises
    ------
    Cancelled
        ``cancelled()`` was true when a segment was about to start.
    OptionError
        The segment asked for is longer than the network's.

    """
    grids = _grids(mixture.samples, runtime, method, sample_rate)
    scale, shift = _levels(mixture) if runtime.normalised else (np.float32(1), np.float32(0))
    normalised = ((block - shift) / scale for block in mixture.blocks())
    window = SlidingMixture(normalised, mixture.samples)
    meter = _Meter(sum(len(grid) for grid in grids), mixture.samples / sample_rate, progress)
    segments = _guarded(_in_time_order(grids), cancelled or _never)
    with closing(_inferred(window, segments, grids[0].window, runtime)) as results:
        for block in _joined(grids, results, runtime, meter):
            yield block * scale + shift


def _levels(mixture: MixtureStream) -> tuple[np.float32, np.float32]:
    """Deviation and mean of the whole song."""
    return np.float32(mixture.deviation + SILENCE_GUARD), np.float32(mixture.mean)


def _grids(samples: int, runtime: Runtime, method: Method, sample_rate: int) -> list[Grid]:
    """One grid for every pass, each with its random offset in the half second before the song."""
    window = runtime.segment_samples
    segment = window if method.segment_s is None else int(method.segment_s * sample_rate)
    if segment > window:
        longest = window / sample_rate
        raise OptionError(f"segment is {method.segment_s} s; this model sees at most {longest} s")
    stride = max(1, int((1 - method.overlap) * segment))
    furthest = sample_rate // 2
    random = np.random.default_rng(method.seed)
    offsets = random.integers(0, furthest, size=method.shifts, endpoint=True)
    starts = [int(offset) - furthest for offset in offsets] or [0]
    return [Grid(start, samples, segment, window, stride) for start in starts]


def _in_time_order(grids: list[Grid]) -> Iterator[tuple[int, Segment]]:
    """All segments of all passes with the number of their pass, earliest first."""
    tagged = (zip(repeat(number), grid, strict=False) for number, grid in enumerate(grids))
    return heapq.merge(*tagged, key=lambda item: item[1].start)


def _guarded(
    segments: Iterable[tuple[int, Segment]], cancelled: Callable[[], bool]
) -> Iterator[tuple[int, Segment]]:
    for item in segments:
        if cancelled():
            raise Cancelled("The separation was cancelled.")
        yield item


def _inferred(
    mixture: SlidingMixture,
    segments: Iterable[tuple[int, Segment]],
    window: int,
    runtime: Runtime,
) -> Generator[tuple[int, Segment, Block]]:
    """Run the network over every segment, in order, ``segments_in_flight`` at a time."""
    waiting: deque[tuple[int, Segment, Future[Block]]] = deque()
    threads = ThreadPoolExecutor(runtime.segments_in_flight, thread_name_prefix="segment")
    try:
        for number, segment in segments:
            start = segment.window_start
            future = threads.submit(runtime.infer, mixture.read(start, start + window))
            mixture.forget(segment.start - window // 2)
            waiting.append((number, segment, future))
            if len(waiting) > runtime.segments_in_flight:
                yield _finished(waiting)
        while waiting:
            yield _finished(waiting)
    finally:
        threads.shutdown(cancel_futures=True)


def _finished(
    waiting: deque[tuple[int, Segment, Future[Block]]],
) -> tuple[int, Segment, Block]:
    number, segment, future = waiting.popleft()
    return number, segment, future.result()


def _joined(
    grids: list[Grid],
    results: Iterable[tuple[int, Segment, Block]],
    runtime: Runtime,
    meter: _Meter,
) -> Iterator[Block]:
    """Overlap-add every pass on its own, and average the passes where all are final."""
    rows = (len(runtime.sources), 2)
    passes = [OverlapAdd(rows, grid.segment, grid.start) for grid in grids]
    average = _Average(len(grids))
    for number, segment, stems in results:
        offset = segment.start - segment.window_start
        passes[number].add(segment.start, stems[..., offset : offset + segment.length])
        grid = grids[number]
        block = passes[number].take(min(segment.start + grid.stride, grid.stop))
        average.put(number, block[..., max(0, -segment.start) :])
        if (final := average.take()) is not None:
            yield final
        meter.advance()


class _Average:
    """Averages streams that arrive in turns, as far as all of them have come."""

    def __init__(self, streams: int) -> None:
        self._waiting: list[list[Block]] = [[] for _ in range(streams)]

    def put(self, stream: int, block: Block) -> None:
        if block.shape[-1]:
            self._waiting[stream].append(block)

    def take(self) -> Block | None:
        if not all(self._waiting):
            return None
        if len(self._waiting) == 1:
            return self._waiting[0].pop()
        joined = [np.concatenate(parts, axis=-1) for parts in self._waiting]
        common = min(block.shape[-1] for block in joined)
        rest = (block[..., common:] for block in joined)
        self._waiting = [[block] if block.shape[-1] else [] for block in rest]
        total: Block = np.sum([block[..., :common] for block in joined], axis=0)
        return total / np.float32(len(joined))


class _Meter:
    """Turns finished segments into progress reports."""

    def __init__(
        self, segments: int, seconds: float, report: Callable[[Progress], None] | None
    ) -> None:
        self._segments = segments
        self._seconds = seconds
        self._report = report
        self._done = 0
        self._started = time.monotonic()

    def advance(self) -> None:
        self._done += 1
        if self._report is None:
            return
        fraction = self._done / self._segments
        elapsed = time.monotonic() - self._started
        eta_s = elapsed / fraction - elapsed
        self._report(Progress(fraction, fraction * self._seconds, self._seconds, eta_s))


def _never() -> bool:
    return False
