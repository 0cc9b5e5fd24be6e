"""A worker's real child process on a catalogue that pins other files; see ``catalogue_cli.py``."""

import os
import sys
from pathlib import Path

from stemwright.entry.child import main
from support.pinned_catalogue import pin_catalogue

if __name__ == "__main__":
    pin_catalogue(Path(os.environ["CATALOGUE"]))
    main(sys.argv[1:])
