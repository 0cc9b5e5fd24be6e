"""How this API words what fails when something of the library is asked for or mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from stemwright.errors import InvalidManifest, InvalidStem, ParameterMissing, StemwrightError


@dataclass(frozen=True, slots=True)
class Answer:
    """A failure to a client: HTTP status, text for people, word for programs."""

    status: int
    error: str
    code: str


LIBRARY_ANSWERS: Final[Mapping[str, Answer]] = {
    "track.failed": Answer(404, "Not found", "not_found"),
    "track.not_found": Answer(404, "Track not found", "not_found"),
    "track.stem_not_found": Answer(404, "Stem not found", "not_found"),
    "track.no_analysis": Answer(404, "No analysis data", "not_found"),
    "track.no_stems": Answer(404, "No stems available", "not_found"),
    "track.stems_unreadable": Answer(422, "Stem files could not be read", "stems_unreadable"),
    "track.access_denied": Answer(403, "Access denied", "forbidden"),
    "track.audio_not_ready": Answer(409, "Track has no audio", "audio_not_ready"),
    "track.path_refused": Answer(403, "Forbidden", "forbidden"),
    "storage.missing": Answer(404, "File not found", "not_found"),
    "mix.invalid": Answer(400, "The stems cannot be mixed", "invalid_manifest"),
    "mix.invalid_manifest": Answer(400, "Invalid manifest", "invalid_manifest"),
    "mix.invalid_stem": Answer(400, "Invalid stem", "invalid_stem"),
    "request.parameter_missing": Answer(400, "", "missing_parameter"),
    "request.too_large": Answer(413, "Request Entity Too Large", "too_large"),
    "upload.incomplete": Answer(400, "The request ended early", "invalid_parameter"),
    "request.invalid": Answer(400, "Invalid form", "invalid_parameter"),
}
"""By our own code; the table of the whole API includes this one."""


def told(answer: Answer, error: StemwrightError) -> dict[str, Any]:
    """The body of such an answer."""
    said: dict[str, Any] = {"error": answer.error or error.message, "code": answer.code}
    if isinstance(error, InvalidManifest):
        said |= {"details": error.details, "message": error.message}
    elif isinstance(error, InvalidStem):
        said |= {"details": {"stem": error.name}, "message": error.message}
    elif not isinstance(error, ParameterMissing):
        said["message"] = error.message
    elif error.instead:
        said["message"] = error.instead
    return said
