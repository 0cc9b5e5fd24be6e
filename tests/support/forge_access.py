"""Who may call what, of the whole server: a route that is not in this table is a defect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from starlette.routing import BaseRoute, Mount

Access = Literal["anybody", "key", "session", "session or key", "signature", "network", "socket"]
Named = tuple[str, str]
"""A method and the path of a route."""

_V1 = "/api/v1"
_JOBS = [f"{_V1}/{kind}" for kind in ("jobs", "youtube-jobs", "soundcloud-jobs", "denoise-jobs")]
_SOCKET = "/socket/websocket"

_BY_ACCESS: Mapping[Access, Mapping[str, Iterable[str]]] = {
    "anybody": {
        "/health": ("GET",),
        f"{_V1}/openapi": ("GET",),
        "/api/openapi": ("GET",),
        "/assets/pages.css": ("GET",),
        "/": ("GET",),
        "/users/register": ("GET", "POST"),
        "/users/log-in": ("GET", "POST"),
        "/users/log-in/{token}": ("GET", "POST"),
        "/users/log_in": ("GET", "POST"),
        "/users/log_in/{token}": ("GET", "POST"),
        "/users/log-out": ("DELETE", "POST"),
        "/settings": ("GET",),
        "/auth/spotify/callback": ("GET",),
    },
    "network": {"/metrics": ("GET",)},
    "signature": {"/blobs/{key:path}": ("GET", "PUT")},
    "socket": {_SOCKET: ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET")},
    "key": {
        **dict.fromkeys(_JOBS, ("GET", "POST")),
        **{f"{path}/{{id}}": ("GET",) for path in _JOBS},
        f"{_V1}/upload": ("POST",),
        f"{_V1}/balance": ("GET",),
        f"{_V1}/webhooks": ("GET", "POST"),
        f"{_V1}/webhooks/{{id}}": ("DELETE",),
        "/api/spotify/fetch": ("POST",),
        "/api/download/track": ("POST",),
        "/api/download/job/{job_id}": ("GET", "DELETE"),
        "/api/processing/separate": ("POST",),
        "/api/processing/job/{job_id}": ("GET", "DELETE"),
        "/api/processing/models": ("GET",),
        "/api/analysis/analyze": ("POST",),
        "/api/analysis/job/{job_id}": ("GET", "DELETE"),
    },
    "session": {
        "/api/lalalai/quota": ("GET",),
        "/api/lalalai/cancel": ("POST",),
        "/api/lalalai/cancel-all": ("POST",),
        "/users/settings": ("GET", "PUT", "POST"),
        "/users/settings/confirm-email/{token}": ("GET",),
        "/auth/spotify": ("GET",),
        "/settings/models": ("GET", "POST"),
    },
    "session or key": {
        "/api/jobs/{job_id}/events": ("GET",),
        "/api/daw/export": ("POST",),
        "/export/stem/{stem_id}": ("GET",),
        "/export/stems/{track_id}": ("GET",),
        "/export/analysis/{track_id}": ("GET",),
        "/files/{path:path}": ("GET",),
    },
}
ACCESS: Mapping[Named, Access] = {
    (method, path): access
    for access, paths in _BY_ACCESS.items()
    for path, methods in paths.items()
    for method in methods
}
"""What is asked with HEAD is asked as with GET."""


def walk(routes: Iterable[BaseRoute], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every route of an application and of those inside it, with its whole path."""
    for route in routes:
        if isinstance(route, Mount):
            yield from walk(route.routes, prefix + route.path)
        elif hasattr(route, "original_router"):  # how FastAPI keeps a router in an application
            yield from walk(route.original_router.routes, prefix)
        else:
            yield prefix + route.path, route


def methods_of(route: Any) -> set[str]:
    """What a route takes; one that does not say is asked with GET, or is a socket."""
    usual = {"WEBSOCKET"} if "WebSocket" in type(route).__name__ else {"GET"}
    return set(getattr(route, "methods", None) or usual) - {"HEAD"}
