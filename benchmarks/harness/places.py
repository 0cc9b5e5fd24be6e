"""Where benchmarks find what they measure, and where they put what they make."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCH_ENVIRONMENT = ROOT / ".venv-bench"
PEERS = ROOT / "benchmarks" / "peers"
SCRATCH = ROOT / ".benchmarks"
SONGS = SCRATCH / "songs"
OUTPUTS = SCRATCH / "outputs"
PEER_MODELS = SCRATCH / "peers"

STEMWRIGHT_PYTHON = sys.executable
PEER_PYTHON = str(BENCH_ENVIRONMENT / "bin" / "python")
