"""stemwright's own command line, whose worker's children separate at a pace that a test sets."""

from __future__ import annotations

from stemwright.entry.cli import main
from support.children import replace_children

if __name__ == "__main__":
    replace_children("support.paced_child")
    main()
