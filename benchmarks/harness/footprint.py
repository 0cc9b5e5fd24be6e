"""What a running process and its children hold and use, from /proc (Linux)."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .processes import tree

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Held:
    """Memory of one process, in MB (10^6 bytes)."""

    role: str
    rss_mb: int
    pss_mb: int
    """Pages shared with other processes count in parts, so that a sum counts each page once."""


def held(pid: int) -> list[Held]:
    """Measure a process and all below it, in the order of their starts."""
    found = []
    for member in tree(pid):
        try:
            words = Path(f"/proc/{member}/cmdline").read_text().split("\0")
            rollup = sizes(Path(f"/proc/{member}/smaps_rollup").read_text())
        except OSError:
            continue  # it has just ended
        found.append(Held(role_of(words), _mb(rollup["Rss"]), _mb(rollup["Pss"])))
    return found


def role_of(words: list[str]) -> str:
    """Name a process of the service by its command line; what it is not known by, by that."""
    line = " ".join(word for word in words if word)
    if "stemwright.entry.child" in line:
        bounded = line.split()[-1] != "0"  # of a child's memory; the songs' own are not
        return "probe child" if bounded else "separation child"
    for part, role in {"extractor": "media child", " serve": "server", " worker": "worker"}.items():
        if part in line:
            return role
    return line[:40]


def sizes(rollup: str) -> Mapping[str, int]:
    """Read the lines ``Rss:   1234 kB`` into bytes."""
    rows = (line.split() for line in rollup.splitlines())
    return {row[0].rstrip(":"): int(row[1]) * 1024 for row in rows if row[-1] == "kB"}


def cpu_percent(pid: int, seconds: float) -> float:
    """Share of one core that a process tree uses while nobody asks anything of it."""
    before, since = _cpu_s(pid), time.perf_counter()
    time.sleep(seconds)
    return round(100 * (_cpu_s(pid) - before) / (time.perf_counter() - since), 2)


def _cpu_s(pid: int) -> float:
    return sum(_own_cpu_s(member) for member in tree(pid))


def _own_cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S


def _mb(size: int) -> int:
    return round(size / 1e6)
