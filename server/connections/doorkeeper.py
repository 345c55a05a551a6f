"""Holds a new TCP connection until its first request's head is there, for a short time, and so many at once.

What has not said what it wants costs a few hundred bytes here and nothing elsewhere. Whoever sends its head a byte at a
time, or nothing at all ("Slowloris", Hansen 2009), is gone after some seconds; when too many are at it, those that
have been for longest make room, so that a head that comes at once is always heard.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import cast


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """How long, and how many."""

    head_s: float = 10.0  # from the connection to the end of the first request's head
    waiting: int = 2_000  # connections that have not sent it yet
    head_bytes: int = 64 * 1024  # then the server says what is wrong with it


class Hall:
    """The connections that wait for their heads. Used from one event loop."""

    def __init__(self, serve: Callable[[], asyncio.Protocol], settings: DoorSettings | None = None) -> None:
        """Take what makes the protocol that serves a connection."""
        self._serve = serve
        self._settings = settings or DoorSettings()
        self._waiting: OrderedDict[Doorkeeper, None] = OrderedDict()
        self.turned_away = 0  # since the start

    def __len__(self) -> int:
        """Connections that wait."""
        return len(self._waiting)

    def __call__(self) -> asyncio.Protocol:
        """Give the protocol of a new connection."""
        return Doorkeeper(self, self._settings)

    def enter(self, keeper: "Doorkeeper") -> None:
        """Let one wait; the one that waits longest may have to go."""
        self._waiting[keeper] = None
        if len(self._waiting) > self._settings.waiting:
            self.turn_away(next(iter(self._waiting)))

    def turn_away(self, keeper: "Doorkeeper") -> None:
        """Close one that did not say in time what it wants."""
        self.turned_away += 1
        self.leave(keeper)
        keeper.abort()

    def leave(self, keeper: "Doorkeeper") -> None:
        """Forget one; it is served now, or gone."""
        self._waiting.pop(keeper, None)

    def served(self) -> asyncio.Protocol:
        """Make the protocol that serves."""
        return self._serve()

    def close(self) -> None:
        """Close all that wait."""
        for keeper in list(self._waiting):
            self.leave(keeper)
            keeper.abort()


class Doorkeeper(asyncio.Protocol):
    """One connection that has not said yet what it wants."""

    def __init__(self, hall: Hall, settings: DoorSettings) -> None:
        self._hall = hall
        self._settings = settings
        self._head = bytearray()
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        late = partial(self._hall.turn_away, self)
        self._deadline = asyncio.get_running_loop().call_later(self._settings.head_s, late)
        self._hall.enter(self)

    def data_received(self, data: bytes) -> None:
        """Take a part of the head; with its end, let the connection be served."""
        if not self._head:
            data = data.lstrip(b"\r\n")  # RFC 9112, 2.2: empty lines before a request say nothing
        known = max(0, len(self._head) - 2)
        self._head += data
        ended = self._head.find(b"\n\r\n", known) >= 0 or self._head.find(b"\n\n", known) >= 0
        if ended or len(self._head) >= self._settings.head_bytes:
            self._hand_over()

    def eof_received(self) -> None:
        """Close: who will not finish its head has nothing to be told."""

    def connection_lost(self, error: Exception | None) -> None:
        """Stop waiting."""
        self._stop()

    def abort(self) -> None:
        """Close at once."""
        self._stop()
        if self._transport is not None:
            self._transport.abort()

    def _hand_over(self) -> None:
        self._stop()
        if self._transport is None or self._transport.is_closing():
            return
        protocol = self._hall.served()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        protocol.data_received(bytes(self._head))

    def _stop(self) -> None:
        self._hall.leave(self)
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
