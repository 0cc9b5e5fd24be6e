"""The real command line in a process of its own, with a separator that needs no network.

Run as a script. ``HOLD_AT`` names a file that is written when the second segment is reached, where
the separator then waits until it is cancelled.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from stemwright.engine.catalog import ALL_MODELS
from stemwright.entry.cli import main
from stemwright.entry.wiring import Wiring
from support.separators import GainSeparator


def install_model(data_dir: Path, name: str = "htdemucs") -> None:
    """Put in place what the store takes for an installed model; nothing here reads its weights."""
    home = data_dir / "models" / name
    home.mkdir(parents=True, exist_ok=True)
    for network in ALL_MODELS[name].networks:
        (home / network.installed_file).write_bytes(b"no weights needed")
    record = {
        "model": name,
        "source": "a test",
        "source_sha256": "0" * 64,
        "sha256": "1" * 64,
        "size_bytes": 17,
        "installed_at": "2025-01-01T00:00:00+00:00",
        "licence": "demucs-research",
        "licence_accepted": True,
    }
    (home / "record.json").write_text(json.dumps(record))


if __name__ == "__main__":
    hold = os.environ.get("HOLD_AT")
    separator = GainSeparator(Path(hold) if hold else None)
    main(wiring=Wiring(load=lambda _loading: separator))
