"""The real command line on a catalogue that pins other files; ``CATALOGUE`` names its JSON.

Run as a script.
"""

from __future__ import annotations

import os
from pathlib import Path

from stemwright.entry.cli import main
from support.pinned_catalogue import pin_catalogue

if __name__ == "__main__":
    pin_catalogue(Path(os.environ["CATALOGUE"]))
    main()
