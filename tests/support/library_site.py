"""A server of a library's exports, files and mixes, and what is behind it.

``python -m support.library_site STORAGE_URL FOLDER MIB`` runs one in a process of its own, so that
its memory can be watched: it prints its address and the id of a track with stems of so many MiB.
"""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse

from stemwright.db.base import Table
from stemwright.db.database import Database, sqlite_url
from stemwright.dialects.soundforge.daw import DawRoutes
from stemwright.dialects.soundforge.exports import ExportRoutes
from stemwright.dialects.soundforge.files import FileRoutes
from stemwright.dialects.soundforge.library_answers import LIBRARY_ANSWERS, Answer, told
from stemwright.dialects.soundforge.visits import Entrance
from stemwright.errors import MissingApiKey, StemwrightError
from stemwright.features.accounts.account import Principal
from stemwright.features.exports.service import Exports
from stemwright.features.mixes.service import Mixes
from stemwright.features.tracks.service import Tracks
from stemwright.features.tracks.track import NewTrack, Stem
from stemwright.jobs.children import ChildPool
from stemwright.kit.clock import utc_now
from stemwright.kit.ids import new_uuid
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import UrlSigner
from stemwright.web.csrf import require_token
from stemwright.web.forms import FormLimits

CSRF = "token-of-the-session"
_OTHERS = {
    "auth.missing_key": Answer(401, "Unauthorized", "unauthorized"),
    "session.csrf": Answer(403, "Forbidden", "invalid_csrf_token"),
}


async def _owner(request):
    """Who a request says it is from: good enough where nobody lies."""
    owner = request.headers.get("x-owner")
    if not owner:
        raise MissingApiKey("Say who you are.")
    return owner


async def _visitor(request):
    principal = Principal(await _owner(request), None, "", is_admin=False)
    if request.headers.get("x-by") != "session":
        return Entrance(principal)
    return Entrance(principal, lambda form: require_token(CSRF, request.headers, form))


async def _on_error(_request, error):
    answer = (LIBRARY_ANSWERS | _OTHERS).get(error.code, Answer(500, "Internal", "internal_error"))
    return JSONResponse(told(answer, error), answer.status)


class LibrarySite:
    """Everything but accounts is real."""

    def __init__(self, storage_url: str, folder: Path, limits: FormLimits | None = None) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"
        signer = UrlSigner(b"thirty-two bytes or more, for tests")
        self.storage = open_storage(storage_url, signer=signer)
        self.database = Database(sqlite_url(folder / "db.sqlite3"))
        Table.metadata.create_all(self.database.engine)
        self.later = timedelta()
        self.tracks = Tracks(self.database, self.storage, self.now)
        child = [sys.executable, "-m", "stemwright.entry.child", "0", "0"]
        self.children = ChildPool(child, dict(os.environ))
        self.mixes = Mixes(self.tracks, self.storage, self.children, self.scratch, clock=self.now)
        self.exports = Exports(self.tracks, self.storage, clock=self.now)
        self.app = FastAPI()
        for routes in (
            ExportRoutes(self.exports, _owner),
            FileRoutes(self.exports, _owner),
            DawRoutes(self.mixes, _visitor, limits or FormLimits()),
        ):
            self.app.include_router(routes.router())
        self.app.add_exception_handler(StemwrightError, _on_error)

    def now(self):
        return utc_now() + self.later

    def close(self) -> None:
        self.children.close()
        self.database.close()

    def track(self, owner="usr_1", title="Song", **facts):
        with self.database.transaction() as session:
            return self.tracks.create(
                session, owner, NewTrack(source="upload", title=title, **facts)
            )

    def stem(self, track, stem_type, content, *, job=None, ending="wav", write=None):
        """Record and store a stem; ``write`` fills a storage writer in place of ``content``."""
        job = job or new_uuid()
        path = f"stems/{job}/{stem_type}.{ending}"
        with self.storage.writer(path, "audio/wav") as writer:
            (write or (lambda writer: writer.write(content)))(writer)
            writer.commit()
        size = self.storage.stat(path).size_bytes
        stem = Stem(
            id=new_uuid(),
            track_id=track.id,
            job_id=None,
            stem_type=stem_type,
            file_path=path,
            key=path,
            content_type="audio/wav",
            size_bytes=size,
            source="edited",
        )
        with self.database.transaction() as session:
            assert self.tracks.add_stems(session, track.id, [stem])
        return stem

    def analysed(self, track, result):
        with self.database.transaction() as session:
            self.tracks.put_analysis(session, track.id, new_uuid(), ["tempo"], result)


def main(storage_url: str, folder: str, size_mib: str) -> None:
    site = LibrarySite(storage_url, Path(folder))
    track, block = site.track(), bytes(range(256)) * 4096

    def write(writer):
        for _ in range(int(size_mib) // 4):
            writer.write(block)

    for kind in ("vocals", "drums", "bass", "other"):
        site.stem(track, kind, b"", write=write)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        sys.stdout.write(f"http://127.0.0.1:{listening.getsockname()[1]} {track.id}\n")
        sys.stdout.flush()
        server = uvicorn.Server(uvicorn.Config(site.app, log_config=None, access_log=False))
        server.run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
