"""What methods an address takes, for answers with 405."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.routing import BaseRoute, Route


def methods_at(path: str, *routes: Iterable[BaseRoute]) -> set[str]:
    """Methods that any of the routes takes there; the framework would name those of one."""
    return {
        method
        for some in routes
        for route in some
        if isinstance(route, Route) and route.path_regex.fullmatch(path)
        for method in route.methods or ()
    }
