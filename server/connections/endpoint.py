"""The WebSocket endpoint: who may open a socket at all, and what a socket is to a connection."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random
from urllib.parse import urlsplit

from aiohttp import WSMsgType, web

from server.connections.connection import Connection, ConnectionSettings, Surroundings
from server.connections.credentials import Gate
from server.connections.rates import Limiter, Rate
from server.connections.wheel import Wheel
from server.conversations.service import Conversations
from server.wire.codec import CODECS
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
    opening: Rate = field(default_factory=lambda: Rate(burst=100, per_minute=300))  # of one address
    frames: Rate = field(default_factory=lambda: Rate(burst=100, per_minute=300))  # of one connection
    messages: Rate = field(default_factory=lambda: Rate(burst=20, per_minute=60))  # of one visitor
    origins: tuple[str, ...] = ()  # pages that may open a socket beside our own; "*": any


class Connections:
    """All live connections of this process."""

    def __init__(
        self,
        conversations: Conversations,
        gate: Gate,
        settings: ConnectionSettings | None = None,
        access: AccessSettings | None = None,
        may_show: Callable[[str], bool] = lambda origin: False,
    ) -> None:
        """Take the parts."""
        self._settings = settings or ConnectionSettings()
        self._access = access or AccessSettings()
        self._may_show = may_show
        self._opening = Limiter(self._access.opening)
        self._wheel: Wheel[Connection] = Wheel(self._is_silent)
        self._asked: set[Connection] = set()  # were sent a ping, and did not answer yet
        self._live: set[Connection] = set()
        self._sockets: dict[Connection, AiohttpSocket] = {}
        self._by_visitor: Counter[tuple[str, str]] = Counter()
        self._by_address: Counter[str] = Counter()
        self._draining = False
        self.closed: Counter[str] = Counter()  # by why, since the start
        self._empty = asyncio.Event()
        self._empty.set()
        self._around = Surroundings(
            conversations=conversations,
            gate=gate,
            settings=self._settings,
            frames=Limiter(self._access.frames),
            messages=Limiter(self._access.messages),
            heard=self._heard,
            admitted=self._admitted,
        )

    def __len__(self) -> int:
        """Live connections."""
        return len(self._live)

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
        self._around.messages.rate = access.messages

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Turn a request into a connection, and serve it to its end."""
        refused = self._refusal(request)
        if refused is not None:
            self._around.refused["", f"http_{refused.status}"] += 1
            return refused
        address = request.remote or ""
        response = web.WebSocketResponse(
            protocols=tuple(CODECS),
            autoping=False,
            max_msg_size=self._settings.max_bytes,
            compress=False,  # a shared compressor a connection costs 300 KB, and short frames gain little
            timeout=5.0,  # for the peer's half of a close
            decode_text=False,
        )
        self._by_address[address] += 1
        try:
            await response.prepare(request)
            codec = CODECS[response.ws_protocol or next(iter(CODECS))]
            socket = AiohttpSocket(request, response, binary=codec.binary)
            connection = Connection(socket, codec, request.headers.get("Origin", ""), self._around)
            await self._live_through(connection, socket)
        finally:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
        return response

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
                connection.send(Goaway(after_ms=int(chance.uniform(0, spread_ms))))
                connection.end(Close.SHUTDOWN, "the server restarts")
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

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Refuse fast, and say when to try again."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=426, text="a WebSocket endpoint", headers={"Upgrade": "websocket"})
        if request.body_exists or "Transfer-Encoding" in request.headers or "Content-Length" in request.headers:
            return web.Response(status=400, text="an upgrade has no body")
        if not self._may_come_from(request):
            return web.Response(status=403, text="this page may not connect")
        address = request.remote or ""
        if self._draining or len(self._live) >= self._access.connections:
            return web.Response(status=503, headers={"Retry-After": "2"})
        if self._by_address[address] >= self._access.per_address or self._opening.wait_s(address):
            return web.Response(status=429, headers={"Retry-After": "10"})
        return None

    def _may_come_from(self, request: web.Request) -> bool:
        """Check the page: our own, one that is listed, or none at all, as with programs, which a token must admit.

        A page that a widget's key lists is let in here, and held against that very key when it says hello.
        """
        origin = request.headers.get("Origin")
        if origin is None or "*" in self._access.origins or origin in self._access.origins:
            return True
        return urlsplit(origin).netloc == request.host or self._may_show(origin)

    # -- life of a connection

    async def _live_through(self, connection: Connection, socket: "AiohttpSocket") -> None:
        self._live.add(connection)
        self._empty.clear()
        self._sockets[connection] = socket
        self._wheel.set(connection, self._settings.ping_s)
        socket.on_pong = partial(self._heard, connection)
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
        """Count the connection as its visitor's; too many of them close the newest."""
        grant = connection.grant
        if grant is None:
            return
        visitor = (grant.workspace, grant.visitor)
        self._by_visitor[visitor] += 1
        if self._by_visitor[visitor] > self._access.per_visitor:
            connection.end(Close.TOO_MANY, "too many connections of one visitor")

    def _forget(self, connection: Connection) -> None:
        self.closed[connection.ending.name.lower()] += 1
        self._live.discard(connection)
        if not self._live:
            self._empty.set()
        self._sockets.pop(connection, None)
        self._asked.discard(connection)
        self._wheel.drop(connection)
        if connection.grant is not None:
            visitor = (connection.grant.workspace, connection.grant.visitor)
            self._by_visitor[visitor] -= 1
            if self._by_visitor[visitor] <= 0:
                del self._by_visitor[visitor]

    # -- heartbeats

    def _heard(self, connection: Connection) -> None:
        self._asked.discard(connection)
        self._wheel.set(connection, self._settings.ping_s)

    def _is_silent(self, connection: Connection) -> None:
        socket = self._sockets.get(connection)
        if socket is None:
            return
        if connection in self._asked:
            connection.end(Close.NO_PONG, "no sign of life")
            socket.abort()
            return
        self._asked.add(connection)
        self._wheel.set(connection, self._settings.pong_s)
        socket.ping()


class AiohttpSocket:
    """A WebSocket of aiohttp. See `server.connections.connection.Socket`."""

    def __init__(self, request: web.Request, response: web.WebSocketResponse, *, binary: bool) -> None:
        self._request = request
        self._response = response
        self._binary = binary
        self._pings: set[asyncio.Task[None]] = set()
        self.on_pong: Callable[[], None] = lambda: None

    async def receive(self) -> bytes | str | None:
        """Give the next message, None when the peer has closed."""
        while True:
            message = await self._response.receive()
            match message.type:
                case WSMsgType.TEXT | WSMsgType.BINARY:
                    data: bytes = message.data
                    return data
                case WSMsgType.PING:
                    await self._response.pong(message.data)
                case WSMsgType.PONG:
                    self.on_pong()
                case _:
                    return None

    async def send(self, message: bytes) -> None:
        """Write a message."""
        await self._response.send_frame(message, WSMsgType.BINARY if self._binary else WSMsgType.TEXT)

    def ping(self) -> None:
        """Ask the peer for a sign of life, without waiting for it."""
        task = asyncio.get_running_loop().create_task(self._ping(), name="ping")
        self._pings.add(task)
        task.add_done_callback(self._pings.discard)

    async def close(self, code: Close, reason: str) -> None:
        """Say goodbye and close."""
        with suppress(OSError, RuntimeError):
            await self._response.close(code=code, message=reason.encode()[:120])

    def abort(self) -> None:
        """Close at once."""
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def _ping(self) -> None:
        with suppress(OSError):
            await self._response.ping()
