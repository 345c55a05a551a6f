"""The Autobahn cases against three servers: aiohttp alone, our socket as an echo, and the endpoint itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import WSMsgType, web

from server.connections.websocket import AiohttpSocket, Response, websocket_response
from server.wire.codes import Close

RANKS: Final = {"OK": 0, "NON-STRICT": 1, "INFORMATIONAL": 1, "UNIMPLEMENTED": 2}  # and 3 for what is wrong

# Why a case ends otherwise than with OK; docs/PROTOCOL.md tells it in words.
EXPLAINED: Final = {
    **dict.fromkeys(("6.4.1", "6.4.2", "6.4.3", "6.4.4"), "a text is checked when all of it is there"),
    "7.1.6": "of what comes after a close it is not laid down what becomes",
    **dict.fromkeys(("7.13.1", "7.13.2"), "of these close codes it is not laid down what they mean"),
}


async def plain_echo(request: web.Request) -> web.StreamResponse:
    """Echo as aiohttp's documentation does."""
    socket = web.WebSocketResponse(max_msg_size=0)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


def our_echo(max_bytes: int) -> Any:
    """Echo with the socket that connections have, and its settings."""

    async def serve(request: web.Request) -> web.StreamResponse:
        response = websocket_response(max_bytes)
        await response.prepare(request)
        socket = Echoing(request, response, binary=False)
        while (message := await socket.receive()) is not None:
            await socket.send(message)
        await socket.close(Close.NORMAL, "")
        return response

    return serve


class Echoing(AiohttpSocket):
    """Answers a text with a text: a codec has one kind of messages, the cases have both."""

    def __init__(self, request: web.Request, response: Response, *, binary: bool) -> None:
        super().__init__(request, response, binary=binary)
        received = response.receive

        async def receive() -> Any:
            message = await received()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                self._kind = message.type
            return message

        response.receive = receive  # type: ignore[method-assign]


@asynccontextmanager
async def served(handler: Any) -> AsyncIterator[str]:
    """Serve a handler; give its address."""
    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def verdicts(url: str, cases: Sequence[str], *, within_s: float = 300.0) -> dict[str, Any]:
    """Run cases; give kosoku's results by the case's number."""
    from kosoku import FailureError, run_fuzzingclient

    try:
        results = await asyncio.wait_for(run_fuzzingclient(url, list(cases), concurrency=4), within_s)
    except FailureError as failure:
        results = failure.results
    return {result.case_id: result for result in results}


def rank(result: Any) -> int:
    """How far from what is asked for: 0 is OK, 3 is wrong."""
    return max(RANKS.get(label, 3) for label in (result.behavior.value, result.behavior_close.value))


def waits_for_an_echo(result: Any) -> bool:
    return any(event[0] == "message" for events in result.expected.values() for event in events)
