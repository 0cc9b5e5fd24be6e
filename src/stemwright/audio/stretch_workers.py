"""A few processes that stretch pieces of clips, started when the first piece comes."""

from __future__ import annotations

import contextlib
import queue
import subprocess  # our own interpreter, our own module
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from stemwright.errors import ChildDied

from .stretch_worker import CHANNELS, HEADER

Block = NDArray[np.float32]

_COMMAND = (sys.executable, "-m", "stemwright.audio.stretch_worker")


class StretchWorkers:
    """``audio.stretch.Stretch`` by up to ``count`` processes; leaving the context ends them."""

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="stretch")
        self._idle: queue.SimpleQueue[subprocess.Popen[bytes]] = queue.SimpleQueue()
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for worker in self._started:
            worker.kill()
        self._threads.shutdown()
        for worker in self._started:
            _close(worker)

    def __call__(self, piece: Block, frames: int, rate: int) -> Future[Block]:
        """Have ``[2, n]`` at ``rate`` Hz made into ``[2, frames]`` of one pitch.

        The future fails with `ChildDied` if the process goes away, as one without memory does.
        """
        return self._threads.submit(self._ask, piece, frames, rate)

    def _ask(self, piece: Block, frames: int, rate: int) -> Block:
        worker = self._worker()
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            worker.stdin.write(HEADER.pack(piece.shape[1], frames, rate))
            worker.stdin.write(np.ascontiguousarray(piece, np.float32).data)
            worker.stdin.flush()
            raw = worker.stdout.read(frames * CHANNELS * 4)
        except OSError as error:
            raise _died() from error
        if len(raw) < frames * CHANNELS * 4:
            raise _died()
        self._idle.put(worker)
        return np.frombuffer(raw, np.float32).reshape(CHANNELS, frames)

    def _worker(self) -> subprocess.Popen[bytes]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        worker = subprocess.Popen(  # noqa: S603  # the command is ours
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C at a terminal is for the parent to deal with
        )
        self._started.append(worker)
        return worker


def _close(worker: subprocess.Popen[bytes]) -> None:
    worker.kill()  # one that was only just starting missed the first
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not written yet has nobody to read it
                pipe.close()


def _died() -> ChildDied:
    return ChildDied(
        "The process that changes pitch and time was killed or crashed; it may have had too little "
        "memory. Try again."
    )
