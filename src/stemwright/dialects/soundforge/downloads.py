"""``/api/download``: songs brought into the library."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import APIRouter

from stemwright.errors import InvalidDownloadUrl, InvalidQuality
from stemwright.features.downloads.quality import DEFAULT, KINDS
from stemwright.features.downloads.service import Ordered, Orders
from stemwright.jobs.job import Job
from stemwright.web.waiting import elsewhere

from .access import Caller, Services
from .bodies import Fields, Sent
from .documented import answers, body
from .job_answers import state, stopped
from .progress import status_word
from .replies import CancelledReply, DownloadCreated, DownloadReply
from .services import ForgeServices

_INSTEAD: Final = (
    "Send the link to a song; or upload a file (POST /api/v1/upload, then PUT it there) and send "
    "its upload_key."
)

router: Final = APIRouter(prefix="/api/download", tags=["download"])


@router.post(
    "/track",
    status_code=201,
    response_model=DownloadCreated,
    response_model_exclude_unset=True,
    responses=answers(400, 404, 409, 413, 502, 503),
    openapi_extra=body(
        {
            "url": (
                "string",
                "Link to a track, album or playlist on Spotify, a video, or an audio file.",
            ),
            "quality": (
                "string",
                "FLAC; or MP3 of 320, 192 or 128 kbit/s.",
                tuple(KINDS),
            ),
            "upload_key": (
                "string",
                "In place of `url`: a file that was uploaded, see `POST /api/v1/upload`.",
            ),
            "title": ("string", "Of an upload; read off its name unless said."),
            "artist": ("string", "Of an upload."),
            "chain": ("boolean", "Whether to separate and analyse the song, too."),
        },
        anyOf=[{"required": ["url"]}, {"required": ["upload_key"]}],
    ),
)
async def download(services: Services, caller: Caller, sent: Sent) -> dict[str, Any]:
    """Begin to download a song; of an album or playlist, each of its songs."""
    orders = await elsewhere(_order, services, caller.owner, sent)
    first = _told(orders.items[0])
    data: dict[str, Any] = dict(first)
    if orders.collection is not None:
        data["jobs"] = [_told(item) for item in orders.items]
    return {"success": True, "data": data, **first}


@router.head("/job/{job_id}", include_in_schema=False)
@router.get(
    "/job/{job_id}",
    response_model=DownloadReply,
    response_model_exclude_unset=True,
    responses=answers(403, 404),
)
def read(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Tell how far a download is."""
    return _reply(services.downloads.find(caller.owner, job_id))


@router.delete(
    "/job/{job_id}",
    response_model=CancelledReply,
    responses=answers(403, 404, 409),
)
def cancel(services: Services, caller: Caller, job_id: str) -> dict[str, Any]:
    """Stop a download."""
    return stopped(services.downloads.cancel(caller.owner, job_id))


def _order(services: ForgeServices, owner: str, sent: Fields) -> Orders:
    order = services.downloads
    upload_key, chain = sent.text("upload_key"), sent.flag("chain")
    if upload_key:
        uploaded = partial(order.order_upload, owner, upload_key, chain=chain)
        quality = sent.word("quality", "lossless", InvalidQuality)
        title, artist = sent.text("title"), sent.text("artist")
        return Orders((uploaded(quality, title=title, artist=artist),))
    url = sent.required("url", _INSTEAD)
    quality = sent.word("quality", DEFAULT, InvalidQuality)
    orders = order.order(owner, url, quality, chain=chain)
    if not orders.items:
        raise InvalidDownloadUrl("The album or playlist holds no tracks of Spotify.")
    return orders


def _told(ordered: Ordered) -> dict[str, Any]:
    return {
        "job_id": ordered.job.id,
        "track_id": ordered.track.id,
        "status": status_word(ordered.job),
    }


def _reply(job: Job) -> dict[str, Any]:
    result = dict(job.result or {}) if job.status in {"completed", "expired"} else {}
    path = result.get("output_path")
    data = {
        **state(job),
        "output_path": path,
        "file_size": result.get("file_size"),
        "match": job.facts.get("match"),
    }
    flat = {"file_path": path} if path else None
    return {"success": True, "data": data, "job_id": job.id, "result": flat}
