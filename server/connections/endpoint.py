"""Where connections come in: who may open one at all, how many there are, and whether they still live."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from server.connections.address import Proxies, limited_by
from server.connections.connection import Connection, Door, Surroundings
from server.connections.credentials import Gate
from server.connections.peer import ConnectionSettings, Socket
from server.connections.rates import Crowds, Limiter, Rate
from server.connections.visitor import VisitorDoor
from server.connections.websocket import AiohttpSocket, websocket_response
from server.connections.wheel import Wheel
from server.conversations.service import Conversations
from server.wire.codec import CODECS, Codec
from server.wire.codes import Close
from server.wire.frames import Goaway

log = logging.getLogger(__name__)

# 500 connections closed every 50 ms, and asked to come back at 2,000 a second: as many as one process greets.
_BATCH = 500
_BETWEEN_BATCHES_S = 0.05
_MS_TO_COME_BACK = 0.5  # a connection


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessSettings:
    """How many may come, and how often."""

    connections: int = 15_000
    per_visitor: int = 10
    per_address: int = 200
    max_upload: int = 10 << 20  # bytes of a file, as clients are told
    opening: Rate = field(default_factory=lambda: Rate(burst=100, per_minute=300))  # of one address
    frames: Rate = field(default_factory=lambda: Rate(burst=100, per_minute=300))  # of one connection
    messages: Rate = field(default_factory=lambda: Rate(burst=20, per_minute=60))  # of one visitor
    from_address: Rate = field(default_factory=lambda: Rate(burst=400, per_minute=1_200))  # messages of one address
    of_workspace: Rate = field(default_factory=lambda: Rate(burst=4_000, per_minute=120_000))  # and of one workspace
    proxies: Proxies = field(default_factory=Proxies)  # their own addresses stand for many, and are not limited
    origins: tuple[str, ...] = ()  # pages that may open a socket beside our own; "*": any


class LiveSocket(Socket, Protocol):
    """A socket whose peer can be asked for a sign of life."""

    on_pong: Callable[[], None]
    """Called when it gave one that is no message."""

    def ping(self) -> None:
        """Ask the peer for a sign of life, without waiting for it."""


class Connections:
    """All live connections of this process."""

    def __init__(
        self,
        conversations: Conversations,
        gate: Gate,
        settings: ConnectionSettings | None = None,
        access: AccessSettings | None = None,
        may_show: Callable[[str], bool] = lambda origin: False,
        agents: Door | None = None,
    ) -> None:
        """Take the parts; without a door for agents only visitors are let in."""
        self._settings = settings or ConnectionSettings()
        self._access = access or AccessSettings()
        self._may_show = may_show
        self._opening = Limiter(self._access.opening)
        self._wheel: Wheel[Connection] = Wheel(self._is_silent)
        self._asked: set[Connection] = set()  # were sent a ping, and did not answer yet
        self._live: set[Connection] = set()
        self._sockets: dict[Connection, LiveSocket] = {}
        self._by_name: Counter[tuple[str, str]] = Counter()
        self._by_address: Counter[str] = Counter()
        self._draining = False
        self.closed: Counter[str] = Counter()  # by why, since the start
        self._empty = asyncio.Event()
        self._empty.set()
        self._messages = Limiter(self._access.messages)
        self._crowds = Crowds(self._access.from_address, self._access.of_workspace)
        self._door = VisitorDoor(
            conversations, gate, self._messages, crowds=self._crowds, max_upload=self._access.max_upload
        )
        self._around = Surroundings(
            visitors=self._door,
            agents=agents,
            settings=self._settings,
            frames=Limiter(self._access.frames),
            heard=self._heard,
            admitted=self._admitted,
        )

    def __len__(self) -> int:
        """Live connections."""
        return len(self._live)

    @property
    def live(self) -> tuple[Connection, ...]:
        """All of them."""
        return tuple(self._live)

    @property
    def refused(self) -> Counter[tuple[str, str]]:
        """What was refused since the start, by workspace ("" before it is known) and why."""
        return self._around.refused

    @property
    def waiting(self) -> tuple[int, int]:
        """Frames and bytes that wait to be written to peers."""
        each = [connection.waiting for connection in self._live]
        return sum(frames for frames, _ in each), sum(size for _, size in each)

    def configure(self, access: AccessSettings) -> None:
        """Admit by these settings, from now on; who is there stays."""
        self._access = access
        self._opening.rate = access.opening
        self._around.frames.rate = access.frames
        self._messages.rate = access.messages
        self._door.max_upload = access.max_upload
        self._crowds.configure(access.from_address, access.of_workspace)

    @property
    def settings(self) -> ConnectionSettings:
        """Of each connection."""
        return self._settings

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Turn a request into a WebSocket, and serve it to its end."""
        refused = self.refusal(request, upgrade=True)
        if refused is not None:
            return refused
        response = websocket_response(self._settings.max_bytes)
        address = self._address_of(request.remote)
        with self._counted(address):
            try:
                await response.prepare(request)
            except ConnectionResetError:  # the visitor left while it waited at the door; nobody reads this
                return web.Response(status=400)
            codec = CODECS[response.ws_protocol or next(iter(CODECS))]
            socket = AiohttpSocket(request, response, binary=codec.binary)
            await self._live_through(socket, codec, request.headers.get("Origin", ""), address)
        return response

    async def serve_socket(self, socket: LiveSocket, codec: Codec, *, origin: str, address: str) -> None:
        """Serve what stands in for a WebSocket to its end; `refusal` has let it in."""
        counted = self._address_of(address)
        with self._counted(counted):
            await self._live_through(socket, codec, origin, counted)

    async def watch(self) -> None:
        """Look after heartbeats, for ever."""
        await self._wheel.run()

    async def drain(self, *, within_s: float, random: Random | None = None) -> None:
        """Send everybody away, in batches and with jitter, so that they do not all come back at once.

        Args:
            within_s: all are gone after that.
            random: for the jitter.
        """
        self._draining = True
        chance = random or Random()
        live = list(self._live)
        spread_ms = min(within_s * 500, len(live) * _MS_TO_COME_BACK)
        for start in range(0, len(live), _BATCH):
            if start:
                await asyncio.sleep(_BETWEEN_BATCHES_S)
            for connection in live[start : start + _BATCH]:
                _send_away(connection, after_ms=int(chance.uniform(0, spread_ms)))
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        for socket in list(self._sockets.values()):
            socket.abort()

    def revoke(self, belongs: Callable[[Connection], bool]) -> int:
        """Close the connections whose credential was withdrawn; give how many."""
        gone = [connection for connection in self._live if belongs(connection)]
        for connection in gone:
            connection.end(Close.REVOKED, "access was withdrawn")
        return len(gone)

    # -- at the door

    def refusal(self, request: web.Request, *, upgrade: bool = False) -> web.Response | None:
        """Refuse a new connection fast, say when to try again, and count it; None lets it in."""
        refused = (self._no_upgrade(request) if upgrade else None) or self._no_entry(request, upgrade=upgrade)
        if refused is not None:
            self._around.refused["", f"http_{refused.status}"] += 1
        return refused

    def _no_entry(self, request: web.Request, *, upgrade: bool) -> web.Response | None:
        if not self.may_come_from(request):
            return web.Response(status=403, text="this page may not connect")
        address = self._address_of(request.remote)
        if self._draining and not upgrade:  # on this very connection it would come to us again
            return web.Response(status=503, headers={"Retry-After": "1", "Connection": "close"})
        if len(self._live) >= self._access.connections:
            return web.Response(status=503, headers={"Retry-After": "2"})
        if address and self._by_address[address] >= self._access.per_address:
            return web.Response(status=429, headers={"Retry-After": "10"})
        wait_s = self._opening.wait_s(address) if address else 0.0
        return web.Response(status=429, headers={"Retry-After": str(int(wait_s) + 1)}) if wait_s else None

    def _address_of(self, remote: str | None) -> str:
        """Give what an address is limited by; "" where it stands for many."""
        return "" if remote is None or remote in self._access.proxies else limited_by(remote)

    def _no_upgrade(self, request: web.Request) -> web.Response | None:
        """Refuse what is no handshake of a WebSocket, or more than one."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426, text="a WebSocket endpoint", headers={"Upgrade": "websocket"})
        if request.body_exists or "Transfer-Encoding" in request.headers or "Content-Length" in request.headers:
            return web.Response(status=400, text="an upgrade has no body")
        return None

    def may_come_from(self, request: web.Request) -> bool:
        """Check the page: our own, one that is listed, or none at all, as with programs, which a token must admit.

        A page that a widget's key lists is let in here, and held against that very key when it says hello.
        """
        origin = request.headers.get("Origin")
        if origin is None or "*" in self._access.origins or origin in self._access.origins:
            return True
        return urlsplit(origin).netloc == request.host or self._may_show(origin)

    # -- life of a connection

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        """Count a connection as one of an address while it lives."""
        self._by_address[address] += 1
        try:
            yield
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    async def _live_through(self, socket: LiveSocket, codec: Codec, origin: str, address: str) -> None:
        connection = Connection(socket, codec, origin, self._around)
        connection.address = address
        self._live.add(connection)
        self._empty.clear()
        self._sockets[connection] = socket
        connection.heard_at = self._wheel.now
        self._wheel.set(connection, self._settings.ping_s)
        socket.on_pong = partial(self._heard, connection)
        if self._draining:  # came while we were going: to the successor, which is an error to nobody
            _send_away(connection, after_ms=0)
        try:
            await connection.run()
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("a connection failed")
            socket.abort()
        finally:
            self._forget(connection)

    def _admitted(self, connection: Connection) -> None:
        """Count the connection as its visitor's or agent's; too many of them close the newest."""
        if connection.who is None:
            return
        name = (connection.who.workspace, connection.who.name)
        self._by_name[name] += 1
        if self._by_name[name] > self._access.per_visitor:
            connection.end(Close.TOO_MANY, "too many connections of one person")

    def _forget(self, connection: Connection) -> None:
        self.closed[connection.ending.name.lower()] += 1
        self._live.discard(connection)
        if not self._live:
            self._empty.set()
        self._sockets.pop(connection, None)
        self._asked.discard(connection)
        self._wheel.drop(connection)
        if connection.who is not None:
            name = (connection.who.workspace, connection.who.name)
            self._by_name[name] -= 1
            if self._by_name[name] <= 0:
                del self._by_name[name]

    # -- heartbeats

    def _heard(self, connection: Connection) -> None:
        """Note it, no more: this happens with every frame, and the wheel looks at it in time."""
        connection.heard_at = self._wheel.now
        if connection in self._asked:
            self._asked.discard(connection)
            self._wheel.set(connection, self._settings.ping_s)

    def _is_silent(self, connection: Connection) -> None:
        socket = self._sockets.get(connection)
        if socket is None:
            return
        silent_s = self._wheel.now - connection.heard_at
        if silent_s < self._settings.ping_s and connection not in self._asked:
            self._wheel.set(connection, self._settings.ping_s - silent_s)
            return
        if connection in self._asked:
            connection.end(Close.NO_PONG, "no sign of life")
            socket.abort()
            return
        self._asked.add(connection)
        self._wheel.set(connection, self._settings.pong_s)
        socket.ping()


def _send_away(connection: Connection, *, after_ms: int) -> None:
    connection.send(Goaway(after_ms=after_ms))
    connection.end(Close.SHUTDOWN, "the server restarts")
