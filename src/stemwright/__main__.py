"""``python -m stemwright``."""

from .entry.cli import main

main()
