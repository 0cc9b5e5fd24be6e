"""Keeps every connection of this process to addresses that the operator's policy admits.

For the child that runs yt-dlp, which has its own HTTP stacks: whichever of them connects, and
whatever a page or redirect told it, Python's audit hook sees the address before the connection is
made. A hook cannot be removed again, so this must never be installed in a process of the service.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterable
from typing import Final

from stemwright.web.addresses import AddressPolicy, parse_address

_EVENTS: Final = frozenset({"socket.connect", "socket.sendto"})

Origin = tuple[str, int]


def guard_connections(policy: AddressPolicy, admitted: Iterable[Origin]) -> None:
    """Refuse connections from now on, but to public addresses and to the places named."""
    places = {place for origin in admitted for place in _places(origin)}

    def watch(event: str, facts: tuple[object, ...]) -> None:
        if event in _EVENTS and not _is_admitted(facts[1], policy, places):
            raise PermissionError("the address is not on the open internet")

    sys.addaudithook(watch)


def _places(origin: Origin) -> set[Origin]:
    host, port = origin
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return set()  # what cannot be found is not connected to either
    return {(str(address[0]), port) for *_, address in found}


def _is_admitted(address: object, policy: AddressPolicy, places: set[Origin]) -> bool:
    match address:
        case (str(host), int(port), *_):
            return (host, port) in places or _is_open(host, port, policy)
        case _:
            return False


def _is_open(host: str, port: int, policy: AddressPolicy) -> bool:
    try:
        return policy.admits_port(port) and policy.admits(parse_address(host))
    except ValueError:
        return False  # a name: whoever connects to one was not checked
