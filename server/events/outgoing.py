"""The one way in which the server calls addresses that users gave.

Each connection resolves its name once, checks every address that it got, and goes to a checked one: a name server that
answers differently the second time is not asked a second time. Redirects are answers, not instructions; proxies of the
environment are not asked to go where we would not; nothing is remembered between calls but open connections.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from server.errors import ServerError
from server.events.guard import AddressRefused, Guard

Lookup = Callable[[str, int], Awaitable[Sequence[str]]]  # a name and port to its addresses

_URL_CHARS = 2_000
_CONNECTIONS = 1_000  # at once; a workspace has 32 at most, see `RelaySettings.per_workspace`
_VOUCHED = 1_000  # addresses of allowed hosts that are remembered


class CallFailed(ServerError):
    """Nobody answered, or not in time. Trying again may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call brought."""

    status: int
    headers: Mapping[str, str]  # looked up without regard to case
    body: bytes  # its beginning, if there was more than was asked for
    complete: bool


async def look_up(host: str, port: int) -> Sequence[str]:
    """Ask the system for a name's addresses, in the order in which they are to be tried."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in infos))


def checked_url(text: str, guard: Guard) -> URL:
    """Read an address that a user gave.

    It must be `https://` on port 443 and without credentials; hosts that the operator allowed may be called by plain
    HTTP and on any port.

    Raises:
        AddressRefused: it is something else, or shows without asking anybody that it is not public.
    """
    try:
        url = URL(text)
        host, port = url.raw_host or "", url.port
    except ValueError as error:
        raise AddressRefused(f"{text[:100]!r} is no address ({error}); give one such as https://host/path.") from error
    if len(text) > _URL_CHARS or not host or url.scheme not in ("http", "https"):
        raise AddressRefused(f"{text[:100]!r} is no address that can be called; give one such as https://host/path.")
    if url.raw_user is not None or url.raw_password is not None:
        raise AddressRefused("the address holds a name or password; messages are signed instead, so leave them out.")
    guard.check_name(host)
    if not guard.trusts(host) and (url.scheme != "https" or port != 443):
        raise AddressRefused(
            f"{url.scheme}://{host}:{port} is not https on port 443; server.webhook_allow can allow the host."
        )
    return url.with_fragment(None)


class Outgoing:
    """Calls addresses that users gave. Used from one event loop."""

    def __init__(
        self, guard: Guard, *, lookup: Lookup = look_up, deadline_s: float = 10.0, answer_bytes: int = 64 * 1024
    ) -> None:
        """Take the rules.

        Args:
            guard: decides where to.
            lookup: resolves names.
            deadline_s: of a whole call, from the lookup to the end of the answer.
            answer_bytes: of an answer's body that are read.
        """
        self._guard = guard
        self._resolver = _CheckedResolver(guard, lookup)
        self._deadline_s = deadline_s
        self._answer_bytes = answer_bytes
        self._session: aiohttp.ClientSession | None = None

    @property
    def guard(self) -> Guard:
        """Decides where to."""
        return self._guard

    def allow(self, guard: Guard) -> None:
        """Decide by other rules, from the next call on."""
        self._guard = guard
        self._resolver.allow(guard)

    async def post(self, address: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send a body; a redirect is given back like any other answer.

        Raises:
            AddressRefused: the address must not be called.
            CallFailed: nobody answered, or not in time.
        """
        url = checked_url(address, self._guard)
        try:
            async with self._open().post(url, data=body, headers=headers, allow_redirects=False) as response:
                beginning, complete = await self._read(response)
                return Answer(status=response.status, headers=response.headers, body=beginning, complete=complete)
        except TimeoutError as error:
            raise CallFailed(f"no answer within {self._deadline_s:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CallFailed(f"the call failed ({type(error).__name__}: {error})"[:300]) from error

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
        """Read an answer's body as far as it goes; the status came already, and counts."""
        found = bytearray()
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            while len(found) <= self._answer_bytes:
                piece = await response.content.read(self._answer_bytes + 1 - len(found))
                if not piece:
                    return bytes(found), True
                found += piece
        response.close()  # what else would come is not waited for
        return bytes(found[: self._answer_bytes]), False

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=self._resolver,
                use_dns_cache=False,  # a connection's addresses are those that were checked for it
                socket_factory=self._resolver.socket,
                limit=_CONNECTIONS,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=self._deadline_s),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,  # nothing is unpacked, so that nothing can be a bomb
                headers={"User-Agent": "kefu", "Accept-Encoding": "identity"},
            )
        return self._session


class _CheckedResolver(AbstractResolver):
    """Resolves names to addresses that may be connected to, and makes sockets to no others."""

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup
        self._vouched: dict[str, None] = {}  # addresses of allowed hosts, the oldest first

    def allow(self, guard: Guard) -> None:
        """Decide by other rules; nobody is vouched for any more."""
        self._guard = guard
        self._vouched.clear()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = [address for address in await self._lookup(host, port) if _matches(address, family)]
        if not addresses:
            raise OSError(None, f"{host} has no address")
        self._guard.check(host, addresses)
        if self._guard.trusts(host):
            self._vouched.update(dict.fromkeys(addresses))
            while len(self._vouched) > _VOUCHED:
                del self._vouched[next(iter(self._vouched))]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_family(address),
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,  # never resolved again
            )
            for address in addresses
        ]

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """Make the socket of a connection. Addresses that were written as such did not pass `resolve`."""
        family, kind, protocol, _, (address, *_) = info
        if address not in self._vouched and not self._guard.admits(address):
            raise AddressRefused(f"{address} is not on the public internet.")
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Nothing to release."""


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _matches(address: str, family: socket.AddressFamily) -> bool:
    return family in (socket.AF_UNSPEC, _family(address))
