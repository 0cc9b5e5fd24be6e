"""The real service, its children included, on a catalogue that pins other files."""

import os
from pathlib import Path

from stemwright.entry.cli import main
from support.children import replace_children
from support.pinned_catalogue import pin_catalogue

if __name__ == "__main__":
    pin_catalogue(Path(os.environ["CATALOGUE"]))
    replace_children("support.catalogue_child")
    main()
