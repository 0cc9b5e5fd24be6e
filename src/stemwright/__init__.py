"""Self-hosted music stem separation: a song in, stems out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .entry.api import Separator

__all__ = ["Separator", "__version__"]


def __getattr__(name: str) -> Any:  # noqa: ANN401  # what a module attribute is, only its name says
    """Load on first use (PEP 562): importing stemwright must not cost NumPy and a runtime."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        globals()[name] = found = version("stemwright")  # kept: it is read from the disk
        return found
    if name == "Separator":
        from .entry.api import Separator  # noqa: PLC0415

        return Separator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
