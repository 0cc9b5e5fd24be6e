"""The child process that installs models, on the catalogue that ``CATALOGUE`` names.

Run as a module.
"""

from __future__ import annotations

import os
from pathlib import Path

from stemwright.entry.child import INSTALL, Channel, install, serve

from .pinned_catalogue import pin_catalogue

if __name__ == "__main__":
    pin_catalogue(Path(os.environ["CATALOGUE"]))
    serve(Channel(), {INSTALL: install})
