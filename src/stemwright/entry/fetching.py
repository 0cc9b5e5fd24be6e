"""The downloader of the model store, made only when something is downloaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stemwright.errors import OptionError

if TYPE_CHECKING:
    from stemwright.settings import Settings
    from stemwright.web.client import GuardedClient, Limits
    from stemwright.web.download import ResumableDownload


@dataclass(frozen=True, slots=True)
class LazyDownload:
    """A ``Downloader`` that loads httpx and TLS on first use; most runs fetch nothing."""

    settings: Settings

    def download(
        self,
        url: str,
        destination: Path,
        *,
        headers: Mapping[str, str],
        trusted: bool,
        max_bytes: int,
        progress: Callable[[int, int | None], None],
    ) -> bool:
        """See ``stemwright.engine.sources.Downloader``."""
        return open_download(self.settings).download(
            url,
            destination,
            headers=headers,
            trusted=trusted,
            max_bytes=max_bytes,
            progress=progress,
        )


def open_download(settings: Settings) -> ResumableDownload:
    """Build the downloader of large files."""
    from stemwright.web.download import ResumableDownload  # noqa: PLC0415

    return ResumableDownload(open_client(settings))


def open_client(settings: Settings, limits: Limits | None = None) -> GuardedClient:
    """Build the guarded client that the settings describe.

    Raises
    ------
    OptionError
        The networks or the certificates that the settings name cannot be read.

    """
    import stemwright  # noqa: PLC0415
    from stemwright.web.addresses import AddressPolicy  # noqa: PLC0415
    from stemwright.web.client import (  # noqa: PLC0415
        GuardedClient,
        environment_proxies,
        tls_context,
    )

    if settings.ca_file is not None:
        try:
            tls_context(settings.ca_file)  # kept for the requests; they could not say what is wrong
        except OSError as error:
            raise OptionError(
                f"STEMWRIGHT_CA_FILE: {settings.ca_file} cannot be read as certificates: "
                f"{error.strerror or error}."
            ) from error
    proxy = settings.proxy
    return GuardedClient(
        AddressPolicy.parse(settings.allow_private_networks),
        limits=limits,
        proxies={"http": proxy, "https": proxy} if proxy else environment_proxies(),
        ca_file=settings.ca_file,
        user_agent=f"stemwright/{stemwright.__version__}",
    )
