import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from server.connections.credentials import Credential, Grant
from server.connections.endpoint import Connections
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.stores.memory import MemoryLog
from server.wire.codec import CODECS, JSON
from server.wire.codes import Close
from tests.fakes.bot import ScriptedBot

PING_S, PONG_S = 25, 10


class Everybody:
    async def admit(self, credential: Credential) -> Grant:
        return Grant(
            workspace="acme", visitor="ann", kb="shop", verified=False, token="t", expires_at=2**50, credential=""
        )


@dataclass(eq=False)
class Peer:
    said: "asyncio.Queue[bytes | None]" = field(default_factory=asyncio.Queue)
    on_pong: Callable[[], None] = lambda: None
    told: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)
    pings: int = 0
    aborted: bool = False

    async def receive(self) -> bytes | None:
        return await self.said.get()

    def write(self, message: bytes) -> bool:
        self.told.put_nowait(message)
        return True

    async def send(self, message: bytes) -> None:
        raise AssertionError("all could be written at once")

    async def close(self, code: Close, reason: str) -> None:
        pass

    def abort(self) -> None:
        self.aborted = True
        self.said.put_nowait(None)

    def ping(self) -> None:
        self.pings += 1

    async def say(self, **frame: object) -> None:
        self.said.put_nowait(msgspec.json.encode(frame))
        async with asyncio.timeout(30):
            await self.told.get()


@pytest.fixture
async def house():
    connections, peer = Connections(Conversations(MemoryLog(), Hub(), ScriptedBot()), Everybody()), Peer()
    living = asyncio.create_task(connections.serve_socket(peer, CODECS[JSON], origin="", address=""))
    await peer.say(type="hello", key="wk")
    yield connections, peer
    peer.said.put_nowait(None)
    await living


def pass_time(connections: Connections, seconds: int) -> None:
    for _ in range(seconds):
        connections._wheel.turn()


async def test_who_says_nothing_is_asked_for_a_sign_of_life_in_time(house):
    connections, peer = house
    pass_time(connections, PING_S - 1)
    assert peer.pings == 0
    pass_time(connections, 1)
    assert peer.pings == 1


async def test_who_said_something_is_asked_that_much_later(house):
    connections, peer = house
    pass_time(connections, PING_S - 5)
    await peer.say(type="ping")
    pass_time(connections, PING_S - 1)
    assert peer.pings == 0
    pass_time(connections, 1)
    assert peer.pings == 1


async def test_who_does_not_answer_is_let_go_in_time_and_who_does_is_not(house):
    connections, peer = house
    pass_time(connections, PING_S)
    await peer.say(type="ping")
    pass_time(connections, PING_S)
    assert (peer.pings, peer.aborted) == (2, False)

    pass_time(connections, PONG_S - 1)
    assert not peer.aborted
    pass_time(connections, 1)
    assert peer.aborted
