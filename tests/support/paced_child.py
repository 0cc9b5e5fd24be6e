"""A worker's child process whose separations go as far as a file says, and then wait.

The file ``PACE`` holds seconds of the song; without it nothing is waited for.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from stemwright.entry import child

from . import gain_child, separators


@dataclass
class PacedSeparator(separators.GainSeparator):
    def _wait_if_held(self, done, cancelled):
        pace = Path(os.environ["PACE"])
        while pace.exists() and done > int(pace.read_text() or 0) * separators.SEGMENT_SAMPLES:
            threading.Event().wait(0.01)
        super()._wait_if_held(done, cancelled)


if __name__ == "__main__":
    gain_child.GainSeparator = PacedSeparator
    child.serve(
        child.Channel(),
        {
            child.PROBE: child.probe,
            child.SEPARATE: gain_child.separate,
            child.ENCODE: child.encode,
            child.ANALYSE: child.analyse,
        },
    )
