"""Run a whole process and say how long it took and how much memory it held."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """One finished process, children included."""

    seconds: float
    """Wall time from starting the interpreter to its exit."""
    cpu_seconds: float
    peak_rss_mb: float
    """Highest resident memory of the process tree, in MB (10^6 bytes)."""
    exit_code: int
    error: str
    """The last lines of standard error when it failed."""


def measure(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, its output in ``log``.

    Memory comes from /proc (Linux): the main process's own high-water mark, which misses nothing,
    and for a process tree the highest sum seen at sampling times, whichever is larger.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        memory = _MemoryWatch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_rss_mb=memory.stop() / 1e6,
        exit_code=process.returncode,
        error="" if process.returncode == 0 else _tail(log),
    )


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " | ".join(lines[-3:])[-400:]


class _MemoryWatch:
    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        """Stop watching and return the peak in bytes."""
        self._done.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._done.wait(SAMPLE_EVERY_S):
            now = sum(_status(pid, "VmRSS") for pid in tree(self._pid))
            self._peak = max(self._peak, now, _status(self._pid, "VmHWM"))


def tree(pid: int) -> list[int]:
    """Find a process and all below it; those that have ended are left out."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [
            int(child) for task in tasks for child in (task / "children").read_text().split()
        ]
    except OSError:
        return []
    return [pid, *(grandchild for child in children for grandchild in tree(child))]


def _status(pid: int, field: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field)), 0)
