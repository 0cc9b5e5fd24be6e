"""Time and pitch of a stream, by Signalsmith Stretch on pieces of ten seconds.

The library takes a whole clip and gives a whole clip; minutes of one would take gigabytes. So a
clip is stretched in pieces that overlap, each with a lead-in that is thrown away, and two pieces
are joined as `seams.turned` does. Every piece has its place by the clock of the whole clip, so
nothing drifts; and as no piece needs another, several are stretched at a time.

Pitch is changed by stretching and then playing faster or slower. The library could change it by
itself, and misses low notes by up to a third of a semitone: it moves whole bands of its spectrum.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from .edits import joined
from .resample import StreamResampler
from .seams import seam_length, turned
from .stretch_worker import CHANNELS

Block = NDArray[np.float32]

PIECE_S: Final = 10.0
_LEAD_S: Final = 0.25
_HOP_S: Final = 0.03
_AHEAD: Final = 1
_RATIO: Final = 1_000_000


class Stretch(Protocol):
    """Stretches one piece, in its own time."""

    def __call__(self, piece: Block, frames: int, rate: int) -> Future[Block]:
        """Make ``[2, n]`` at ``rate`` Hz into ``[2, frames]`` of the same pitch."""


def stretched_frames(frames: int, tempo: float) -> int:
    """Return how long a clip is when played ``tempo`` times as fast: to the nearest sample."""
    return int(frames / tempo + 0.5)


class TempoAndPitch:
    """A clip of known length at another speed and another pitch: `audio.edits.Stage`.

    Exactly ``stretched_frames(frames, tempo)`` samples come out for ``frames`` that go in.
    """

    def __init__(
        self, frames: int, tempo: float, semitones: float, rate: int, stretch: Stretch
    ) -> None:
        speed = 2 ** (semitones / 12)
        self._left = stretched_frames(frames, tempo)
        self._stretched = StretchStage(frames, tempo / speed, rate, stretch)
        # Only the ratio counts; a millionth is two thousandths of a cent.
        self._played = StreamResampler(round(speed * _RATIO), _RATIO, CHANNELS)

    def process(self, block: Block) -> Block:
        return self._counted(self._played.process(self._stretched.process(block)))

    def finish(self) -> Block:
        late = self._played.process(self._stretched.finish())
        rest = self._counted(joined([late, self._played.flush()]))
        return np.pad(rest, ((0, 0), (0, self._left)))

    def _counted(self, block: Block) -> Block:
        """Cut off a sample too many, which two conversions may give."""
        kept = block[:, : self._left]
        self._left -= kept.shape[1]
        return kept


@dataclass(frozen=True, slots=True)
class _Piece:
    """Where a piece comes from and goes to, in samples of the clip before and after."""

    taken: slice
    frames: int
    lead: int
    """Of its output, what is thrown away at the beginning."""


class StretchStage:
    """A clip of known length at another speed, as it streams by: `audio.edits.Stage`.

    Exactly ``stretched_frames(frames, tempo)`` samples come out for ``frames`` that go in. It holds
    back two pieces, and as many more as are being worked on.
    """

    def __init__(self, frames: int, tempo: float, rate: int, stretch: Stretch) -> None:
        self._frames, self._total = frames, stretched_frames(frames, tempo)
        self._rate, self._stretch = rate, stretch
        hop = int(rate * _HOP_S)
        self._advance = int(PIECE_S * rate) // hop * hop
        self._seam, self._lead = seam_length(rate), int(_LEAD_S * rate)
        self._pieces = deque(self._planned())
        self._input: list[Block] = []
        self._at = 0
        self._end = 0
        self._working: deque[tuple[_Piece, Future[Block]]] = deque()
        self._before: Block | None = None

    def process(self, block: Block) -> Block:
        self._input.append(block)
        self._end += block.shape[1]
        while self._pieces and self._pieces[0].taken.stop <= self._end:
            self._begin(self._pieces.popleft())
        return joined(self._ready())

    def finish(self) -> Block:
        return joined(self._join(*self._working.popleft()) for _ in range(len(self._working)))

    def _planned(self) -> list[_Piece]:
        if not self._total:
            return []
        # Whole hops of the library: two pieces look at the same samples where they overlap.
        count, reach = 1, self._seam + self._lead
        while count * self._advance + reach < self._total:
            count += 1
        return [self._piece(index, last=index == count - 1) for index in range(count)]

    def _piece(self, index: int, *, last: bool) -> _Piece:
        at = index * self._advance
        start = max(0, at - self._lead)
        stop = self._total if last else at + self._advance + self._seam + self._lead
        return _Piece(
            slice(self._before_stretch(start), self._before_stretch(stop)), stop - start, at - start
        )

    def _before_stretch(self, at: int) -> int:
        return round(at * self._frames / self._total)

    def _begin(self, piece: _Piece) -> None:
        clip = joined(self._input)
        taken = clip[:, piece.taken.start - self._at : piece.taken.stop - self._at]
        done = self._stretch(np.ascontiguousarray(taken), piece.frames, self._rate)
        self._working.append((piece, done))
        following = self._pieces[0].taken.start if self._pieces else self._end
        # a copy, not a view: it would keep all that was before alive
        self._input, self._at = [clip[:, following - self._at :].copy()], following

    def _ready(self) -> list[Block]:
        """What is done; waits only where too much is being worked on."""
        ready = []
        while self._working and (len(self._working) > _AHEAD or self._working[0][1].done()):
            ready.append(self._join(*self._working.popleft()))
        return ready

    def _join(self, piece: _Piece, done: Future[Block]) -> Block:
        block = done.result()[:, piece.lead :]
        parts = [block]
        if self._before is not None:
            seam = turned(self._before, block[:, : self._seam], self._rate)
            parts = [seam, block[:, self._seam :]]
        self._before = None
        if self._working or self._pieces:
            # more follows: what overlaps with it, and what was only there to lead out, wait
            whole = joined(parts)
            self._before = whole[:, self._advance : self._advance + self._seam].copy()
            parts = [whole[:, : self._advance]]
        return joined(parts)
