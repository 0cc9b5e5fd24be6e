"""One song through lalal.ai: upload, order, wait, download; and delete what came to nothing.

Whatever is begun over there is kept before anything follows from it, so that a restart goes on
where this stopped: a task that runs is waited for, and never begun again.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

from stemwright.errors import (
    Cancelled,
    LalalaiCancelled,
    LalalaiError,
    LalalaiFailed,
    LalalaiQuota,
    LalalaiRefused,
    LalalaiUnavailable,
    StemwrightError,
)
from stemwright.kit import logs
from stemwright.kit.clock import utc_now

from .api import LalalaiApi
from .failures import KEY_USED, task_failure
from .orders import SplitOrder
from .poller import MOST_FAILURES, TICK_S, Pollers, next_try, pause_after
from .remembered import Ending, Remembered
from .replies import TaskState, Track
from .tracks import LinkGone, Tracks

_FRESH_FOR: Final = timedelta(minutes=10)
_UPLOADED, _FETCHED = 10.0, 99.0
_RUN: Final = 0.8
_SHORTEST_NOTICE_S: Final = 0.01

_Returned = TypeVar("_Returned")
log = logs.get_logger(__name__)


def _cut_beginning(song: Path, into: Path) -> None:
    from .sounds import cut_beginning  # noqa: PLC0415  # brings NumPy

    cut_beginning(song, into)


@dataclass(slots=True)
class Splitter:
    """Separates songs, one at each call; threads share it."""

    api: LalalaiApi
    pollers: Pollers
    keep_remote: bool = False
    """Leave the song there when the work fails; else it is deleted."""
    most_track_bytes: int = 8 << 30
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    new_idempotency_key: Callable[[], str] = lambda: str(uuid4())
    cut: Callable[[Path, Path], None] = _cut_beginning
    """Makes the song of a preview: ``cut(song, into)``."""

    def split(
        self,
        song: Path,
        order: SplitOrder,
        folder: Path,
        *,
        remembered: Remembered,
        progress: Callable[[float], None],
        cancelled: Callable[[], bool],
    ) -> dict[str, Path]:
        """Separate a song into files of ``folder``, which must be there; the files by stem.

        When this succeeds, song and tracks stay over there until ``Lalalai.leave``: should the
        files be lost before the job has ended, they can be fetched again.

        Raises
        ------
        LalalaiError
        Cancelled
            ``cancelled`` said so; the task is stopped and everything deleted over there, unless
            another attempt goes on with it.
        InputError, OutputError

        """
        return _Run(self, song, order, folder, remembered, progress, cancelled).whole()


@dataclass(slots=True)
class _Run:
    splitter: Splitter
    song: Path
    order: SplitOrder
    folder: Path
    remembered: Remembered
    progress: Callable[[float], None]
    cancelled: Callable[[], bool]
    best: float = -1.0
    failures: int = 0
    told: str | None = None
    has_renewed_key: bool = False
    is_running: bool = field(init=False)
    """Whether there may be a task to stop."""

    def __post_init__(self) -> None:
        self.is_running = self.remembered.task_id is not None

    def whole(self) -> dict[str, Path]:
        try:
            return self._stems()
        except Cancelled:
            if not self.remembered.is_overtaken():
                self._leave("cancelled")
            raise
        except LalalaiCancelled:
            self._leave("cancelled")
            raise
        except StemwrightError:
            self._leave("failed")
            raise

    def _stems(self) -> dict[str, Path]:
        from .sounds import assemble  # noqa: PLC0415  # brings NumPy

        self._check()
        self._report(0)
        if self.remembered.task_id is None:
            self._bring()
            self._patiently(self._require_minutes)
            self._patiently(self._begin)
        tracks = self._wanted(self._waited())
        self._report(_UPLOADED + _RUN * 100)
        files = self._patiently(lambda: self._download(tracks))
        stems = {
            stem: labels for stem, labels in self.order.stems.items() if set(labels) <= set(files)
        }
        return assemble(files, stems, self.folder)

    # ----------------------------------------------------------------------------------- begin

    def _bring(self) -> None:
        known = self.remembered.source
        if known is not None and known.expires_at > self.splitter.clock() + _FRESH_FOR:
            return
        song = self.song
        if self.order.preview:
            song = self.folder / "preview.wav"
            self.splitter.cut(self.song, song)
        self._patiently(lambda: self._upload(song))

    def _upload(self, song: Path) -> None:
        key, name = self.remembered.key, self.order.name
        self.remembered.uploaded(self.splitter.api.upload(key, song, name, self._sent))

    def _sent(self, done: int, size: int) -> None:
        self._check()
        self._report(_UPLOADED * done / max(size, 1))

    def _require_minutes(self) -> None:
        """Refuse what the account cannot pay, before it is tried."""
        needed = ceil(self._minutes())
        left = self.splitter.api.minutes_left(self.remembered.key)
        if needed > left:
            raise LalalaiQuota(
                f"The lalal.ai account has {left:g} minutes left and this takes {needed}: "
                f"{self.order.times} for each minute of the song. Buy more there, ask for fewer "
                "stems, or use the engine local."
            )

    def _begin(self) -> None:
        remembered = self.remembered
        if remembered.idempotency_key is None:
            remembered.will_begin(self.splitter.new_idempotency_key())
        try:
            task_id = self._order()
        except LalalaiRefused as error:
            if error.reason != KEY_USED or self.has_renewed_key:
                raise
            # its task began and its id was lost on the way; they do not tell it again
            log.warning("lalal.ai may charge twice", idempotency_key=remembered.idempotency_key)
            self.has_renewed_key = True
            remembered.will_begin(self.splitter.new_idempotency_key())
            task_id = self._order()
        self.is_running = True
        remembered.began(task_id, self.splitter.clock(), self._minutes())

    def _order(self) -> str:
        remembered, order = self.remembered, self.order
        assert remembered.source is not None
        assert remembered.idempotency_key is not None
        self._check()
        return self.splitter.api.split(
            remembered.key,
            order.operation,
            remembered.source.id,
            order.presets,
            remembered.idempotency_key,
        )

    def _minutes(self) -> float:
        assert self.remembered.source is not None
        return self.remembered.source.duration_s / 60 * self.order.times

    # ------------------------------------------------------------------------------------ wait

    def _waited(self) -> TaskState:
        remembered = self.remembered
        assert remembered.task_id is not None
        began_at = remembered.task_began_at or self.splitter.clock()
        state = self.splitter.pollers.watch(
            remembered.key,
            remembered.task_id,
            age_s=max((self.splitter.clock() - began_at).total_seconds(), 0.0),
            progress=lambda percent: self._report(_UPLOADED + _RUN * percent),
            tell=self._tell,
            cancelled=self.cancelled,
        )
        self._tell(None)
        self.is_running = False
        return state

    def _wanted(self, state: TaskState) -> list[Track]:
        """The tracks to fetch; the labels say which they are, their order does not."""
        if state.status == "cancelled":
            raise LalalaiCancelled("cancelled")
        if state.status == "server_error":
            raise LalalaiFailed(f"lalal.ai knows nothing of the task any more: {state.detail}.")
        if state.status != "success":
            raise task_failure(state.code, state.detail)
        found = {track.label: track for track in state.tracks}
        optional = {label for stem in self.order.optional for label in self.order.stems[stem]}
        if missing := [x for x in self.order.labels if x not in found and x not in optional]:
            raise LalalaiFailed(f"lalal.ai finished without the track {missing[0]}.")
        return [found[label] for label in self.order.labels if label in found]

    # -------------------------------------------------------------------------------- download

    def _download(self, tracks: list[Track]) -> dict[str, Path]:
        fetching = Tracks(
            self.splitter.api, self.splitter.most_track_bytes, self._pause, self._check
        )
        try:
            return fetching.fetch(tracks, self.folder, self._fetched)
        except LinkGone:
            fresh = self._fresh_links()
        try:
            return fetching.fetch(fresh, self.folder, self._fetched)
        except LinkGone as error:
            raise LalalaiFailed(f"lalal.ai does not have the track {error} any more.") from error

    def _fresh_links(self) -> list[Track]:
        task_id = self.remembered.task_id
        assert task_id is not None
        return self._wanted(self.splitter.api.check(self.remembered.key, [task_id])[task_id])

    def _fetched(self, part: float) -> None:
        begin = _UPLOADED + _RUN * 100
        self._report(begin + (_FETCHED - begin) * part)

    # ------------------------------------------------------------------------------------- end

    def _leave(self, ending: Ending) -> None:
        self._tell(None)
        clean_up(
            self.splitter.api,
            self.remembered,
            is_running=self.is_running,
            keep=self.splitter.keep_remote,
        )
        self.remembered.end(ending)

    # ------------------------------------------------------------------------------- all along

    def _patiently(self, step: Callable[[], _Returned]) -> _Returned:
        """Try until it is done, ten times in all of the job."""
        while True:
            try:
                done = step()
            except LalalaiUnavailable as error:
                self.failures += 1
                if self.failures >= MOST_FAILURES:
                    raise
                pause_s = error.retry_after_s or pause_after(self.failures)
                self._tell(next_try(error, pause_s))
                self._pause(pause_s)
            else:
                self._tell(None)
                return done

    def _pause(self, seconds: float) -> None:
        left = seconds
        while left > _SHORTEST_NOTICE_S:
            self._check()
            self.splitter.sleep(min(TICK_S, left))
            left -= TICK_S
        self._check()

    def _check(self) -> None:
        if self.cancelled():
            raise Cancelled("The separation was stopped.")

    def _report(self, progress: float) -> None:
        if progress > self.best:
            self.best = progress
            self.progress(progress)

    def _tell(self, note: str | None) -> None:
        if note != self.told:
            self.told = note
            self.remembered.tell(note)


def clean_up(api: LalalaiApi, remembered: Remembered, *, is_running: bool, keep: bool) -> None:
    """Stop the task and delete the song over there, as far as that can be done now."""
    if is_running and remembered.task_id is not None:
        with _only_logged("lalal.ai did not cancel"):
            api.cancel(remembered.key, [remembered.task_id])
    if remembered.source is not None and not keep:
        with _only_logged("lalal.ai did not delete"):
            api.delete(remembered.key, remembered.source.id)


@contextlib.contextmanager
def _only_logged(what: str) -> Iterator[None]:
    try:
        yield
    except LalalaiError as error:
        log.warning(what, reason=error.message)
