"""Ports for servers that are told theirs: found free now, taken a moment later."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _EACH = 20_000, 1_000
"""Below what the system hands out by itself, and each process of a test run has its own."""
_here = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 10
_tried = itertools.count(os.getpid() % _EACH)


def free_port() -> int:
    """A port that nobody listens on just now, and that this process did not give out lately."""
    while True:
        port = _FIRST + _here * _EACH + next(_tried) % _EACH
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
