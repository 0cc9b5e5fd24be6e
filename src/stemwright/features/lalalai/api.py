"""The v1 API of lalal.ai: every operation is a POST, and its path ends in a slash."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from stemwright.errors import FetchError, LalalaiError, LalalaiUnavailable
from stemwright.kit import logs
from stemwright.web.client import Answer, GuardedClient, Reply

from . import replies
from .failures import failure, not_understood
from .licences import LicenceKey
from .orders import Operation
from .replies import Billing, Source, TaskState

BASE_URL: Final = "https://www.lalal.ai"
MOST_IDS: Final = 200
"""Tasks that one request may name."""

_CALL_S: Final = 30.0
_BILLING_S: Final = 5.0
_TRANSFER_S: Final = 6 * 3600.0
"""A transfer ends for silence, which the client bounds; this is for the slow drip."""
_BLOCK_BYTES: Final = 256 << 10
_REPLY_BYTES: Final = 64 << 10
_CHECK_BYTES: Final = 16 << 20
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]")
_EXTENSION: Final = re.compile(r"\.[A-Za-z0-9]{1,5}")

Sent = Callable[[int, int], None]
"""``sent(bytes so far, bytes in all)``; what it raises ends the upload."""

log = logs.get_logger(__name__)


class LalalaiApi:
    """Calls as they are, without patience: who waits and tries again is ``split`` and ``poller``.

    Every method raises a ``LalalaiError``; it is ``LalalaiUnavailable`` where the same call may
    succeed later. The client's limit of silence is that of transfers.
    """

    def __init__(self, client: GuardedClient, base_url: str = BASE_URL) -> None:
        self._client = client
        self._base = base_url.rstrip("/")
        self._is_elsewhere = self._base != BASE_URL

    def upload(self, key: LicenceKey, song: Path, name: str, sent: Sent) -> Source:
        """Send a file from the disk; it is called ``name`` there, with its own extension."""
        size = song.stat().st_size
        file_name = _file_name(name, song)
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{file_name}"',
            "Content-Length": str(size),
        }
        content = _blocks(song, size, sent)
        source = replies.source(self._ask(key, "upload", headers, content, _TRANSFER_S))
        if source.size_bytes != size:
            raise LalalaiUnavailable(
                f"lalal.ai received {source.size_bytes} of the song's {size} bytes."
            )
        return source

    def split(
        self,
        key: LicenceKey,
        operation: Operation,
        source_id: str,
        presets: Mapping[str, Any],
        idempotency_key: str,
    ) -> str:
        """Begin a task; its id."""
        order = _order(source_id, presets, idempotency_key)
        return replies.task_id(self._post(key, f"split/{operation}", order))

    def split_batch(
        self,
        key: LicenceKey,
        operation: Operation,
        orders: Sequence[tuple[str, Mapping[str, Any], str]],
    ) -> list[str | LalalaiError]:
        """Begin up to 100 tasks of (source, presets, idempotency key); an id or an error for each.

        There is no such operation for multistem.
        """
        items = [_order(*order) for order in orders]
        reply = self._post(key, f"split/batch/{operation}", {"items": items})
        return replies.batch(reply, len(items))

    def check(self, key: LicenceKey, task_ids: Sequence[str]) -> dict[str, TaskState]:
        """How far tasks are, at most ``MOST_IDS`` of them."""
        reply = self._post(key, "check", {"task_ids": list(task_ids)}, _CHECK_BYTES)
        return replies.states(reply, task_ids)

    def cancel(self, key: LicenceKey, task_ids: Sequence[str]) -> dict[str, str | None]:
        """Stop tasks; for each what speaks against it, or none.

        The operation that stops every task of a licence is not used: others may share the key.
        """
        found: dict[str, str | None] = {}
        for start in range(0, len(task_ids), MOST_IDS):
            some = list(task_ids[start : start + MOST_IDS])
            found |= replies.refusals(self._post(key, "cancel", {"task_ids": some}), some)
        return found

    def delete(self, key: LicenceKey, source_id: str) -> None:
        """Remove a song and its tracks; running tasks of it are cancelled."""
        self._post(key, "delete", {"source_id": source_id})

    def minutes_left(self, key: LicenceKey) -> float:
        """Minutes that the account may still spend."""
        return replies.minutes_left(self._post(key, "limits/minutes_left", None))

    def billing(self, key: LicenceKey) -> Billing | None:
        """The limit and the use, as the older API has them; none if it does not say.

        It takes the key in the address, so nothing of this call is written anywhere.
        """
        url = f"{self._base}/billing/get-limits/?key={quote(key.value, safe='')}"
        try:
            answer = self._send("GET", url, {"Accept": "application/json"}, None, _BILLING_S)
            return replies.billing(replies.read_object(answer.body, "the question for limits"))
        except LalalaiError:
            log.info("lalal.ai does not tell its limits")
            return None

    @contextmanager
    def track(self, url: str) -> Iterator[Reply]:
        """Open a result on whichever server keeps it. It is signed: no key is sent."""
        if not (self._is_elsewhere or url.startswith("https://")):
            raise not_understood("the check")
        with _reaching(), self._client.stream(url, trusted=self._is_elsewhere) as reply:
            yield reply

    def _post(
        self, key: LicenceKey, path: str, body: object, most_bytes: int = _REPLY_BYTES
    ) -> Mapping[str, Any]:
        content, headers = None, {}
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode("ascii")
            headers = {"Content-Type": "application/json"}
        return self._ask(key, path, headers, content, _CALL_S, most_bytes)

    def _ask(
        self,
        key: LicenceKey,
        path: str,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None,
        timeout_s: float,
        most_bytes: int = _REPLY_BYTES,
    ) -> Mapping[str, Any]:
        said = {"X-License-Key": key.value, "Accept": "application/json", **headers}
        url = f"{self._base}/api/v1/{path}/"
        answer = self._send("POST", url, said, content, timeout_s, most_bytes)
        if answer.status == 200 and not answer.truncated:
            return replies.read_object(answer.body, path)
        error = failure(answer.status, answer.headers, _without(key, answer.body))
        log.warning(
            "lalal.ai refuses",
            operation=path,
            status=answer.status,
            request_id=answer.headers.get("x-request-id"),
            reason=error.message,
        )
        raise error

    def _send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | Iterable[bytes] | None,
        timeout_s: float,
        most_bytes: int = _REPLY_BYTES,
    ) -> Answer:
        with _reaching():
            return self._client.send(
                method,
                url,
                headers=headers,
                content=content,
                timeout=timeout_s,
                max_reply_bytes=most_bytes,
                trusted=self._is_elsewhere,
            )


@contextmanager
def _reaching() -> Iterator[None]:
    try:
        yield
    except FetchError as error:
        raise LalalaiUnavailable(f"lalal.ai cannot be reached: {error.message}") from error


def _order(source_id: str, presets: Mapping[str, Any], idempotency_key: str) -> dict[str, Any]:
    return {
        "source_id": source_id,
        "presets": dict(presets),
        "idempotency_key": idempotency_key,
    }


def _file_name(name: str, song: Path) -> str:
    extension = song.suffix.lower()
    kept = _UNFIT.sub("", name)[:64] or "song"
    return kept + (extension if _EXTENSION.fullmatch(extension) else ".audio")


def _blocks(song: Path, size: int, sent: Sent) -> Iterator[bytes]:
    done = 0
    with song.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            sent(done, size)
            yield block
            done += len(block)
    sent(done, size)


def _without(key: LicenceKey, body: bytes) -> bytes:
    """Take out a key that an answer quotes."""
    return body.replace(key.value.encode("ascii"), b"***")
