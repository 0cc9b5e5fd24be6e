"""``POST /api/spotify/fetch``: what a link to Spotify names, added to the library."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter

from stemwright.features.tracks.track import Track
from stemwright.web.waiting import elsewhere

from .access import Caller, Services
from .bodies import Sent
from .documented import answers, body
from .replies import FetchedReply

router: Final = APIRouter(prefix="/api/spotify", tags=["spotify"])


@router.post(
    "/fetch",
    response_model=FetchedReply,
    response_model_exclude_unset=True,
    responses=answers(400, 502, 503),
    openapi_extra=body(
        {"url": ("string", "Link to or URI of a track, an album or a playlist.")}, ["url"]
    ),
)
async def fetch(services: Services, caller: Caller, sent: Sent) -> dict[str, Any]:
    """Look a track, album or playlist up. Its songs are in the caller's library afterwards."""
    url = sent.required("url")
    found = await elsewhere(services.lookups.fetch, caller.owner, url)
    tracks = [track_told(track) for track in found.tracks]
    album = found.collection
    if album is None:
        return {"success": True, "data": {"type": "track", "track": tracks[0]}}
    described = {
        "spotify_id": album.spotify_id,
        "name": album.name,
        "image_url": album.image_url,
        "total_tracks": album.total_tracks,
    }
    data = {
        "type": album.kind,
        "tracks": tracks,
        album.kind: described,
        "truncated": album.truncated,
        "skipped": album.skipped,
    }
    return {"success": True, "data": data}


def track_told(track: Track) -> dict[str, Any]:
    """A track as this API shows it."""
    return {
        "id": track.id,
        "spotify_id": track.spotify_id,
        "title": track.title,
        "artist": track.artist,
        "album": track.album,
        "album_art_url": track.album_art_url,
        "duration": track.duration_s,
        "spotify_url": track.spotify_url,
    }
