"""Who leaves while the handshake is on its way, and who comes while the server is going."""

import asyncio
import logging
import socket
import struct
from contextlib import asynccontextmanager
from unittest.mock import Mock

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from server.connections.endpoint import Connections
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.stores.memory import MemoryLog
from server.wire.codes import Close
from tests.fakes.bot import ScriptedBot

HANDSHAKE = (
    b"GET /v1/ws HTTP/1.1\r\nHost: shop.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def test_a_visitor_who_left_during_the_handshake_is_no_error_and_is_not_counted_any_more(caplog):
    connections = Connections(Conversations(MemoryLog(), Hub(), ScriptedBot()), Mock())
    at_the_door = asyncio.Event()
    went, given = asyncio.Event(), []

    async def late(request):
        at_the_door.set()
        await until(lambda: request.transport is None or request.transport.is_closing())
        given.append(await connections.serve(request))
        went.set()
        return given[0]

    app = web.Application()
    app.router.add_get("/v1/ws", late)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    with caplog.at_level(logging.INFO):
        visitor = socket.create_connection(runner.addresses[0])
        visitor.sendall(HANDSHAKE)
        await at_the_door.wait()
        visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no goodbye
        visitor.close()
        async with asyncio.timeout(30):
            await went.wait()
        for _ in range(20):  # what comes after the handler
            await asyncio.sleep(0)
        await runner.cleanup()

    assert len(connections) == 0
    assert not isinstance(given[0], web.WebSocketResponse)  # one that is not open cannot be closed
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@asynccontextmanager
async def served():
    connections = Connections(Conversations(MemoryLog(), Hub(), ScriptedBot()), Mock())
    app = web.Application()
    app.router.add_get("/v1/ws", connections.serve)
    async with TestClient(TestServer(app)) as client:
        yield connections, client


async def test_who_comes_while_we_are_going_is_sent_to_the_successor_and_not_refused():
    async with served() as (connections, client):
        await connections.drain(within_s=1)

        visitor = await client.ws_connect("/v1/ws", protocols=["kefu.v1.json"])

        assert await visitor.receive_json() == {"type": "goaway", "after_ms": 0}
        assert (await visitor.receive()).type is WSMsgType.CLOSE
        assert visitor.close_code == Close.SHUTDOWN
        await until(lambda: len(connections) == 0)


async def test_what_is_refused_while_we_are_going_is_not_asked_on_the_same_connection_again():
    async with served() as (connections, _):
        await connections.drain(within_s=1)

        refused = connections.refusal(make_mocked_request("GET", "/v1/http"))

        assert refused is not None
        assert (refused.status, refused.headers["Connection"]) == (503, "close")


async def until(condition):
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)
