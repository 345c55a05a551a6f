"""The transport of one connection: what is read, what waits to be written, and how it ends.

A message is written as it comes. Only while the peer reads slower than it is written to, messages wait in the outbox,
and a task that empties it waits for the peer; an idle connection has neither. A peer that does not read is closed with
a code that lets it come back, and loses nothing, because all it misses is in the log.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from server.connections.outbox import Outbox, OutboxFull, OutboxLimits
from server.ids import new_id
from server.wire.codes import Close


class Socket(Protocol):
    """A WebSocket, or what stands in for one."""

    async def receive(self) -> bytes | str | None:
        """Give the next message, None when the peer has closed."""

    async def send(self, message: bytes) -> None:
        """Write a message; waits while the peer does not read."""

    def write(self, message: bytes) -> bool:
        """Write a message at once, if the peer reads what it is sent; False: it was not written, `send` can wait."""

    def write_all(self, messages: Sequence[bytes]) -> bool:
        """Write messages as `write` does, all of them or none."""

    async def close(self, code: Close, reason: str) -> None:
        """Say goodbye and close; waits for the peer a little at most."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What one connection may do and take."""

    outbox: OutboxLimits = field(default_factory=OutboxLimits)
    hello_s: float = 15.0  # to say hello
    write_s: float = 20.0  # for the peer to take one message
    ping_s: int = 25  # of silence, then the server asks
    pong_s: int = 10  # to answer
    max_bytes: int = 64 * 1024  # of one message
    max_text_chars: int = 8_000  # of what somebody says at once
    bad_frames: int = 5  # that are forgiven


class Ended(Exception):
    """The connection is to be closed, and why."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Peer:
    """A socket with an outbox. Thousands of them are idle, so it has no dictionary."""

    __slots__ = ("_closing", "_socket", "_writer", "id", "outbox", "settings")

    def __init__(self, socket: Socket, settings: ConnectionSettings) -> None:
        self.id = new_id()
        self.settings = settings
        self.outbox = Outbox(settings.outbox)
        self._socket = socket
        self._writer: asyncio.Task[None] | None = None
        self._closing: tuple[Close, str] | None = None

    @property
    def waiting(self) -> tuple[int, int]:
        """Frames and bytes that wait to be written."""
        return len(self.outbox), self.outbox.waiting_bytes

    @property
    def ended(self) -> bool:
        """Whether nothing more is read or queued."""
        return self._closing is not None

    @property
    def ending(self) -> Close:
        """Why the connection is ended; NORMAL while it is not, and where the peer ended it."""
        return self._closing[0] if self._closing is not None else Close.NORMAL

    def end(self, code: Close, reason: str) -> None:
        """Let the connection end: what waits is written first, unless the peer is too slow."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake_writer()

    async def receive(self) -> bytes | str | None:
        """Give the next message, None when the peer has closed."""
        return await self._socket.receive()

    def put_all(self, messages: Sequence[tuple[bytes, str]]) -> None:
        """Queue messages that come together, each with what it replaces; see `put`."""
        try:
            at_once = self._closing is None and self._writer is None
            if at_once and self._socket.write_all([raw for raw, _ in messages]):
                return
        except OSError:
            self._closing = (Close.SLOW, "")
            self._socket.abort()
        for raw, replaces in messages:
            self.put(raw, replaces=replaces)

    def put(self, raw: bytes, *, replaces: str = "") -> None:
        """Queue a message; a peer that fell too far behind is closed instead.

        Args:
            raw: the message.
            replaces: a name; a message of the same name that still waits is dropped.
        """
        if self._closing is not None:
            return
        try:
            if self._writer is None and self._socket.write(raw):  # a task for one message costs more than the message
                return
            self.outbox.put(raw, replaces=replaces)
        except OutboxFull:
            self._closing = (Close.SLOW, "read what you are sent, then come back")
            self._socket.abort()
            return
        except OSError:
            self._closing = (Close.SLOW, "")
            self._socket.abort()
            return
        self._wake_writer()

    async def goodbye(self) -> None:
        """Let the writer end, then close."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        await self._socket.close(*(self._closing or (Close.NORMAL, "")))

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="writer")

    async def _write(self) -> None:
        try:
            while (raw := self.outbox.take()) is not None:
                async with asyncio.timeout(self.settings.write_s):
                    await self._socket.send(raw)
            if self._closing is not None:
                await self._socket.close(*self._closing)
        except (TimeoutError, OSError):
            self._closing = self._closing or (Close.SLOW, "")
            self._socket.abort()
        finally:
            self._writer = None
