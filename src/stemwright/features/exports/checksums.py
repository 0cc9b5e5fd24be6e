"""CRC-32 of stored objects, which an archive has to tell in front of each file."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable

from stemwright.errors import Cancelled, StorageError
from stemwright.storage.base import Storage, StoredObject


class Checksums:
    """Reads an object once, and remembers what it was: see docs/adr/0022."""

    def __init__(self, storage: Storage, most_kept: int = 10_000) -> None:
        self._storage = storage
        self._most = most_kept
        self._kept: OrderedDict[tuple[str, str, int], int] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, found: StoredObject, stopped: Callable[[], bool] = lambda: False) -> int:
        """Return the checksum, which shows as well that the object can be read.

        Raises
        ------
        StorageError
            It cannot, or not as it was looked up.
        Cancelled
            ``stopped()`` was true before some block.

        """
        known = (found.key, found.etag, found.size_bytes)
        with self._lock:
            if known in self._kept:
                self._kept.move_to_end(known)
                return self._kept[known]
        crc32 = self._read(found, stopped)
        with self._lock:
            self._kept[known] = crc32
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return crc32

    def _read(self, found: StoredObject, stopped: Callable[[], bool]) -> int:
        crc32 = size = 0
        blocks = self._storage.read(found.key)
        try:
            for block in blocks:
                if stopped():
                    raise Cancelled(f"{found.key}: nobody waits for it any more")
                crc32 = zlib.crc32(block, crc32)
                size += len(block)
        finally:
            if close := getattr(blocks, "close", None):
                close()
        if size != found.size_bytes:
            raise StorageError(f"{found.key} has {size} bytes and not {found.size_bytes}.")
        return crc32
