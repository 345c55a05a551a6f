"""A WebSocket client that costs next to nothing, so that a benchmark measures the server: one protocol, no tasks."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

_KEY = "x3JJHMbDL1EzLkh9GBhXDw=="  # a server does not look at it twice


class LeanSocket(asyncio.Protocol):
    """Speaks just enough of RFC 6455: whole messages, and a mask of zeros, under which a payload stays as it is."""

    def __init__(self, path: str, on_message: Callable[["LeanSocket", bytes], None]) -> None:
        self._path = path
        self._on_message = on_message
        self._buffer = b""
        self._open = False
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed_with = 0
        self.lost = False

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {_KEY}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: kefu.v1.json\r\n"
            "\r\n".encode()
        )

    def connection_lost(self, error: Exception | None) -> None:
        self.lost = True
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(f"refused: {self._buffer[:60]!r} {error}"))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if not self._open:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head.split(b"\r\n")[0]:
                self._transport.close()
                return
            self._open, self._buffer = True, rest
            self.opened.set_result(None)
        while (frame := self._frame()) is not None:
            opcode, payload = frame
            if opcode in (1, 2):
                self._on_message(self, payload)
            elif opcode == 8:
                self.closed_with = int.from_bytes(payload[:2], "big")
            elif opcode == 9:
                self._write(10, payload)

    def say(self, frame: dict[str, Any]) -> None:
        """Send a frame of the protocol."""
        self.send(json.dumps(frame).encode())

    def send(self, payload: bytes) -> None:
        """Send a text message."""
        self._write(1, payload)

    def close(self) -> None:
        """Go."""
        self._transport.close()

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self._transport.write(bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload)

    def _frame(self) -> tuple[int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, at = buffer[1] & 0x7F, 2
        if size == 126:
            size, at = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < at + size:
            return None
        self._buffer = buffer[at + size :]
        return buffer[0] & 0x0F, buffer[at : at + size]


async def connect(
    port: int, path: str, on_message: Callable[[LeanSocket, bytes], None], *, address: str = "127.0.0.1"
) -> LeanSocket:
    """Open a socket from one of the loopback's addresses."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_connection(
        lambda: LeanSocket(path, on_message), "127.0.0.1", port, local_addr=(address, 0)
    )
    await protocol.opened
    return protocol
