"""A file while it comes in."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from stemwright.errors import QuotaExceeded, UploadEmpty, UploadTooLarge
from stemwright.storage.base import Writer


class Receiving:
    """Counts while it passes blocks on. Unless `finish` is reached, nothing is left behind."""

    def __init__(
        self,
        writer: Writer,
        *,
        max_bytes: int,
        room_bytes: int,
        complete: Callable[[int], None],
        give_up: Callable[[], None],
    ) -> None:
        self._writer = writer
        self._max_bytes = max_bytes
        self._room_bytes = room_bytes
        self._complete = complete
        self._give_up = give_up
        self._size_bytes = 0
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def write(self, block: bytes) -> None:
        """Take the next bytes.

        Raises
        ------
        UploadTooLarge, QuotaExceeded
            With these there are too many.

        """
        self._size_bytes += len(block)
        if self._size_bytes > self._max_bytes:
            raise UploadTooLarge(self._max_bytes, self._size_bytes)
        if self._size_bytes > self._room_bytes:
            raise QuotaExceeded(
                f"Only {self._room_bytes} bytes of uploads are left to this account. Make jobs of "
                "what was sent before, or wait until it is deleted after a day."
            )
        self._writer.write(block)

    def finish(self) -> None:
        """Make the file the upload.

        Raises
        ------
        UploadEmpty
            Nothing came.
        UploadInUse, UploadNotFound
            A job took what was sent before, or the upload is gone.

        """
        if self._size_bytes == 0:
            raise UploadEmpty("The file sent has no bytes. Send the file itself as the body.")
        self._writer.commit()
        self._open = False
        self._complete(self._size_bytes)

    def abort(self) -> None:
        """Forget what came; after `finish` it does nothing."""
        if self._open:
            self._open = False
            self._writer.abort()
            self._give_up()
