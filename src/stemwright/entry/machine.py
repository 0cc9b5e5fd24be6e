"""What can be read about the machine without asking it to compute."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# What runtimes make use of, as /proc/cpuinfo and sysctl name it.
_X86: Final = (
    "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8",
)  # fmt: skip
_ARM: Final = ("asimd", "neon", "asimdhp", "sve", "sve2", "bf16", "i8mm")


@dataclass(frozen=True, slots=True)
class Processor:
    """A processor's name and those of its features that matter to separation."""

    name: str
    features: tuple[str, ...]


def read_processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """Read name and features of the first core."""
    if not cpuinfo.exists():
        name = _sysctl("machdep.cpu.brand_string") or platform.processor()
        return Processor(name, _mac_features())
    rows = _rows(cpuinfo.read_text(errors="replace"))
    flags = set(rows.get("flags", rows.get("Features", "")).split())
    name = rows.get("model name") or rows.get("Hardware") or platform.machine()
    return Processor(name, tuple(flag for flag in (*_X86, *_ARM) if flag in flags))


def _rows(text: str) -> dict[str, str]:
    first = text.partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _mac_features() -> tuple[str, ...]:
    if platform.machine() == "arm64":
        bf16 = ("bf16",) if _sysctl("hw.optional.arm.FEAT_BF16") == "1" else ()
        return ("neon", *bf16)
    return ("avx2",) if _sysctl("hw.optional.avx2_0") == "1" else ()


def _sysctl(name: str) -> str:
    if platform.system() != "Darwin":
        return ""
    found = subprocess.run(  # noqa: S603  # fixed program, fixed names
        ["/usr/sbin/sysctl", "-n", name], capture_output=True, text=True, check=False
    )
    return found.stdout.strip()


def memory_bytes(cgroup: Path = Path("/sys/fs/cgroup/memory.max")) -> int | None:
    """Memory this process may use: the machine's, or a container's smaller limit."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None
    limit = cgroup.read_text().strip() if cgroup.exists() else "max"
    return min(total, int(limit)) if limit.isdecimal() else total
