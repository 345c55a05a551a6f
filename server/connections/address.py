"""Which address a request comes from, where proxies stand in between."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

_NOT_AN_ADDRESS = "unknown"  # all who are said to come from such share one bucket
_IPV6_NETWORK = 64  # bits; whoever has one IPv6 address has 2^64 of them

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Proxies:
    """The networks of reverse proxies, which say where a request came from."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        """Take networks such as `10.0.0.0/8`.

        Raises:
            ValueError: one is none.
        """
        self._networks = tuple(ip_network(network) for network in networks)

    def __contains__(self, address: str) -> bool:
        """Whether an address is a proxy's, which may stand for many."""
        found = _parsed(address)
        return found is not None and any(found in network for network in self._networks)

    def visitor_of(self, remote: str, forwarded: Sequence[str]) -> str:
        """Give the address that a request comes from.

        Each proxy appends the address that it was called from, so the list counts from its end: the last one that is
        no proxy of ours is the visitor's. What stands before it is the visitor's own word.

        Args:
            remote: the other end of the connection.
            forwarded: the values of X-Forwarded-For, in their order.
        """
        address = remote
        hops = [hop.strip() for value in forwarded for hop in value.split(",") if hop.strip()]
        while hops and address in self:
            address = _plain(hops.pop())
        return address


def limited_by(address: str) -> str:
    """Give what an address is counted under: itself, or the network that an IPv6 address belongs to."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, _IPV6_NETWORK), strict=False))
    return address


@lru_cache(maxsize=8)
def proxies_of(networks: tuple[str, ...]) -> Proxies:
    """Read the networks of proxies; once for each configuration."""
    return Proxies(networks)


def _plain(hop: str) -> str:
    """Give an address without the port that some proxies add."""
    bare = hop[1 : hop.find("]")] if hop.startswith("[") else hop
    if bare.count(":") == 1:
        bare = bare.partition(":")[0]
    found = _parsed(bare)
    return str(found) if found is not None else _NOT_AN_ADDRESS


@lru_cache(maxsize=4096)
def _parsed(address: str) -> Address | None:
    try:
        found = ip_address(address)
    except ValueError:
        return None
    return (getattr(found, "ipv4_mapped", None) or found) if isinstance(found, IPv6Address) else found
