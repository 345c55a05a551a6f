"""What a connection does with a well-behaved peer, a slow one and a hostile one; without a network."""

import asyncio
from collections import deque
from dataclasses import dataclass, field

import msgspec
import pytest

from server.connections.connection import Connection, Surroundings
from server.connections.credentials import Credential, Grant, Refused
from server.connections.outbox import OutboxLimits
from server.connections.peer import ConnectionSettings
from server.connections.rates import Limiter, Rate
from server.connections.visitor import VisitorDoor
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.ids import to_text
from server.stores.memory import MemoryLog
from server.wire.codec import CODECS, JSON
from server.wire.codes import Close
from server.wire.frames import Ack, EventFrame, FromServer, Page, Pong, Problem, Typing, Welcome
from tests.fakes.bot import ScriptedBot

CODEC = CODECS[JSON]


class OpenGate:
    """Knows two tokens."""

    async def admit(self, credential: Credential) -> Grant:
        token = credential.token
        if token == "old":
            raise Refused("this token has expired", expired=True)
        if token not in ("ann", "bob", "brief"):
            raise Refused("this token is not valid")
        return Grant(
            workspace="acme", visitor=token, kb="shop", verified=False, token=token, credential="k1",
            expires_at=0 if token == "brief" else 2**53,
        )  # fmt: skip


@dataclass
class Wire:
    """A peer without a network: says what the test says, and reads unless it is told not to."""

    said: "asyncio.Queue[bytes | str | None]" = field(default_factory=asyncio.Queue)
    heard: list[FromServer] = field(default_factory=list)
    reads: asyncio.Event = field(default_factory=asyncio.Event)
    closed: deque[Close] = field(default_factory=deque)
    aborted: bool = False

    async def receive(self) -> bytes | str | None:
        return await self.said.get()

    def write(self, message: bytes) -> bool:
        if self.reads.is_set():
            self.heard.append(CODEC.from_server(message))
        return self.reads.is_set()

    async def send(self, message: bytes) -> None:
        await self.reads.wait()
        self.heard.append(CODEC.from_server(message))

    async def close(self, code: Close, reason: str) -> None:
        self.closed.append(code)

    def abort(self) -> None:
        self.aborted = True
        self.reads.set()
        self.said.put_nowait(None)

    def say(self, **frame: object) -> None:
        self.said.put_nowait(msgspec.json.encode(frame))

    def of(self, kind: type[FromServer]) -> list[FromServer]:
        return [frame for frame in self.heard if isinstance(frame, kind)]


@dataclass
class House:
    """A server without a network."""

    bot: ScriptedBot = field(default_factory=ScriptedBot)
    settings: ConnectionSettings = field(default_factory=ConnectionSettings)
    frames: Limiter = field(default_factory=lambda: Limiter(Rate(burst=1000, per_minute=600)))
    messages: Limiter = field(default_factory=lambda: Limiter(Rate(burst=500, per_minute=600)))
    alive: list[Connection] = field(default_factory=list)
    tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = MemoryLog()
        self.service = Conversations(self.log, Hub(), self.bot)

    def connect(self, *, reads: bool = True) -> tuple[Wire, Connection]:
        around = Surroundings(
            visitors=VisitorDoor(self.service, OpenGate(), self.messages), settings=self.settings, frames=self.frames,
            heard=lambda connection: None, admitted=self.alive.append,
        )  # fmt: skip
        wire = Wire()
        if reads:
            wire.reads.set()
        connection = Connection(wire, CODEC, "", around)
        self.tasks.append(asyncio.create_task(connection.run()))
        return wire, connection

    async def greeted(self, **hello: object) -> Wire:
        wire, _ = self.connect()
        wire.say(**{"type": "hello", "token": "ann", **hello})
        await settle()
        return wire

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.service.close()


async def settle() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


@pytest.fixture
async def house():
    house = House()
    house.bot.gate.set()
    yield house
    await house.close()


async def test_hello_is_answered_by_a_welcome_with_the_conversation(house):
    wire = await house.greeted()

    (welcome,) = wire.of(Welcome)
    assert len(welcome.conversation) == 22
    assert [event.kind for event in welcome.events] == ["opened"]
    assert not welcome.recovered


