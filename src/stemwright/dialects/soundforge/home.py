"""The page that everybody lands on: what the library holds, and where to go on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import Track

from .visits import Visit

_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class HomePages:
    """One page."""

    tracks: Tracks

    def show(self, visit: Visit) -> Response:
        """Show the newest tracks to whoever is logged in; programs get their count."""
        if visit.found is None:
            return (
                visit.answer(logged_in=False)
                if visit.wants_json
                else visit.page("home.html", tracks=[], total=0)
            )
        owner = visit.principal.owner
        page = self.tracks.page(owner, _SHOWN)
        if visit.wants_json:
            return visit.answer(logged_in=True, tracks=page.total)
        shown = [self._shown(owner, track) for track in page.tracks]
        return visit.page("home.html", tracks=shown, total=page.total)

    def _shown(self, owner: str, track: Track) -> dict[str, Any]:
        stems = self.tracks.stems(owner, track.id) if track.audio is not None else []
        return {
            "id": track.id,
            "title": track.title,
            "artist": track.artist or "",
            "path": f"/files/{track.audio.path}" if track.audio else None,
            "stems": sorted(stems, key=lambda stem: stem.stem_type),
        }
