"""``POST /api/daw/export``: a mix as a WAV, or an edited stem to keep, by the fields of a form."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import anyio
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from stemwright.errors import AccessDenied, InvalidStem, ParameterMissing, UnknownTrack
from stemwright.features.mixes.manifest import MAX_CHARACTERS
from stemwright.features.mixes.service import STEM_TYPES, Mix, Mixes, SentStem
from stemwright.kit.ids import is_uuid
from stemwright.storage.disposition import attachment
from stemwright.web.csrf import HEADER
from stemwright.web.forms import Form, FormFile, FormLimits, receive_form
from stemwright.web.places import Places
from stemwright.web.receiving import Body
from stemwright.web.sending import READERS, Blocks
from stemwright.web.waiting import while_connected

from .documented import BINARY, EITHER, answers
from .replies import EditedKept, EditedRefused, ProblemReply
from .visits import Entrance

PATH: Final = "/api/daw/export"
"""Its body is no JSON: what bounds that of other routes leaves this one alone."""
_STEMS: Final = ("stems[]", "stems")
_BLOCK_BYTES: Final = 1 << 20
_MIXERS: Final = CapacityLimiter(8)
"""Threads that wait for a child process to mix."""


@dataclass(frozen=True, slots=True)
class DawRoutes:
    """The endpoint and what it needs."""

    mixes: Mixes
    enter: Callable[[Request], Awaitable[Entrance]]
    limits: FormLimits = field(default_factory=FormLimits)
    at_once: Places = field(default_factory=lambda: Places(8, each=3))
    """Forms and mixes on this machine's disk; more forms wait unread. Who is slow, be it in sending
    or in taking, keeps out himself."""
    mixing: Places = field(default_factory=lambda: Places(8, each=1))
    """Mixes in the making: one account's long ones do not take all processes there are for it."""

    def router(self) -> APIRouter:
        """Build it; it stands at the root of the server."""
        router = APIRouter(tags=["daw"], dependencies=[Depends(self._admitting())])
        route = router.post(
            PATH, response_class=Response, responses=_ANSWERS, openapi_extra=_DOCUMENTED
        )
        route(self.export)
        return router

    async def export(self, request: Request) -> Response:
        """Mix stems down to a WAV, which is sent at once and not kept.

        With `file` and `stem_type` instead: keep an edited stem.
        """
        entrance: Entrance = request.state.entrance
        async with AsyncExitStack() as held:
            await held.enter_async_context(self.at_once.one(entrance.principal.owner))
            folder = await to_thread.run_sync(self.mixes.open_folder, limiter=READERS)
            held.push_async_callback(self._close, folder)
            return await self._answer(request, folder, held)

    async def _close(self, folder: Path) -> None:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self.mixes.close_folder, folder, limiter=READERS)

    def _admitting(self) -> Callable[[Request], Awaitable[None]]:
        """Make the dependency that refuses strangers, before anything of theirs is kept."""

        async def admit(request: Request) -> None:
            try:
                request.state.entrance = entrance = await self.enter(request)
                if HEADER in request.headers:
                    entrance.check({})
            except Exception:
                await Body(request, self.limits.silence_s).discard()
                raise

        return admit

    async def _answer(self, request: Request, folder: Path, held: AsyncExitStack) -> Response:
        """A mix takes over what is held until it is sent."""
        entrance: Entrance = request.state.entrance
        owner = entrance.principal.owner
        form = await receive_form(request, folder, self.limits)
        entrance.check(form.fields)
        if form.file("file") or "stem_type" in form.fields:
            return await self._keep(owner, form)
        work = self._mixing(owner, form, folder)
        async with self.mixing.one(owner):
            mix = await while_connected(request, work, _MIXERS)
        headers = {
            "Content-Type": "audio/wav",
            "Content-Length": str(mix.size_bytes),
            "Content-Disposition": attachment(mix.file_name),
            "Cache-Control": "no-store",
        }
        return Blocks(_blocks(mix), headers, held=held.pop_all())

    def _mixing(self, owner: str, form: Form, folder: Path) -> Callable[[Callable[[], bool]], Mix]:
        track_id = form.fields.get("track_id")
        if not track_id:
            raise ParameterMissing("track_id")
        sent = [_sent(file) for file in form.files if file.field in _STEMS]
        return partial(self.mixes.render, owner, track_id, _manifest(form), sent, folder)

    async def _keep(self, owner: str, form: Form) -> JSONResponse:
        file = form.file("file")
        track_id, stem_type = form.fields.get("track_id"), form.fields.get("stem_type")
        if file is None or not track_id or not stem_type:
            return _refused(400, "Missing required fields: file, track_id, stem_type")
        if not is_uuid(track_id):
            return _refused(400, "Invalid track_id format")
        keep = partial(self.mixes.keep_edited, owner, track_id, stem_type, _sent(file))
        try:
            stem = await to_thread.run_sync(keep, limiter=_MIXERS)
        except UnknownTrack:
            return _refused(404, "Track not found")
        except AccessDenied:
            return _refused(403, "Access denied")
        except InvalidStem as error:
            return _refused(422, error.message)
        return JSONResponse({"ok": True, "stem_id": stem.id, "file_path": stem.file_path})


def _manifest(form: Form) -> str:
    """The manifest, which some clients send as a file."""
    file = form.file("manifest")
    if file is None:
        return form.fields.get("manifest", "")
    with file.path.open("rb") as opened:
        # four bytes a character at most; one more, and it is too long
        return opened.read(4 * MAX_CHARACTERS + 4).decode("utf-8", "replace")


def _sent(file: FormFile) -> SentStem:
    return SentStem(file.file_name, file.path)


def _blocks(mix: Mix) -> Iterator[bytes]:
    with mix.path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            yield block


def _refused(status: int, error: str) -> JSONResponse:
    return JSONResponse({"ok": False, "error": error}, status)


_DOCUMENTED: Final[dict[str, Any]] = {
    "security": list(EITHER),
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "track_id": {"type": "string", "format": "uuid"},
                        "manifest": {
                            "type": "string",
                            "contentMediaType": "application/json",
                            "description": "Volumes, pans, mutes, solos and edits by stem; "
                            "without one, all stems as they are.",
                        },
                        "stems[]": {
                            "type": "array",
                            "items": dict(BINARY),
                            "description": "Without any, the track's own stems are mixed.",
                        },
                        "file": {
                            **BINARY,
                            "description": "A WAV to keep as an edited stem, in place of a mix.",
                        },
                        "stem_type": {
                            "type": "string",
                            "enum": list(STEM_TYPES),
                            "description": "What `file` is.",
                        },
                    },
                    "required": ["track_id"],
                },
            }
        },
    },
}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    **answers(408, 413),
    200: {
        "description": "The mix; or, of an edited stem, what it is called from now on.",
        "model": EditedKept,
        "content": {"audio/wav": {"schema": dict(BINARY)}},
    },
    **{
        status: {"model": ProblemReply | EditedRefused, "description": meaning}
        for status, meaning in (
            (400, "The form, the manifest or a stem makes no sense."),
            (403, "It is somebody else's, or the token against forged requests is missing."),
            (404, "There is no such track, or it has no stems."),
            (422, "The stems cannot be read; or what is to be kept is no stem."),
        )
    },
}
