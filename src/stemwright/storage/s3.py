"""Objects in an S3 bucket, or in anything that speaks as S3 does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Final, Literal, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from stemwright.errors import StorageError, StorageFull, StorageMissing, StorageUnreachable

from .base import BLOCK_BYTES, StoredObject, checked, fetch_into
from .disposition import attachment

if TYPE_CHECKING:  # these exist for type checkers alone
    from obstore import GetResult, ObjectMeta
    from obstore.store import ClientConfig, RetryConfig, S3Config

_PART_BYTES: Final = 8 << 20
"""An object has at most 10,000 parts: 78 GiB."""
_PARTS_AT_ONCE: Final = 2
_BLOCKS_WAITING: Final = 2
_DELETED_AT_ONCE: Final = 1000
_LONGEST_LINK: Final = timedelta(days=7)
_REPORTED: Final = re.compile(r"<Code>(\w+)</Code>")
_STATUS: Final = re.compile(r"status code: (\d{3})")
_NO_ROOM: Final = re.compile(r"StorageFull|QuotaExceeded|InsufficientStorage|status code: 507")

_RETRIES: Final[RetryConfig] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_CLIENT: Final[ClientConfig] = {
    "connect_timeout": timedelta(seconds=5),
    # silence ends a request; its length does not, since a client may read as slowly as it likes
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(days=1),
    "user_agent": "stemwright",
}


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and who may use it; what is None, ``AWS_*`` variables say."""

    name: str
    prefix: str | None = None
    endpoint: str | None = None
    region: str | None = None
    path_style: bool = True
    """The bucket stands in the path of its addresses, not in the host name."""
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    ca_pem: str | None = field(default=None, repr=False)
    """Authorities to trust besides the system's."""


class S3Storage:
    """A bucket. What clients download they get from it directly, at addresses it signed."""

    def __init__(
        self, bucket: Bucket, *, public_endpoint: str | None, clock: Callable[[], datetime]
    ) -> None:
        self._store = _connect(bucket)
        self._public = self._store
        if public_endpoint:
            self._public = _connect(replace(bucket, endpoint=public_endpoint))
        self._clock = clock

    def put_file(
        self, key: str, path: Path, *, content_type: str, file_name: str | None = None
    ) -> None:
        """Upload a file, a large one in parts."""
        with path.open("rb") as file, _translated(key):
            obstore.put(
                self._store,
                checked(key),
                file,
                attributes=_attributes(content_type, file_name),
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )

    def writer(self, key: str, content_type: str) -> _Writer:
        """Open a sink that uploads parts in a thread of its own."""
        return _Writer(self._store, checked(key), _attributes(content_type, None))

    def stat(self, key: str) -> StoredObject | None:
        """Ask for the object's head."""
        with _translated(key):
            try:
                return _as_object(obstore.head(self._store, checked(key)))
            except FileNotFoundError:
                return None

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Ask for the object at once; see `Storage.read`."""
        found = self.stat(key)
        if found is None:
            raise StorageMissing(f"There is no object {key}, or no longer.")
        stop = found.size_bytes if end is None else min(end, found.size_bytes)
        if start >= stop:
            return iter(())
        with _translated(key):
            return _blocks(key, obstore.get(self._store, key, options={"range": (start, stop)}))

    def fetch(self, key: str, path: Path) -> None:
        """Download the object."""
        fetch_into(self.read(key), path)

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects, many in one request."""
        wanted = [checked(key) for key in keys]
        for first in range(0, len(wanted), _DELETED_AT_ONCE):
            batch = wanted[first : first + _DELETED_AT_ONCE]
            with _translated(batch[0]):
                obstore.delete(self._store, batch)

    def list(self, folder: str = "") -> Iterator[StoredObject]:
        """Ask for the keys, page by page."""
        prefix = checked(folder.rstrip("/")) if folder else None
        with _translated(folder):
            for page in obstore.list(self._store, prefix):
                yield from map(_as_object, page)

    def download_url(
        self,
        key: str,
        *,
        base_url: str,
        expires_at: datetime,
        file_name: str | None = None,
        content_type: str | None = None,
    ) -> str:
        """Presign the object's own address, for 7 days at most; the store is not asked for it."""
        lasts = min(expires_at - self._clock(), _LONGEST_LINK)
        with _translated(key):
            return obstore.sign(self._public, "GET", checked(key), max(lasts, timedelta(seconds=1)))


_Mark = Literal["commit", "abort"]