async def test_a_message_is_acknowledged_shown_and_answered_in_order(house):
    wire = await house.greeted()
    wire.say(type="say", client_msg_id="m1", text="你好")
    await settle()

    ack = wire.of(Ack)[0]
    events = wire.of(EventFrame)
    assert (ack.client_msg_id, ack.seq) == ("m1", 2)
    assert [(event.seq, event.text) for event in events] == [(2, "你好"), (3, "re: 你好")]
    assert events[0].id == ack.id


async def test_a_client_that_resumes_is_sent_what_it_missed_and_nothing_twice(house):
    wire = await house.greeted()
    conversation = wire.of(Welcome)[0].conversation
    wire.say(type="say", client_msg_id="m1", text="hello")
    await settle()
    wire.said.put_nowait(None)

    again = await house.greeted(resume={"conversation": conversation, "last_seq": 2})
    again.say(type="say", client_msg_id="m2", text="more")
    await settle()

    welcome = again.of(Welcome)[0]
    assert welcome.recovered
    assert [event.seq for event in welcome.events] == [3]
    assert [event.seq for event in again.of(EventFrame)] == [4, 5]


async def test_resuming_another_visitors_conversation_gives_ones_own(house):
    theirs = (await house.greeted(token="bob")).of(Welcome)[0].conversation
    wire = await house.greeted(resume={"conversation": theirs, "last_seq": 0})

    assert wire.of(Welcome)[0].conversation != theirs
    assert not wire.of(Welcome)[0].recovered


@pytest.mark.parametrize(
    ("first", "code"),
    [
        (b"garbage", Close.BAD_REQUEST),
        (b'{"type":"say","client_msg_id":"m","text":"hi"}', Close.BAD_REQUEST),
        (b'{"type":"hello","token":{"$ne":""}}', Close.BAD_REQUEST),
        (b'{"type":"hello","token":"wrong"}', Close.BAD_TOKEN),
        (b'{"type":"hello","token":"old"}', Close.EXPIRED),
        (b"[" * 100_000, Close.BAD_REQUEST),
    ],
    ids=["garbage", "no-hello", "operator-for-a-token", "wrong-token", "old-token", "deep"],
)
async def test_a_first_frame_that_is_not_a_good_hello_ends_the_connection(house, first, code):
    wire, _ = house.connect()
    wire.said.put_nowait(first)
    await settle()

    assert list(wire.closed)[:1] == [code]
    assert wire.heard == []


async def test_who_says_nothing_is_let_go(house):
    house.settings = ConnectionSettings(hello_s=0.01)
    wire, _ = house.connect()
    await asyncio.wait(house.tasks)

    assert wire.closed[0] is Close.NO_HELLO
    assert Close.NO_HELLO.comes_back is False


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "say", "client_msg_id": "", "text": "hi"},
        {"type": "say", "client_msg_id": "m" * 65, "text": "hi"},
        {"type": "say", "client_msg_id": "m1", "text": "   "},
        {"type": "say", "client_msg_id": "m1", "text": "x" * 8001},
        {"type": "say", "client_msg_id": "m1", "text": "a\0b"},
        {"type": "say", "client_msg_id": "m1", "text": "hi", "files": ["f1"]},
        {"type": "action", "client_msg_id": "m1", "action": "delete"},
        {"type": "action", "client_msg_id": "m1", "action": "feedback", "value": "sideways"},
        {"type": "action", "client_msg_id": "m1", "action": "choose", "value": "never-offered"},
        {"type": "action", "client_msg_id": "m1", "action": "choose", "value": "e1", "about": "???"},
    ],
    ids=lambda frame: f"{frame.get('text', frame.get('action'))}"[:12],
)
async def test_a_value_out_of_range_is_refused_by_name_and_nothing_is_stored(house, frame):
    wire = await house.greeted()
    wire.say(**frame)
    await settle()

    (problem,) = wire.of(Problem)
    assert (problem.code, problem.client_msg_id) == ("bad_value", frame["client_msg_id"][:64])
    assert wire.of(Ack) == []


