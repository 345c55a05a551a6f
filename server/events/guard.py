"""Which places on the network may be called on behalf of users: public ones, and those that the operator allows.

Whoever may name a webhook could otherwise have the server fetch what only the server can reach: a cloud's metadata,
a database's console, a neighbour's API.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from server.errors import ServerError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890 and successors), multicast, and what is reserved.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "168.63.129.16/32",  # public by number, but within Azure it is the host's own service
    )
)  # fmt: skip
_GLOBAL_6 = IPv6Network("2000::/3")  # all that IANA gave out for global unicast
# Within it: protocol assignments with Teredo, documentation, 6to4, and documentation again.
_NOT_PUBLIC_6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")))
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

# A name's labels may hold digits, but a name that ends in a number is an address in disguise (WHATWG URL, "ends in a
# number"): 2130706433, 0x7f.1, 127.1, 0177.0.0.1.
_NUMERIC = re.compile(r"(?:\d+|0x[0-9a-f]*)\.?", re.IGNORECASE)
_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.IGNORECASE)


class AddressRefused(ServerError):
    """An address that must not be called on behalf of a user. Trying again may help if a name's addresses change."""


def is_public(address: Address) -> bool:
    """Tell whether an address belongs to the public internet, as one machine there."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    if address.scope_id is not None or address not in _GLOBAL_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)


def ends_in_number(host: str) -> bool:
    """Tell whether a host is an IPv4 address in some notation, or looks like one to some resolver."""
    return _NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Decides by name and address. What the operator allows is trusted whole: its addresses, its ports, plain HTTP."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def allowing(cls, entries: Iterable[str]) -> "Guard":
        """Read what the operator allows beside the public internet.

        Args:
            entries: networks such as `10.1.0.0/16`, addresses, or names of hosts; a name does not include others below.

        Raises:
            ValueError: an entry is none of them.
        """
        networks: list[Network] = []
        hosts: set[str] = set()
        for entry in entries:
            if _HOST.fullmatch(entry) and not ends_in_number(entry):
                hosts.add(_canonical(entry))
                continue
            try:
                networks.append(ip_network(entry))
            except ValueError as error:
                raise ValueError(f"{entry!r} is no network, address or host name ({error})") from error
        return cls(networks=tuple(networks), hosts=frozenset(hosts))

    def trusts(self, host: str) -> bool:
        """Tell whether the operator allowed this host, by its name or by the address that it is."""
        return _canonical(host) in self.hosts or any(self._allowed(address) for address in _literal(host))

    def admits(self, address: str) -> bool:
        """Tell whether an address may be connected to, whatever name led to it."""
        return all(is_public(found) or self._allowed(found) for found in (_parsed(address),))

    def check_name(self, host: str) -> None:
        """Refuse a host that shows without asking anybody that it must not be called.

        Raises:
            AddressRefused: an address that is not public, or a number that only looks like a name.
        """
        literal = _literal(host)
        if not literal and (ends_in_number(host) or not _HOST.fullmatch(host)):
            raise AddressRefused(f"{host} is no host name and no address as they are usually written; use a name.")
        if literal:
            self.check(host, literal)

    def check(self, host: str, addresses: Sequence[Address | str]) -> None:
        """Refuse a host of which any address must not be called: which of them is connected to is up to chance.

        Raises:
            AddressRefused: one of the addresses is not public, and the operator did not allow it.
        """
        if _canonical(host) in self.hosts:
            return
        for address in addresses:
            if not self.admits(str(address)):
                raise AddressRefused(
                    f"{host} is at {address}, which is not on the public internet; "
                    "server.webhook_allow can allow hosts and networks of your own."
                )

    def _allowed(self, address: Address) -> bool:
        inner = _inner(address) if isinstance(address, IPv6Address) else None
        return any(address in network or (inner is not None and inner in network) for network in self.networks)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Give the IPv4 address that packets to this one end up at."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFF_FFFF) if address in _NAT64 else None


def _parsed(address: str) -> Address:
    try:
        return ip_address(address)
    except ValueError as error:
        raise AddressRefused(f"{address!r} is no network address.") from error


def _literal(host: str) -> tuple[Address, ...]:
    """Give the address that a host is, as a tuple of one; none if it is a name."""
    try:
        return (ip_address(host.removeprefix("[").removesuffix("]")),)
    except ValueError:
        return ()


def _canonical(host: str) -> str:
    return host.lower().rstrip(".")
