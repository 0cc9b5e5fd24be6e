"""stemwright's own command line, but for three things that a test cannot wait for or bring about.

Children separate by gains instead of with a network. The clock is as many seconds ahead as the
file ``FORGE_LATER`` says. A link to Spotify that ends in ``BROKEN`` meets a defect.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from stemwright.kit import clock
from support.children import replace_children

BROKEN = "https://open.spotify.com/track/0000000000000000BROKEN"
CHILD = "support.forge_child"
_now = clock.utc_now


def later() -> datetime:
    ahead = Path(os.environ["FORGE_LATER"])
    return _now() + timedelta(seconds=int(ahead.read_text()) if ahead.exists() else 0)


def break_one_link() -> None:
    from stemwright.features.spotify.service import Spotify

    fetch = Spotify.fetch

    def fetched(self, url, **options):
        if url == BROKEN:
            raise ZeroDivisionError("a defect, with a secret: hunter2")
        return fetch(self, url, **options)

    Spotify.fetch = fetched


if __name__ == "__main__":
    # before anything else of the product is imported: names are bound as modules load
    clock.utc_now = later
    from stemwright.entry.cli import main

    replace_children(CHILD)
    break_one_link()
    main()