async def test_an_id_for_two_messages_is_refused_as_such(house):
    wire = await house.greeted()
    wire.say(type="say", client_msg_id="m1", text="one")
    wire.say(type="say", client_msg_id="m1", text="two")
    await settle()

    assert [problem.code for problem in wire.of(Problem)] == ["id_reused"]


async def test_bad_frames_are_forgiven_a_few_times(house):
    wire = await house.greeted()
    for _ in range(6):
        wire.said.put_nowait(b"{")
    await settle()

    assert [problem.code for problem in wire.of(Problem)] == ["bad_frame"] * 5
    assert wire.closed[0] is Close.BAD_REQUEST


async def test_a_visitor_who_floods_is_told_when_to_go_on(house):
    house.messages = Limiter(Rate(burst=2, per_minute=60))
    wire = await house.greeted()
    for number in range(3):
        wire.say(type="say", client_msg_id=f"m{number}", text="spam")
    await settle()

    (problem,) = wire.of(Problem)
    assert (problem.code, problem.client_msg_id) == ("rate_limited", "m2")
    assert 0 < problem.retry_after_ms <= 1001


async def test_a_token_that_runs_out_ends_the_connection_at_the_next_action(house):
    wire = await house.greeted(token="brief")
    assert wire.of(Welcome)
    wire.say(type="say", client_msg_id="m1", text="hi")
    await settle()

    assert (wire.closed[0], wire.of(Ack)) == (Close.EXPIRED, [])
    assert [event.kind for event in (await house.greeted(token="brief")).of(Welcome)[0].events] == ["opened"]


async def test_a_message_that_comes_too_fast_is_refused_by_name_and_may_be_sent_again(house):
    house.frames = Limiter(Rate(burst=2, per_minute=3000))
    wire = await house.greeted()
    for number in range(3):
        wire.say(type="say", client_msg_id=f"m{number}", text="hi")
    await settle()

    assert [(problem.code, problem.client_msg_id) for problem in wire.of(Problem)] == [("rate_limited", "m2")]


async def test_a_peer_that_does_not_read_is_cut_off_and_may_come_back(house):
    house.settings = ConnectionSettings(outbox=OutboxLimits(max_frames=5))
    wire, _ = house.connect(reads=False)
    wire.say(type="hello", token="ann")
    await settle()
    for number in range(4):
        wire.say(type="say", client_msg_id=f"m{number}", text="hi")
        await settle()

    assert wire.aborted
    again = await house.greeted(resume=None)
    assert len(again.of(Welcome)[0].events) >= 5


async def test_typing_of_a_slow_peer_coalesces(house):
    slow, _ = house.connect(reads=False)
    slow.say(type="hello", token="ann")
    await settle()
    phone = await house.greeted()
    for on in (True, False) * 50:
        phone.say(type="typing", on=on)
    await settle()
    slow.reads.set()
    await settle()

    assert [frame.on for frame in slow.of(Typing)] == [False]
    assert not slow.aborted


async def test_history_pages_backwards(house):
    wire = await house.greeted()
    for number in range(3):
        wire.say(type="say", client_msg_id=f"m{number}", text=str(number))
        await settle()
    wire.say(type="history", before=4, limit=2)
    wire.say(type="history", before=2, limit=-5)
    await settle()

    pages = wire.of(Page)
    assert [[event.seq for event in page.events] for page in pages] == [[2, 3], [1]]
    assert [page.more for page in pages] == [True, False]


async def test_a_ping_is_answered(house):
    wire = await house.greeted()
    wire.say(type="ping")
    await settle()

    assert wire.of(Pong) == [Pong()]


async def test_ended_by_the_server_all_that_waits_is_written_first(house):
    wire, connection = house.connect()
    wire.say(type="hello", token="ann")
    await settle()
    connection.send(Pong())
    connection.end(Close.SHUTDOWN, "restarting")
    wire.said.put_nowait(None)
    await settle()

    assert wire.of(Pong) == [Pong()]
    assert wire.closed[0] is Close.SHUTDOWN


async def test_two_devices_get_the_very_same_events(house):
    one, two = await house.greeted(), await house.greeted()
    one.say(type="say", client_msg_id="m1", text="hello")
    await settle()

    assert one.of(EventFrame) == two.of(EventFrame)
    assert to_text(b"\0" * 16) != one.of(EventFrame)[0].id
