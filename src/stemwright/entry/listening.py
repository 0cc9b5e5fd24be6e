"""The sockets a service listens on, opened before anything else is begun."""

from __future__ import annotations

import contextlib
import resource
import socket
from contextlib import ExitStack
from typing import Final

from stemwright.errors import OptionError

_WAITING: Final = 2048
"""Connections that may wait to be accepted."""
_FILES: Final = 65_536


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address of a host; with port 0 they share whichever is free.

    Raises
    ------
    OptionError
        There is no such address here, somebody else has it, or the port is not for us to take.

    """
    try:
        with ExitStack() as opened:
            found: list[socket.socket] = []
            for family, kind, protocol, _, address in _addresses(host, port):
                chosen = found[0].getsockname()[1] if found and not port else port
                # the protocol is named, or asyncio would leave Nagle's algorithm on
                listening = opened.enter_context(socket.socket(family, kind, protocol))
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind((address[0], chosen, *address[2:]))
                listening.listen(_WAITING)
                found.append(listening)
            opened.pop_all()
            return found
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"Cannot listen on {host} port {port}: {reason}. Choose with --host and --port, or "
            "stop what listens there."
        ) from error


def allow_many_connections() -> None:
    """Raise the limit of open files as far as this user may: each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _addresses(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str | int, ...]]]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [tuple(entry) for entry in dict.fromkeys(found)]  # type: ignore[misc]
