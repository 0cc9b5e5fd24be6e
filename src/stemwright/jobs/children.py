"""Child processes that do the heavy work, kept warm between jobs.

A child that crashes, is killed for its memory or meets a hostile file takes down one attempt at
one piece of work and nothing else. It reads one JSON object a line from its standard input and
answers with JSON lines; when its input ends, because its parent died or let go of it, it exits.
"""

from __future__ import annotations

import contextlib
import json
import math
import queue
import subprocess  # our own interpreter, our own module
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from stemwright.errors import Cancelled, ChildDied, revived
from stemwright.kit import logs

_POLL_S: Final = 0.1
_SECOND_CHANCES: Final = 1
_OUT_OF_MEMORY: Final = 137
"""Exit status of a child that was refused memory; also how shells put being killed."""

log = logs.get_logger(__name__)

Progress = Callable[[str, float], None]
Cancel = Callable[[], bool]


class TookTooLong(ChildDied):
    """It was killed for its slowness: another one would be as slow."""


@dataclass(slots=True)
class Child:
    """One child process and the line it is on."""

    process: subprocess.Popen[bytes]
    answers: queue.SimpleQueue[dict[str, Any] | None] = field(default_factory=queue.SimpleQueue)
    served: int = 0
    rss_mb: float = 0.0
    holds: tuple[str, ...] = ()
    """Models it has in memory, as it said last."""
    idle_since: float = field(default_factory=time.monotonic)

    @classmethod
    def start(cls, command: Sequence[str], environ: Mapping[str, str]) -> Child:
        """Start a child; it loads nothing until it is asked for something."""
        process = subprocess.Popen(  # noqa: S603  # the command is ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            start_new_session=True,  # Ctrl-C at a terminal is for the parent to deal with
        )
        child = cls(process)
        threading.Thread(target=child._read, name=f"child {process.pid}", daemon=True).start()
        return child

    @property
    def alive(self) -> bool:
        """Whether the process is still there."""
        return self.process.poll() is None

    def ask(
        self,
        work: str,
        arguments: Mapping[str, Any],
        *,
        progress: Progress,
        cancelled: Cancel,
        deadline: float,
        silence_s: float,
    ) -> dict[str, Any]:
        """Have one piece of work done.

        Raises
        ------
        ChildDied
            It went away, was not done by ``deadline``, or said nothing for so long, and was killed.
        Cancelled
            It was killed, since ``cancelled`` said so.
        StemwrightError
            It says why it cannot.

        """
        self._send({"work": work, "arguments": arguments})
        heard = time.monotonic()
        while True:
            # also while answers keep coming: a busy child can be too slow or unwanted, too
            self._stop_if(work, cancelled, min(deadline, heard + silence_s))
            answer = self._next(work)
            if answer is None:
                continue
            heard = time.monotonic()
            self.holds = tuple(answer.get("holds", self.holds))
            if "progress" in answer:
                self._pass_on(answer, progress)
            elif "error" in answer:
                raise revived(answer["error"], answer["message"], answer["fields"])
            else:
                self.served += 1
                self.rss_mb = answer["rss_mb"]
                done: dict[str, Any] = answer["done"]
                return done

    def kill(self) -> None:
        """End the process at once and wait for that."""
        self.process.kill()
        self._release()

    def dismiss(self) -> None:
        """Let an idle child go."""
        self._release()

    def _release(self) -> None:
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):  # it is gone already
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _send(self, request: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise ChildDied("The child process was gone before it was asked.") from error

    def _pass_on(self, answer: dict[str, Any], progress: Progress) -> None:
        try:
            progress(answer["phase"], answer["progress"])
        except BaseException:
            self.kill()  # it is still at work, and nobody waits for that any more
            raise

    def _next(self, work: str) -> dict[str, Any] | None:
        try:
            answer = self.answers.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        if answer is None:
            status = self.process.wait()
            raise ChildDied(f"The child process at {work} died ({_how(status)}).")
        return answer

    def _stop_if(self, work: str, cancelled: Cancel, deadline: float) -> None:
        if cancelled():
            self.kill()
            raise Cancelled("Stopped.")
        if time.monotonic() > deadline:
            self.kill()
            raise TookTooLong(f"The child process at {work} took too long and was killed.")

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                try:
                    self.answers.put(json.loads(line))
                except ValueError:
                    # a library wrote where only we write
                    log.warning("a child said something else", line=line[:200].decode("latin-1"))
        self.answers.put(None)


def _how(status: int) -> str:
    if status in {-9, _OUT_OF_MEMORY}:
        return "killed, most likely for lack of memory"
    return f"signal {-status}" if status < 0 else f"exit status {status}"


@dataclass(slots=True)
class ChildPool:
    """At most ``size`` children at work; idle ones wait for more until they are old or bored."""

    command: Sequence[str]
    environ: Mapping[str, str]
    size: int = 1
    most_served: int = 200
    most_rss_mb: float = 4_000.0
    idle_s: float = 600.0
    silence_s: float = 900.0
    """A child that reports no progress for so long hangs: a percent takes minutes at worst."""
    changed: Callable[[Counter[str]], None] = lambda _held: None
    """Told how many children hold each model, for metrics."""
    _idle: list[Child] = field(default_factory=list)
    _busy: dict[int, Child] = field(default_factory=dict)
    _free: threading.Condition = field(default_factory=threading.Condition)
    _closed: bool = False

    def ask(
        self,
        work: str,
        arguments: Mapping[str, Any],
        *,
        progress: Progress = lambda _phase, _done: None,
        cancelled: Cancel = lambda: False,
        timeout_s: float | None = None,
    ) -> dict[str, Any]:
        """Have a piece of work done by a free child; a child that dies is replaced once.

        Raises
        ------
        TookTooLong
            It was not done in ``timeout_s``, the wait for a free child included, or hung.
        ChildDied
            Two children in a row died of it.
        Cancelled
        StemwrightError
            What the child met.

        """
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        for chance in range(_SECOND_CHANCES + 1):
            try:
                with self._leased(cancelled, deadline) as child:
                    return child.ask(
                        work,
                        arguments,
                        progress=progress,
                        cancelled=cancelled,
                        deadline=deadline,
                        silence_s=self.silence_s,
                    )
            except ChildDied as error:
                log.warning("child died", work=work, reason=error.message)
                if chance == _SECOND_CHANCES or isinstance(error, TookTooLong):
                    raise
        raise AssertionError("unreachable")

    def tidy(self) -> None:
        """Let go of children that have had nothing to do for a while."""
        bored = time.monotonic() - self.idle_s
        with self._free:
            leaving = [child for child in self._idle if child.idle_since < bored]
            self._idle = [child for child in self._idle if child not in leaving]
        for child in leaving:
            child.dismiss()
        self._tell()

    def close(self) -> None:
        """Let idle children go, and the others when their work is done; none is started again."""
        with self._free:
            self._closed = True
            leaving, self._idle = self._idle, []
            self._free.notify_all()
        for child in leaving:
            child.dismiss()

    @contextmanager
    def _leased(self, cancelled: Cancel, deadline: float) -> Iterator[Child]:
        child = self._take(cancelled, deadline)
        try:
            yield child
        finally:
            self._give_back(child)

    def _take(self, cancelled: Cancel, deadline: float) -> Child:
        with self._free:
            while len(self._busy) >= self.size and not self._closed:
                self._free.wait(_POLL_S)
                if cancelled():
                    raise Cancelled("Stopped while waiting for its turn.")
                if time.monotonic() > deadline:
                    raise TookTooLong("No child process was free in time.")
            if self._closed:
                raise ChildDied("This process is stopping.")
            # the one that worked last has the warmest caches
            child = next((idle for idle in reversed(self._idle) if idle.alive), None)
            self._idle = [idle for idle in self._idle if idle.alive and idle is not child]
            child = child or Child.start(self.command, self.environ)
            self._busy[child.process.pid] = child
        self._tell()
        return child

    def _give_back(self, child: Child) -> None:
        keep = child.alive and child.served < self.most_served and child.rss_mb < self.most_rss_mb
        with self._free:
            self._busy.pop(child.process.pid, None)
            if keep and not self._closed:
                child.idle_since = time.monotonic()
                self._idle.append(child)
            self._free.notify()
        if not keep or self._closed:
            child.dismiss()
        self._tell()

    def _tell(self) -> None:
        with self._free:
            alive = [*self._idle, *self._busy.values()]
        self.changed(Counter(model for child in alive for model in child.holds))
