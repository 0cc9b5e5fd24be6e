"""A table for people, then one line of JSON with the same figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

_LOAD_BEFORE = round(os.getloadavg()[0], 2)
"""Processes that wanted the processor before the benchmark began."""


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in [columns, *rows]) for i in range(len(columns))]
    print(f"\n{title}")
    for row in [columns, ["-" * width for width in widths], *rows]:
        name = row[0].ljust(widths[0])
        figures = [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
        print("  ".join([name, *figures]).rstrip())


def print_json(benchmark: str, figures: Mapping[str, object]) -> None:
    print(json.dumps({"benchmark": benchmark, "machine": machine(), **figures}), flush=True)


def machine() -> dict[str, object]:
    """Say what was measured on: figures of two machines do not compare."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": _LOAD_BEFORE,
        "system": platform.platform(),
        "python": platform.python_version(),
    }
