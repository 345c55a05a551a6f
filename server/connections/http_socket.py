"""What stands in for a WebSocket where those are blocked: frames that come and go with HTTP requests.

The connection on the one side and the requests on the other meet in two short queues. Either is bounded: what a peer
sends waits in its request until the connection has read what came before, and what it does not fetch fills the
connection's outbox, which ends it with a code that lets it come back.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from server.wire.codes import Close

_FRAMES: Final = 32  # that wait for a request to take them; as many as are written at once
_BYTES: Final = 64 * 1024  # of them; a single one may be longer
_GOODBYE_S: Final = 5.0  # for the peer to fetch the close


class HttpSocket:
    """Is a `server.connections.endpoint.LiveSocket`."""

    def __init__(self, *, ping: bytes) -> None:
        """Take the frame that asks for a sign of life: unlike a WebSocket's, it has to be one."""
        self.on_pong: Callable[[], None] = lambda: None
        self._ping = ping
        self._up: deque[bytes] = deque()
        self._down: deque[bytes] = deque()
        self._down_bytes = 0
        self._end: tuple[Close, str] | None = None
        self._gone = False
        self._came = asyncio.Event()  # something from the peer, or its end
        self._read = asyncio.Event()  # all that came from the peer
        self._ready = asyncio.Event()  # something for the peer, or the end
        self._room = asyncio.Event()  # for more
        self._told = asyncio.Event()  # the end

    # -- for the connection

    async def receive(self) -> bytes | None:
        """Give the next frame, None when the peer is gone."""
        while not self._up and not self._gone:
            self._came.clear()
            self._read.set()
            await self._came.wait()
        return None if self._gone else self._up.popleft()

    async def send(self, message: bytes) -> None:
        """Hand a frame to the requests; waits while they take none.

        Raises:
            ConnectionResetError: the peer is gone.
        """
        while not self._gone and self._is_full(message):
            self._room.clear()
            await self._room.wait()
        if self._gone:
            raise ConnectionResetError("the peer is gone")
        self._put(message)

    def write(self, message: bytes) -> bool:
        """Nothing is written before it is fetched."""
        return False

    def write_all(self, messages: Sequence[bytes]) -> bool:
        """Nothing is written before it is fetched."""
        return False

    async def close(self, code: Close, reason: str) -> None:
        """Say goodbye, and wait a little until it is fetched."""
        if self._end is None:
            self._end = (code, reason)
        self._ready.set()
        self._read.set()
        if not self._gone:
            with suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    await self._told.wait()
        self.abort()

    def abort(self) -> None:
        """End at once; what waits is lost, as with a network."""
        self._gone = True
        for event in (self._came, self._read, self._ready, self._room, self._told):
            event.set()

    def ping(self) -> None:
        """Ask for a sign of life; where much waits to be fetched, fetching it is one."""
        if not self._gone and not self._is_full(self._ping):
            self._put(self._ping)

    # -- for the requests

    @property
    def gone(self) -> bool:
        """Whether there is nothing more to be fetched or said."""
        return self._gone

    async def say(self, frames: Sequence[bytes]) -> None:
        """Let the connection read frames; waits until it has read those before."""
        while self._up and self._end is None and not self._gone:
            self._read.clear()
            await self._read.wait()
        if self._end is None and not self._gone:
            self._up.extend(frames)
            self._came.set()

    async def fetch(self, *, within_s: float) -> tuple[list[bytes], tuple[Close, str] | None]:
        """Give what waits for the peer, as soon as there is something, and the end if it has come."""
        if not self._down and self._end is None and not self._gone:
            self._ready.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._ready.wait()
        frames = list(self._down)
        self._down.clear()
        self._down_bytes = 0
        self._room.set()
        return frames, self._end

    def told(self) -> None:
        """Take note that the end was written."""
        self._told.set()

    def _is_full(self, message: bytes) -> bool:
        full = len(self._down) >= _FRAMES or self._down_bytes + len(message) > _BYTES
        return full and bool(self._down)

    def _put(self, message: bytes) -> None:
        self._down.append(message)
        self._down_bytes += len(message)
        self._ready.set()
