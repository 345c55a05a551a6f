import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from aiohttp import WSMsgType

from server.connections.peer import ConnectionSettings, Peer
from server.connections.rates import Limiter, Rate
from server.connections.websocket import AiohttpSocket
from server.wire.codes import Close


@dataclass
class Line:
    """Writes at once while it is free, else takes its time."""

    free: bool = True
    broken: bool = False
    written: list[bytes] = field(default_factory=list)
    waited: list[bytes] = field(default_factory=list)
    room: asyncio.Event = field(default_factory=asyncio.Event)
    all_there: asyncio.Event = field(default_factory=asyncio.Event)
    aborted: bool = False

    async def receive(self) -> None:
        return None

    def write(self, message: bytes) -> bool:
        if self.broken:
            raise ConnectionResetError
        if self.free:
            self.written.append(message)
        return self.free

    async def send(self, message: bytes) -> None:
        await self.room.wait()
        self.waited.append(message)
        if len(self.waited) == 3:
            self.all_there.set()

    async def close(self, code: Close, reason: str) -> None:
        self.aborted = True

    def abort(self) -> None:
        self.aborted = True


async def test_a_message_to_a_peer_that_reads_is_written_at_once_without_a_task():
    line, before = Line(), len(asyncio.all_tasks())
    peer = Peer(line, ConnectionSettings())

    peer.put(b"one")
    peer.put(b"two")

    assert line.written == [b"one", b"two"]
    assert peer.waiting == (0, 0)
    assert len(asyncio.all_tasks()) == before


async def test_messages_keep_their_order_when_the_peer_reads_again_while_some_wait():
    line = Line(free=False)
    peer = Peer(line, ConnectionSettings())
    peer.put(b"one")
    peer.put(b"two")
    await asyncio.sleep(0)
    line.free = True
    peer.put(b"three")  # must not overtake

    assert line.written == []
    line.room.set()
    async with asyncio.timeout(30):
        await line.all_there.wait()
    assert line.waited == [b"one", b"two", b"three"]


async def test_a_connection_that_breaks_while_it_is_written_to_is_aborted_and_may_come_back():
    line = Line(broken=True)
    peer = Peer(line, ConnectionSettings())

    peer.put(b"one")

    assert line.aborted
    assert peer.ending is Close.SLOW


class Transport:
    def __init__(self, unread: int) -> None:
        self.unread = unread

    def get_write_buffer_size(self) -> int:
        return self.unread


class Response:
    def __init__(self) -> None:
        self.sent: list[tuple[bytes, WSMsgType]] = []

    async def send_frame(self, message: bytes, kind: WSMsgType) -> None:
        self.sent.append((message, kind))


@pytest.mark.parametrize(("unread", "written"), [(0, True), (16 * 1024, True), (16 * 1024 + 1, False)])
def test_a_websocket_is_written_to_at_once_only_while_little_is_unread(unread, written):
    response = Response()
    socket = AiohttpSocket(SimpleNamespace(transport=Transport(unread)), response, binary=False)

    assert socket.write(b"hello") is written
    assert response.sent == [(b"hello", WSMsgType.TEXT)] * written


def test_a_websocket_without_a_transport_is_not_written_to():
    assert not AiohttpSocket(SimpleNamespace(transport=None), Response(), binary=True).write(b"hello")


def test_a_meter_lets_the_burst_through_and_then_the_rate():
    now = 100.0
    meter = Limiter(Rate(burst=3, per_minute=60), clock=lambda: now).meter()

    assert [meter.wait_s() for _ in range(3)] == [0.0, 0.0, 0.0]
    assert meter.wait_s() == pytest.approx(1.0)
    now += 1.0
    assert meter.wait_s() == 0.0
    assert meter.wait_s() == pytest.approx(1.0)
    now += 60.0
    assert [bool(meter.wait_s()) for _ in range(4)] == [False, False, False, True]


def test_a_meter_goes_by_the_rate_of_its_limiter_as_it_is_now():
    limiter = Limiter(Rate(burst=1, per_minute=60), clock=lambda: 5.0)
    meter = limiter.meter()
    assert (meter.wait_s(), meter.wait_s()) == (0.0, pytest.approx(1.0))

    limiter.rate = Rate(burst=2, per_minute=60)

    assert meter.wait_s() == 0.0
