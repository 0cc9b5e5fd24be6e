"""``GET /health``: whether the service can do its work, for people and load balancers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import CapacityLimiter, to_thread
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import stemwright
from stemwright.kit import logs

if TYPE_CHECKING:
    from .composition import Service

_KEPT_S: Final = 2.0
"""Whoever asks more often gets the same answer."""
_COUNTED_EVERY_S: Final = 300.0
_FIRST_COUNT_S: Final = 1.0
_WITHIN_S: Final = 5.0
_MIB: Final = 1 << 20

log = logs.get_logger(__name__)

Check = Callable[[], dict[str, Any]]


class Health:
    """Looks at the database, the queue and the storage, one look for all who ask at once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._began = time.monotonic()
        self._checks: dict[str, Check] = {
            "database": self._database,
            "queue": self._queue,
            "storage": self._storage,
            "storage_stats": _Usage(service).told,
        }
        self._lock = anyio.Lock()
        self._limiter = CapacityLimiter(len(self._checks))
        self._found: dict[str, Any] = {}
        self._found_at = -_KEPT_S

    async def answer(self, _request: Request) -> Response:
        """Answer; 503 where something fails."""
        async with self._lock:
            if time.monotonic() - self._found_at >= _KEPT_S:
                self._found = await self._look()
                self._found_at = time.monotonic()
        found = self._found
        fine = all(check["status"] == "ok" for check in found.values())
        said = {
            "status": "ok" if fine else "degraded",
            "version": stemwright.__version__,
            "uptime_seconds": int(time.monotonic() - self._began),
            "checks": found,
        }
        return JSONResponse(said, 200 if fine else 503, headers={"cache-control": "no-store"})

    async def _look(self) -> dict[str, Any]:
        found: dict[str, Any] = {}

        async def look(name: str, check: Check) -> None:
            found[name] = {"status": "error"}
            with anyio.move_on_after(_WITHIN_S):
                found[name] = await to_thread.run_sync(
                    _checked, name, check, abandon_on_cancel=True, limiter=self._limiter
                )

        async with anyio.create_task_group() as group:
            for name, check in self._checks.items():
                group.start_soon(look, name, check)
        return {name: found[name] for name in self._checks}

    def _database(self) -> dict[str, Any]:
        with self._service.database.reading() as session:
            session.execute(text("SELECT 1"))
        return {}

    def _queue(self) -> dict[str, Any]:
        return {"waiting": sum(count for _, count, _ in self._service.jobs.waiting())}

    def _storage(self) -> dict[str, Any]:
        self._service.storage.stat("health")
        return {}


def _checked(name: str, check: Check) -> dict[str, Any]:
    try:
        return {"status": "ok", **check()}
    except Exception as error:  # noqa: BLE001 - whatever it is, this does not work
        log.warning("health", check=name, error=type(error).__name__)
        return {"status": "error"}


class _Usage:
    """How much is stored, counted in a thread now and then: storage may take minutes to list."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._counted_at = -_COUNTED_EVERY_S
        self._counting = False
        self._counted = threading.Event()
        self._told: dict[str, Any] = {"status": "ok", "file_count": None, "total_size_mb": None}

    def told(self) -> dict[str, Any]:
        """What was counted last; nothing where the first count takes long."""
        with self._lock:
            # what failed is tried again soon: the storage may be back, and is to be seen to be
            pause_s = _COUNTED_EVERY_S if self._told["status"] == "ok" else _KEPT_S
            due = time.monotonic() - self._counted_at >= pause_s
            if due and not self._counting:
                self._counting = True
                threading.Thread(target=self._count, name="storage usage", daemon=True).start()
        self._counted.wait(_FIRST_COUNT_S)
        return self._told

    def _count(self) -> None:
        told: dict[str, Any] = {"status": "error", "file_count": None, "total_size_mb": None}
        try:
            count = size = 0
            for stored in self._service.storage.list(""):  # there may be millions
                count, size = count + 1, size + stored.size_bytes
            told = {
                "status": "ok",
                "file_count": count,
                "total_size_mb": round(size / _MIB, 2),
            }
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            log.warning("storage not counted", error=type(error).__name__)
        with self._lock:
            self._told, self._counted_at, self._counting = told, time.monotonic(), False
        self._counted.set()