class _Aborted(Exception):
    """Makes the library give up the parts it has sent."""


class _Writer:
    # The library's own writer cannot be aborted, and what it leaves in the bucket is invisible and
    # paid for. It does abort when the iterator it reads from fails; hence a thread and a queue.

    def __init__(self, store: S3Store, key: str, attributes: dict[str, str]) -> None:
        self._store, self._key, self._attributes = store, key, attributes
        self._queue: Queue[bytes | _Mark] = Queue(_BLOCKS_WAITING)
        self._failure: BaseException | None = None
        self._open = True
        self._marked = False
        self._thread = Thread(target=self._upload, name=f"upload {key}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abort()

    def write(self, block: bytes) -> None:
        self._raise_failure()
        self._queue.put(block)

    def commit(self) -> None:
        self._end("commit")
        self._raise_failure()

    def abort(self) -> None:
        if self._open:
            self._end("abort")

    def _end(self, mark: _Mark) -> None:
        self._open = False
        self._queue.put(mark)
        self._thread.join()

    def _upload(self) -> None:
        try:
            obstore.put(
                self._store,
                self._key,
                self._blocks(),
                attributes=self._attributes,
                chunk_size=_PART_BYTES,
                max_concurrency=_PARTS_AT_ONCE,
            )
        except _Aborted:
            pass
        except BaseException as error:  # noqa: BLE001  # edge of the thread; raised in the caller's
            self._failure = error
            self._drain()

    def _blocks(self) -> Iterator[bytes]:
        while (block := self._next()) is not None:
            yield block

    def _next(self) -> bytes | None:
        taken = self._queue.get()
        if isinstance(taken, bytes):
            return taken
        self._marked = True
        if taken == "abort":
            raise _Aborted
        return None

    def _drain(self) -> None:
        # so that the caller never waits for room in the queue
        with suppress(_Aborted):
            while not self._marked:
                self._next()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            with _translated(self._key):
                raise self._failure


def _blocks(key: str, found: GetResult) -> Iterator[bytes]:
    with _translated(key):
        yield from found.stream(min_chunk_size=BLOCK_BYTES)


def _connect(bucket: Bucket) -> S3Store:
    config: S3Config = {"virtual_hosted_style_request": not bucket.path_style}
    if bucket.endpoint:
        config["endpoint"] = bucket.endpoint if bucket.path_style else _hosted(bucket)
    if bucket.region:
        config["region"] = bucket.region
    if bucket.access_key_id:
        config["access_key_id"] = bucket.access_key_id
    if bucket.secret_access_key:
        config["secret_access_key"] = bucket.secret_access_key
    if bucket.session_token:
        config["session_token"] = bucket.session_token
    is_plain = (bucket.endpoint or "").startswith("http://")
    client: ClientConfig = {**_CLIENT, "allow_http": is_plain}
    if bucket.ca_pem:
        client["root_certificate"] = bucket.ca_pem
    return S3Store(
        bucket.name,
        prefix=bucket.prefix,
        config=config,
        client_options=client,
        retry_config=_RETRIES,
    )


def _hosted(bucket: Bucket) -> str:
    scheme, _, host = (bucket.endpoint or "").partition("://")
    return f"{scheme}://{bucket.name}.{host}"


def _attributes(content_type: str, file_name: str | None) -> dict[str, str]:
    return {"Content-Type": content_type, "Content-Disposition": attachment(file_name)}


def _as_object(meta: ObjectMeta) -> StoredObject:
    return StoredObject(meta["path"], meta["size"], meta["last_modified"], meta["e_tag"] or "")


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StorageMissing(f"There is no object {key}, or no longer.") from error
    except (BaseError, OSError) as error:
        raise _failure(key, error) from error


def _failure(key: str, error: Exception) -> StorageError:
    """Say it in our words: the library's contain its source and the request's headers."""
    text = str(error)
    if _NO_ROOM.search(text):
        return StorageFull(f"The S3 storage has no room for {key}.")
    status, reported = _STATUS.search(text), _REPORTED.search(text)
    if status is None:
        return StorageUnreachable(f"The S3 storage did not answer while {key} was asked for.")
    said = f"{reported[1]}, HTTP {status[1]}" if reported else f"HTTP {status[1]}"
    if status[1].startswith("5"):
        return StorageUnreachable(f"The S3 storage cannot serve {key} now ({said}).")
    return StorageError(f"The S3 storage refused {key} ({said}).")
