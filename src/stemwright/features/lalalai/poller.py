"""Asks lalal.ai how far tasks are: for all tasks of a licence together, and seldom.

There is no thread behind this. Whoever waits for a task looks twice a second whether the next
question is due, and the first to see that it is asks for everybody.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from stemwright.errors import Cancelled, LalalaiError, LalalaiTimeout, LalalaiUnavailable
from stemwright.kit import logs

from .api import MOST_IDS, LalalaiApi
from .failures import LONGEST_WAIT_S
from .licences import LicenceKey
from .replies import TaskState

TICK_S: Final = 0.5
MOST_FAILURES: Final = 10
STALLED_S: Final = 20 * 60.0
TOTAL_S: Final = 2 * 3600.0

_OFTEN_S: Final = 5.0
_SELDOM_S: Final = 10.0
_YOUNG_S: Final = 120.0
_FIRST_PAUSE_S: Final = 30.0
_MOST_UNKNOWN: Final = 3

Check = Callable[[Sequence[str]], Mapping[str, TaskState]]
Tell = Callable[[str | None], None]

log = logs.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Watched:
    """A task that somebody waits for."""

    task_id: str
    since: float
    """When it was begun, perhaps by an earlier process."""
    changed_at: float
    asked_at: float = float("-inf")
    state: TaskState = field(default_factory=lambda: TaskState("progress"))
    unknowns: int = 0
    """How often in a row lalal.ai said it does not know the task; it may be mistaken."""
    end: TaskState | None = None
    error: LalalaiError | None = None

    def take(self, state: TaskState, now: float) -> None:
        """Note what was answered."""
        self.asked_at = now
        self.unknowns = self.unknowns + 1 if state.status == "server_error" else 0
        if state.status == "progress":
            if state != self.state:
                self.changed_at = now
            self.state = state
        elif state.status != "server_error" or self.unknowns >= _MOST_UNKNOWN:
            self.end = state


class Poller:
    """All tasks of one licence that this process waits for."""

    def __init__(
        self,
        check: Check,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._check = check
        self._now = now
        self._sleep = sleep
        self._watched: list[Watched] = []
        self._asked_at = self._not_before = float("-inf")
        self._failing_since: float | None = None
        self._failures = 0
        self._trouble: str | None = None
        self._lock = threading.Lock()
        self._asking = threading.Lock()

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits and the next question could be asked at once."""
        now = self._now()
        rested = now - self._asked_at > _SELDOM_S and now >= self._not_before
        return not self._watched and rested

    def wait(
        self,
        watched: Watched,
        *,
        progress: Callable[[int], None],
        tell: Tell,
        cancelled: Callable[[], bool],
    ) -> TaskState:
        """Wait for the end of a task that was added, and let go of it."""
        try:
            while True:
                self.turn()
                if watched.error is not None:
                    raise copy.copy(watched.error)
                if watched.end is not None:
                    return watched.end
                self._require_patience(watched)
                tell(self._trouble)
                progress(watched.state.progress)
                if cancelled():
                    raise Cancelled(f"Task {watched.task_id} is not waited for any more.")
                self._sleep(TICK_S)
        finally:
            with self._lock:
                self._watched.remove(watched)

    def add(self, task_id: str, age_s: float = 0.0) -> Watched:
        """Ask for a task from now on."""
        now = self._now()
        watched = Watched(task_id, since=now - age_s, changed_at=now)
        with self._lock:
            self._watched.append(watched)
        return watched

    def turn(self) -> None:
        """Ask, if it is time and nobody else is asking."""
        if not self._asking.acquire(blocking=False):
            return
        try:
            if self._now() >= self._due():
                self._ask()
        finally:
            self._asking.release()

    def _due(self) -> float:
        with self._lock:
            young = any(self._now() - watched.since < _YOUNG_S for watched in self._watched)
        return max(self._asked_at + (_OFTEN_S if young else _SELDOM_S), self._not_before)

    def _ask(self) -> None:
        with self._lock:
            longest_ago = sorted(self._watched, key=lambda watched: watched.asked_at)
        task_ids = list(dict.fromkeys(watched.task_id for watched in longest_ago))[:MOST_IDS]
        asked = [watched for watched in longest_ago if watched.task_id in set(task_ids)]
        self._asked_at = self._now()
        try:
            states = self._check(task_ids)
        except LalalaiUnavailable as error:
            self._back_off(error, asked)
        except LalalaiError as error:
            _end(asked, error)
        else:
            self._recover()
            for watched in asked:
                watched.take(states[watched.task_id], self._now())

    def _back_off(self, error: LalalaiUnavailable, asked: Sequence[Watched]) -> None:
        self._failures += 1
        if self._failing_since is None:
            self._failing_since = self._asked_at
        pause_s = error.retry_after_s or pause_after(self._failures)
        self._not_before = self._now() + pause_s
        self._trouble = next_try(error, pause_s)
        log.warning("lalal.ai is asked again later", after_s=pause_s, reason=error.message)
        if self._failures >= MOST_FAILURES:
            _end(asked, error)

    def _recover(self) -> None:
        """What was not asked for was not seen to stand still either."""
        if self._failing_since is not None:
            missed_s = self._now() - self._failing_since
            with self._lock:
                for watched in self._watched:
                    watched.changed_at += missed_s
        self._failures, self._failing_since, self._trouble = 0, None, None

    def _require_patience(self, watched: Watched) -> None:
        now = self._now()
        stands_still = self._failing_since is None and now - watched.changed_at > STALLED_S
        if stands_still or now - watched.since > TOTAL_S:
            raise LalalaiTimeout(
                f"lalal.ai did not finish in time: the task stood at {watched.state.progress} % "
                f"{(now - watched.since) / 60:.0f} minutes after its begin. It was cancelled."
            )


class Pollers:
    """The one poller of each licence key in this process."""

    def __init__(
        self,
        api: LalalaiApi,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._api = api
        self._now = now
        self._sleep = sleep
        self._pollers: dict[str, Poller] = {}
        self._lock = threading.Lock()

    def watch(
        self,
        key: LicenceKey,
        task_id: str,
        *,
        age_s: float,
        progress: Callable[[int], None],
        tell: Tell,
        cancelled: Callable[[], bool],
    ) -> TaskState:
        """Wait for the end of a task that was begun with the key, whatever that is.

        Raises
        ------
        LalalaiTimeout
            It took too long.
        LalalaiError
            It could not be asked for.
        Cancelled
            ``cancelled`` said so.

        """
        with self._lock:
            poller = self._of(key)
            watched = poller.add(task_id, age_s)
        return poller.wait(watched, progress=progress, tell=tell, cancelled=cancelled)

    def _of(self, key: LicenceKey) -> Poller:
        for fingerprint, poller in list(self._pollers.items()):
            if poller.is_idle:
                del self._pollers[fingerprint]
        return self._pollers.setdefault(key.fingerprint, self._new(key))

    def _new(self, key: LicenceKey) -> Poller:
        return Poller(lambda ids: self._api.check(key, ids), self._now, self._sleep)


def pause_after(failures: int) -> float:
    """Seconds to wait after so many failures in a row."""
    return min(_FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_WAIT_S)


def next_try(error: LalalaiUnavailable, pause_s: float) -> str:
    """What a job says while it waits."""
    return f"{error.message} Next try in {pause_s:.0f} s."


def _end(asked: Sequence[Watched], error: LalalaiError) -> None:
    for watched in asked:
        watched.error = error
