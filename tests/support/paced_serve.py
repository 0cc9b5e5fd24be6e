"""stemwright's own command line, whose worker's children separate at a pace that a test sets."""

from __future__ import annotations

from stemwright.entry.cli import main
from stemwright.jobs.children import Child

_CHILD, _OURS = "stemwright.entry.child", "support.paced_child"


def replace_children() -> None:
    start = Child.start
    Child.start = lambda command, environ: start(
        [_OURS if word == _CHILD else word for word in command], environ
    )


if __name__ == "__main__":
    replace_children()
    main()
