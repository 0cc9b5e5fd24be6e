"""A child process's work when a model is installed from the studio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stemwright.engine.catalog import ALL_MODELS, find_model
from stemwright.features.models.child_work import install_model

from .wiring import open_store, read_settings


def install(arguments: dict[str, Any], report: Callable[[str, float], None]) -> dict[str, Any]:
    """Install the model that is named."""
    store = open_store(read_settings())
    return install_model(store, find_model(arguments["model"], ALL_MODELS), report)
