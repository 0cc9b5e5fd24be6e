"""The real service, its children included, on a catalogue that pins other files."""

import os
from pathlib import Path

from stemwright.entry.cli import main
from stemwright.jobs.children import Child
from support.pinned_catalogue import pin_catalogue

_CHILD, _OURS = "stemwright.entry.child", "support.catalogue_child"


def replace_children() -> None:
    """Have every child of this process start with the same catalogue."""
    start = Child.start
    Child.start = lambda command, environ: start(
        [_OURS if word == _CHILD else word for word in command], environ
    )


if __name__ == "__main__":
    pin_catalogue(Path(os.environ["CATALOGUE"]))
    replace_children()
    main()
