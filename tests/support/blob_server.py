"""A process that serves signed addresses and nothing else, so that its memory can be watched.

``python -m support.blob_server STORAGE_URL FOLDER SECRET`` prints its own address and that of one
upload.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from stemwright.db.base import Table
from stemwright.db.database import Database, sqlite_url
from stemwright.dialects.blobs.routes import BlobRoutes
from stemwright.features.uploads.service import Uploads
from stemwright.storage.opening import open_storage
from stemwright.storage.signing import UrlSigner

LIMIT = 2 << 30


def main(storage_url: str, folder: str, secret: str) -> None:
    signer = UrlSigner(secret.encode())
    storage = open_storage(storage_url, signer=signer)
    database = Database(sqlite_url(Path(folder) / "db.sqlite3"))
    Table.metadata.create_all(database.engine)
    uploads = Uploads(database, storage, signer, max_file_bytes=LIMIT, quota_bytes=LIMIT)
    app = Starlette(routes=BlobRoutes(storage, signer, uploads).routes())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ticket = uploads.create("usr_1", "song.wav", None, url)
        sys.stdout.write(f"{url} {ticket.upload_url}\n")
        sys.stdout.flush()
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        server.run([listening])


if __name__ == "__main__":
    main(*sys.argv[1:])
