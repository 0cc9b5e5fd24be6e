"""What a child process does for a mix: stems on disk in, one file on disk out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stemwright.errors import InvalidStem

from .manifest import parse_manifest
from .render import render_mix


def render(arguments: Mapping[str, Any], report: Callable[[str, float], None]) -> dict[str, Any]:
    """Mix ``stems`` (paths by key) as ``manifest`` says, which calls them by ``names``, too.

    Raises
    ------
    MixError, OutputError

    """
    stems = {key: Path(path) for key, path in arguments["stems"].items()}
    manifest = parse_manifest(arguments["manifest"], arguments["names"])
    try:
        done = render_mix(
            stems,
            manifest,
            Path(arguments["output"]),
            progress=lambda fraction: report("mix", fraction),
            max_duration_s=arguments["max_duration_s"],
        )
    except InvalidStem as error:
        # the reason names the file, which is ours and means nothing to who sent it
        error.message = error.message.replace(str(stems[error.name]), "the file")
        raise
    return {"duration_s": done.duration_s, "scaled": done.scaled}
