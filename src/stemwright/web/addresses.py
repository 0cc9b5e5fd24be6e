"""Which network addresses an outgoing request may reach."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Self

from stemwright.errors import OptionError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

WEB_PORTS = frozenset({80, 443})

# On top of is_global, whose tables differ between patch releases of Python.
_NEVER_PUBLIC: tuple[Network, ...] = (
    ip_network("0.0.0.0/8"),
    ip_network("100.64.0.0/10"),  # carrier-grade NAT
    ip_network("168.63.129.16/32"),  # a cloud's metadata service on a public-looking address
    ip_network("192.0.0.0/24"),  # protocol assignments, some clouds' metadata among them
    ip_network("192.88.99.0/24"),  # 6to4 relays
    ip_network("224.0.0.0/4"),
    ip_network("240.0.0.0/4"),
    ip_network("2001::/23"),  # protocol assignments; Teredo carries IPv4
    ip_network("3fff::/20"),  # documentation
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")  # nothing else of IPv6 is handed out
# IPv6 forms that carry an IPv4 address: (network, bits right of the embedded address)
_EMBEDDING: tuple[tuple[IPv6Network, int], ...] = (
    (IPv6Network("::/96"), 0),  # IPv4-compatible
    (IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("64:ff9b:1::/48"), 0),  # NAT64, local prefix (its usual /96 layout)
    (IPv6Network("2002::/16"), 80),  # 6to4
)
_LOW_32_BITS = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What may be reached besides public addresses on the web's ports."""

    private_networks: tuple[Network, ...] = ()
    ports: frozenset[int] | None = WEB_PORTS
    """None admits every port."""

    @classmethod
    def parse(cls, words: Iterable[str]) -> Self:
        """Read ``all``, or networks such as ``192.168.1.0/24``; either opens every port."""
        words = tuple(words)
        if not words:
            return cls()
        if words == ("all",):
            return cls((ip_network("0.0.0.0/0"), ip_network("::/0")), ports=None)
        return cls(tuple(_network(word) for word in words), ports=None)

    @classmethod
    def anywhere(cls) -> Self:
        """Admit every address and port: for a host that the operator named."""
        return cls.parse(("all",))

    def admits(self, address: Address) -> bool:
        """Whether a connection to the address is allowed."""
        if any(address in network for network in self.private_networks):
            return True
        return is_public(address)

    def admits_port(self, port: int) -> bool:
        """Whether a connection to the port is allowed."""
        return self.ports is None or port in self.ports


def is_public(address: Address) -> bool:
    """Whether the address is one of the open internet, and so is any IPv4 address inside it."""
    if any(address in network for network in _NEVER_PUBLIC):
        return False
    if isinstance(address, IPv4Address):
        return address.is_global
    carried = _carried(address)
    if carried is not None:
        return is_public(carried)
    return address in _GLOBAL_UNICAST and address.is_global


def parse_address(text: str) -> Address:
    """Read a resolver's answer; a zone (``%eth0``) does not change what the address is."""
    return ip_address(text.partition("%")[0])


def _carried(address: IPv6Address) -> IPv4Address | None:
    for network, shift in _EMBEDDING:
        if address in network:
            return IPv4Address((int(address) >> shift) & _LOW_32_BITS)
    return None


def _network(word: str) -> Network:
    try:
        return ip_network(word)
    except ValueError as error:
        raise OptionError(
            f"STEMWRIGHT_ALLOW_PRIVATE_NETWORKS: {error}. Use 'all' or networks such as "
            f"192.168.1.0/24, separated by commas."
        ) from error
