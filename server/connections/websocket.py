"""What a WebSocket of aiohttp is to a connection."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

from aiohttp import WSCloseCode, WSMsgType, web

from server.wire.codec import CODECS
from server.wire.codes import Close

_NEVER_SENT: Final = (1005, 1006, 1015)  # RFC 6455, 7.4.1: codes that a close may not carry

_UNREAD: Final = 16 * 1024  # bytes in the transport's buffer; it asks to wait from 64 KiB on, until there are 16 again

Response = web.WebSocketResponse[Literal[False]]


def websocket_response(max_bytes: int) -> Response:
    """Make a response that turns a request into a WebSocket, with the settings that `AiohttpSocket` expects."""
    return web.WebSocketResponse(
        protocols=tuple(CODECS),
        autoping=False,
        autoclose=False,
        max_msg_size=max_bytes + 1,  # aiohttp refuses what reaches it
        compress=False,  # a shared compressor a connection costs 300 KB, and short frames gain little
        timeout=5.0,  # for the peer's half of a close
        decode_text=False,
    )


class AiohttpSocket:
    """A WebSocket of aiohttp. See `server.connections.endpoint.LiveSocket`."""

    __slots__ = ("_kind", "_pinging", "_request", "_response", "on_pong")

    def __init__(self, request: web.Request, response: Response, *, binary: bool) -> None:
        self._request = request
        self._response = response
        self._kind = WSMsgType.BINARY if binary else WSMsgType.TEXT
        self._pinging: asyncio.Task[None] | None = None
        self.on_pong: Callable[[], None] = _nobody

    async def receive(self) -> bytes | str | None:
        """Give the next message, None when the peer has closed."""
        while True:
            message = await self._response.receive()
            match message.type:
                case WSMsgType.BINARY:
                    data: bytes = message.data
                    return data
                case WSMsgType.TEXT:
                    text: bytes = message.data
                    return text if text.isascii() else await self._text(text)
                case WSMsgType.PING:
                    await self._response.pong(message.data)
                case WSMsgType.PONG:
                    self.on_pong()
                case WSMsgType.CLOSE:
                    wrong = message.data in _NEVER_SENT  # aiohttp lets one of them through
                    await self._end(WSCloseCode.PROTOCOL_ERROR if wrong else WSCloseCode.OK)
                    return None
                case _:
                    return None

    async def send(self, message: bytes) -> None:
        """Write a message."""
        await self._response.send_frame(message, self._kind)

    def write(self, message: bytes) -> bool:
        """Write a message at once, if the peer reads what it is sent."""
        transport = self._request.transport
        if transport is None or transport.get_write_buffer_size() > _UNREAD:
            return False
        sending = self._response.send_frame(message, self._kind)
        try:  # as it does not wait while so little is unread, one step takes it to its end
            sending.send(None)
        except StopIteration:
            return True
        sending.close()  # it was about to wait, but after it had written
        return True

    def write_all(self, messages: Sequence[bytes]) -> bool:
        """Write messages in one go: each write asks the kernel, which costs more than all else about a short one."""
        transport = self._request.transport
        if transport is None or transport.get_write_buffer_size() > _UNREAD:
            return False
        if self._response.closed or transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        first = bytes([0x80 | self._kind])  # RFC 6455, 5.2: the last frame of a message, which is not masked
        transport.write(b"".join(part for each in messages for part in (first, _length(len(each)), each)))
        return True

    def ping(self) -> None:
        """Ask the peer for a sign of life, without waiting for it."""
        if self._pinging is None:
            self._pinging = asyncio.get_running_loop().create_task(self._ping(), name="ping")

    async def close(self, code: Close, reason: str) -> None:
        """Say goodbye and close."""
        await self._end(code, reason)

    def abort(self) -> None:
        """Close at once."""
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def _text(self, data: bytes) -> bytes | None:
        """Check that a text is one: aiohttp does not where it is to leave texts encoded."""
        try:
            data.decode()
        except UnicodeDecodeError:
            await self._end(WSCloseCode.INVALID_TEXT)
            return None
        return data

    async def _end(self, code: int, reason: str = "") -> None:
        with suppress(OSError, RuntimeError):
            await self._response.close(code=code, message=reason.encode()[:120])

    async def _ping(self) -> None:
        try:
            with suppress(OSError):
                await self._response.ping()
        finally:
            self._pinging = None


def _length(size: int) -> bytes:
    if size < 126:
        return bytes([size])
    return b"\x7e" + size.to_bytes(2, "big") if size < 1 << 16 else b"\x7f" + size.to_bytes(8, "big")


def _nobody() -> None:
    """Nobody waits for a sign of life yet."""
