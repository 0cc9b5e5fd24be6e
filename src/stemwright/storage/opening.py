"""From the address of a storage to the storage."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from stemwright.errors import OptionError, StorageError
from stemwright.kit.clock import utc_now

from .base import Storage, checked
from .local import LocalStorage
from .s3 import Bucket, S3Storage
from .signing import UrlSigner

_SETTING: Final = "STEMWRIGHT_STORAGE_URL"
_KNOWN: Final = frozenset(
    {"endpoint", "region", "path_style", "access_key_id", "secret_access_key", "session_token"}
)
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_TRUTH: Final = {"true": True, "1": True, "false": False, "0": False}


def open_storage(
    url: str,
    *,
    signer: UrlSigner,
    public_endpoint: str = "",
    ca_file: Path | None = None,
    clock: Callable[[], datetime] = utc_now,
    environ: Mapping[str, str] = os.environ,
) -> Storage:
    """Open ``file:///FOLDER`` or ``s3://BUCKET/PREFIX?endpoint=…``.

    A folder is made where there is none. A bucket is not looked at before it is used.

    Raises
    ------
    OptionError
        The address makes no sense. It is not repeated in the message, as it may hold a secret.
    StorageError
        The folder cannot be made.

    """
    parts = urlsplit(url)
    if parts.scheme == "file":
        return LocalStorage(_folder(parts), signer)
    if parts.scheme == "s3":
        bucket = _bucket(parts, ca_file, environ)
        return S3Storage(bucket, public_endpoint=public_endpoint or None, clock=clock)
    raise OptionError(f"{_SETTING} starts with {parts.scheme}: write file:///… or s3://…")


def _folder(parts: SplitResult) -> Path:
    path = Path(unquote(parts.path))
    if parts.netloc not in {"", "localhost"} or not path.is_absolute():
        raise OptionError(f"{_SETTING} needs an absolute folder: file:///srv/stemwright")
    return path


def _bucket(parts: SplitResult, ca_file: Path | None, environ: Mapping[str, str]) -> Bucket:
    if not parts.netloc or "@" in parts.netloc:
        raise OptionError(f"{_SETTING} names no bucket: write s3://BUCKET/PREFIX?endpoint=URL")
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - _KNOWN:
        raise OptionError(
            f"{_SETTING} has no options {', '.join(sorted(unknown))}; known: {_all()}"
        )
    endpoint = options.get("endpoint") or _endpoint(environ)
    if endpoint and urlsplit(endpoint).scheme not in {"http", "https"}:
        raise OptionError(f"{_SETTING}: the endpoint is not an http or https address")
    return Bucket(
        name=parts.netloc,
        prefix=_prefix(parts.path),
        endpoint=endpoint.rstrip("/") if endpoint else None,
        region=options.get("region"),
        path_style=_path_style(options.get("path_style"), has_endpoint=endpoint is not None),
        access_key_id=options.get("access_key_id"),
        secret_access_key=options.get("secret_access_key"),
        session_token=options.get("session_token"),
        ca_pem=_read(ca_file) if ca_file else None,
    )


def _endpoint(environ: Mapping[str, str]) -> str | None:
    # the rest of AWS_* the library reads itself; an endpoint decides more than where to connect
    return next((said for name in _ENDPOINTS if (said := environ.get(name))), None)


def _prefix(path: str) -> str | None:
    prefix = path.strip("/")
    try:
        return checked(prefix) if prefix else None
    except StorageError as error:
        raise OptionError(f"{_SETTING}: {prefix!r} cannot be the prefix of keys") from error


def _path_style(said: str | None, *, has_endpoint: bool) -> bool:
    if said is None:  # most servers of one's own know no other, Amazon prefers the other
        return has_endpoint
    if said.lower() not in _TRUTH:
        raise OptionError(f"{_SETTING}: path_style is true or false")
    return _TRUTH[said.lower()]


def _read(ca_file: Path) -> str:
    try:
        return ca_file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"STEMWRIGHT_CA_FILE: cannot read {ca_file}: {error}") from error


def _all() -> str:
    return ", ".join(sorted(_KNOWN))
