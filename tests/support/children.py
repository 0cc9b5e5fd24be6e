"""Children of a test's own in place of the product's, in every pool of this process."""

from __future__ import annotations

_CHILD = "stemwright.entry.child"


def replace_children(module: str) -> None:
    """Start ``python -m module`` wherever the product would start its child."""
    # not at the top: whoever changes the clock first does so before the product is imported
    from stemwright.jobs.children import Child

    start = Child.start
    Child.start = lambda command, environ: start(
        [module if word == _CHILD else word for word in command], environ
    )
