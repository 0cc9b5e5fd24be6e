"""The route table and the error table of the API, written down from what clients are promised."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Access = Literal["anybody", "key", "session", "session or key", "page"]


@dataclass(frozen=True)
class Route:
    """One line of the route table; ``takes`` is a body that passes for one."""

    method: str
    path: str
    access: Access
    rate: str | None
    takes: Mapping[str, Any] | None = None

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def example(self) -> str:
        """The path, with something unknown in its gaps."""
        return re.sub(r":\w+|\*\w+", "<unknown>", self.path)

    def serves(self, method: str, path: str) -> bool:
        plain = path.partition("?")[0]
        pattern = re.sub(r":\w+", r"[^/]+", re.sub(r"\*\w+", r".+", self.path))
        return method == self.method and re.fullmatch(pattern, plain) is not None


_TASK = {"task_id": "<unknown>"}
_OF_TRACK = {"track_id": "<unknown>"}

ROUTES = (
    Route("GET", "/health", "anybody", None),
    Route("POST", "/api/spotify/fetch", "key", "api", {"url": "x"}),
    Route("POST", "/api/download/track", "key", "heavy", {"url": "x"}),
    Route("GET", "/api/download/job/:id", "key", "api"),
    Route("POST", "/api/processing/separate", "key", "heavy", _OF_TRACK),
    Route("GET", "/api/processing/job/:id", "key", "api"),
    Route("GET", "/api/processing/models", "key", "api"),
    Route("POST", "/api/analysis/analyze", "key", "heavy", _OF_TRACK),
    Route("GET", "/api/analysis/job/:id", "key", "api"),
    Route("POST", "/api/daw/export", "session or key", "heavy", _OF_TRACK),
    Route("GET", "/api/lalalai/quota", "session", None),
    Route("POST", "/api/lalalai/cancel", "session", None, _TASK),
    Route("POST", "/api/lalalai/cancel-all", "session", None, {}),
    Route("GET", "/export/stem/:id", "session or key", "browser"),
    Route("GET", "/export/stems/:track_id", "session or key", "browser"),
    Route("GET", "/export/analysis/:track_id", "session or key", "browser"),
    Route("GET", "/files/*path", "session or key", "browser"),
    Route("GET", "/users/register", "page", "browser"),
    Route("POST", "/users/register", "page", "browser", {}),
    Route("GET", "/users/log-in", "page", "browser"),
    Route("POST", "/users/log-in", "page", "browser", {}),
    Route("DELETE", "/users/log-out", "page", "browser"),
    Route("GET", "/users/settings", "page", "browser"),
    Route("PUT", "/users/settings", "page", "browser", {}),
    Route("GET", "/auth/spotify", "page", "browser"),
    Route("GET", "/auth/spotify/callback", "page", "browser"),
    Route("GET", "/users/log-in/:token", "page", "browser"),
    Route("GET", "/users/settings/confirm-email/:token", "page", "browser"),
)
"""What is optional and has been left out is not in it: MIDI."""


def with_access(*access: Access) -> Iterator[Route]:
    return (route for route in ROUTES if route.access in access)


@dataclass(frozen=True)
class Problem:
    """One line of the error table, or one of the words such a line lists."""

    status: int
    code: str
    text: str | None = None
    """None where the line only says that it depends."""


PROBLEMS = (
    Problem(400, "missing_parameter", "url parameter is required"),
    Problem(400, "missing_parameter", "track_id parameter is required"),
    Problem(400, "missing_parameter", "task_id parameter is required"),
    Problem(400, "invalid_url"),
    Problem(400, "invalid_url", "Invalid Spotify URL format"),
    Problem(400, "invalid_model", "Invalid model: umx"),
    Problem(400, "invalid_engine"),
    Problem(400, "invalid_features"),
    Problem(400, "invalid_quality"),
    Problem(400, "invalid_parameter"),
    Problem(400, "invalid_manifest"),
    Problem(400, "invalid_stem"),
    Problem(400, "invalid_json", "Invalid JSON"),
    Problem(401, "unauthorized", "Unauthorized"),
    Problem(403, "forbidden", "Access denied"),
    Problem(403, "invalid_csrf_token", "Forbidden"),
    Problem(403, "forbidden", "Forbidden"),
    Problem(404, "not_found", "Job not found"),
    Problem(404, "not_found", "Track not found"),
    Problem(404, "not_found", "Stem not found"),
    Problem(404, "not_found", "File not found"),
    Problem(404, "not_found", "No stems available"),
    Problem(404, "not_found", "No analysis data"),
    Problem(404, "not_found", "Not Found"),
    Problem(409, "audio_not_ready", "Track has no audio"),
    Problem(413, "too_large", "Request Entity Too Large"),
    Problem(422, "VALIDATION_ERROR", "Validation failed"),
    Problem(429, "RATE_LIMITED", "Too Many Requests"),
    Problem(500, "internal_error", "Internal Server Error"),
    Problem(502, "spotify_error"),
    Problem(502, "lalalai_error"),
    Problem(503, "unauthorized"),
    Problem(503, "service_unavailable", "lalal.ai API key not configured"),
)
