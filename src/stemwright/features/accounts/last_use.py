"""When a key was last used: to the minute, behind the back of the request that uses it.

A request must neither fail nor wait because a database is busy or full, and on SQLite any writer
may keep another waiting for long. So one thread of its own writes.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from stemwright.db.database import Database

from . import repository

PRECISION: Final = timedelta(minutes=1)

_log = logging.getLogger(__name__)


class LastUse:
    """Writes at most once a minute and key; what could not be written is tried with the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="last-use")
        self._waiting: set[str] = set()
        self._lock = threading.Lock()

    def note(self, key_id: str, at: datetime, known: datetime | None) -> None:
        """Have it written that a key is used now; ``known`` is what was written before."""
        if known is not None and at - known < PRECISION:
            return
        with self._lock:
            if key_id in self._waiting:
                return
            self._waiting.add(key_id)
        with contextlib.suppress(RuntimeError):  # closed while the last requests are answered
            self._writer.submit(self._write, key_id, at)

    def close(self) -> None:
        """Finish what waits; what is noted from now on is lost."""
        self._writer.shutdown()

    def _write(self, key_id: str, at: datetime) -> None:
        try:
            with self._database.transaction() as session:
                repository.note_use(session, key_id, at, at - PRECISION)
        except SQLAlchemyError as error:
            _log.warning("the last use of key %s was not written: %s", key_id, error)
        finally:
            with self._lock:
                self._waiting.discard(key_id)
