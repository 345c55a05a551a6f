"""Visitors' devices that talk, vanish and come back, and write down all that they did and saw."""

import asyncio
from collections.abc import Awaitable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from time import monotonic

from server.client.aio import Client
from server.client.core import ClientSettings, Core
from server.client.happenings import Memory, NotStored
from server.wire import frames
from tests.soak.history import Acked, Hailed, Left, Paged, Record, Refused, Rested, Saw, Sent, Troubled, Welcomed

# Impatient, so that a run of some minutes sees many lives of the server.
PATIENCE = ClientSettings(welcome_s=20.0, ack_s=20.0, first_pause_s=0.05, longest_pause_s=0.4, steady_s=0.5)
QUESTIONS = (
    "How many days do I have to return something I don't like?", "原价商品几天内可以退货？", "hello", "delivery",
    "运费多少钱", "Where is my order?", "你好", "what is the airspeed of a swallow", "thanks", "怎么开发票", "再见",
    "Can I pay by card?",
)  # fmt: skip
_LATER = frozenset({"rate_limited", "busy", "unavailable"})
_STORED_S = 60.0  # then the visitor goes on; the message stays in its outbox


@dataclass
class Diary:
    """Everything that happened, on one clock."""

    records: list[Record] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)  # (when something was said, seconds until it was ok)
    began: float = field(default_factory=monotonic)

    @property
    def now(self) -> float:
        return monotonic() - self.began

    def note(self, kind: type[Record], device: str, **more: object) -> None:
        self.records.append(kind(device=device, at=round(self.now, 4), **more))


class Witness(Core):
    """A client's core that writes down what it sends and is sent, frame by frame, before it makes anything of it."""

    def __init__(self, device: "Device") -> None:
        hello = frames.Hello(key=device.key, client="kefu-proof")
        super().__init__(hello, device.memory, PATIENCE, random=device.jitter)
        self._device = device
        self._name = device.name

    def outgoing(self) -> list[frames.FromClient]:
        given = super().outgoing()
        for frame in given:
            match frame:
                case frames.Hello(resume=resume):
                    known = {"conversation": resume.conversation, "after": resume.last_seq} if resume else {}
                    self._note(Hailed, **known)
                case frames.Say() | frames.Act():
                    self._note(Sent, client_msg_id=frame.client_msg_id, text=getattr(frame, "text", ""))
                    self._device.sent.append(frame)
                case _:
                    pass
        return given

    def received(self, frame: frames.FromServer) -> None:
        if self.live:
            self._write_down(frame)
        super().received(frame)

    def closed(self, code: int) -> None:
        if self.live:
            self._note(Left, code=code)
        super().closed(code)

    def again(self, item: frames.Say | frames.Act) -> None:
        """Send what was sent and stored before, as a program does that forgot what came of it."""
        self._submit(item)

    def _write_down(self, frame: frames.FromServer) -> None:
        match frame:
            case frames.Welcome(conversation=name, recovered=recovered, last_seq=last, events=events):
                self._note(Welcomed, conversation=name, recovered=recovered, last_seq=last, events=events)
            case frames.EventFrame():
                self._note(Saw, event=frame)
            case frames.Ack(client_msg_id=name, seq=seq, id=identifier):
                self._note(Acked, client_msg_id=name, seq=seq, id=identifier)
            case frames.Page(events=events):
                self._note(Paged, events=events)
            case frames.Problem(code=code, client_msg_id=name):
                self._note(Troubled if code in _LATER or not name else Refused, code=code, client_msg_id=name)
            case _:
                pass

    def _note(self, kind: type[Record], **more: object) -> None:
        self._device.diary.note(kind, self._name, **more)


class Device:
    """A visitor's device. It lives many lives and keeps its memory; what it does follows from its seed."""

    def __init__(self, name: str, url: str, key: str, seed: str, diary: Diary) -> None:
        self.name, self.key, self.diary = name, key, diary
        self.jitter = Random(f"{seed}, pauses of {name}")
        self.memory = Memory()
        self.sent: list[frames.Say | frames.Act] = []
        self._url = f"{url.replace('http', 'ws', 1)}/v1/ws"
        self._random = Random(f"{seed}, acts of {name}")
        self._client: Client | None = None
        self._lives = 0

    async def come(self) -> None:
        """Begin a life."""
        client = Client(self._url, key=self.key)
        client.core = Witness(self)
        self._client = await client.__aenter__()

    async def go(self) -> None:
        """Vanish, in the middle of whatever it is."""
        if self._client is not None:
            await self._client.__aexit__(None, None, None)
            self._client = None

    async def live(self, *, pause_s: float, alone: bool, until: asyncio.Event) -> None:
        """Act, pause, and so on.

        Args:
            pause_s: on average.
            alone: whether the visitor has no other device, so that it may become another visitor.
            until: set when it is over.
        """
        while not until.is_set():
            await self._act(alone)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._random.uniform(0, 2 * pause_s)):
                    await until.wait()

    async def greeted(self) -> None:
        """Wait until the server said who this is."""
        while True:
            if self.memory.token:
                return
            await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until all that was said is stored."""
        while True:
            if not self.memory.outbox:
                return
            await asyncio.sleep(0.02)

    async def caught_up(self, numbers: Mapping[str, int]) -> None:
        """Wait until the last event of its conversation was shown."""
        while True:
            if self.memory.last_seq >= numbers.get(self.memory.conversation, 0):
                return
            await asyncio.sleep(0.02)

    # -- what a visitor does

    async def _act(self, alone: bool) -> None:
        draw, act = self._random.random(), self._random.choices(_ACTS, _OFTEN)[0]
        client = self._client
        assert client is not None
        core = client.core
        assert isinstance(core, Witness)
        match act:
            case "say":
                await self._stored(client.say(QUESTIONS[int(draw * len(QUESTIONS))]))
            case "burst":
                texts = [f"{QUESTIONS[int(draw * len(QUESTIONS))]} {number}" for number in range(int(2 + draw * 3))]
                await asyncio.gather(*(self._stored(client.say(text)) for text in texts))
            case "again" if self.sent:
                core.again(self.sent[int(draw * len(self.sent))])
                client.typing(on=False)  # only wakes it up
            case "person":
                await self._stored(client.ask_for_person())
            case "page":
                client.older(1 + int(draw * (self.memory.last_seq + 1)), limit=1 + int(draw * 30))
            case "vanish":
                await self._be_away(draw, alone)
            case _:
                pass

    async def _be_away(self, draw: float, alone: bool) -> None:
        await self.go()
        self._lives += 1
        if alone and draw < 0.15 and not self.memory.outbox:
            self.memory, self.sent = Memory(), []
            visitor, device = self.name.split("/")
            self.name = f"{visitor.split('.')[0]}.{self._lives}/{device}"
        await asyncio.sleep(draw * 0.2)
        await self.come()

    async def _stored(self, end: Awaitable[object]) -> None:
        began = self.diary.now
        with suppress(NotStored, TimeoutError):
            async with asyncio.timeout(_STORED_S):
                await end
                self.diary.waits.append((began, self.diary.now - began))


_ACTS = ("say", "burst", "again", "person", "page", "vanish")
_OFTEN = (60, 10, 8, 4, 6, 12)


class Crowd:
    """Some visitors, every second one with two devices."""

    def __init__(self, url: str, key: str, *, visitors: int, pause_s: float, seed: str, diary: Diary) -> None:
        self.diary = diary
        self._pause_s = pause_s
        self._over = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._devices = [
            [
                Device(f"visitor{number}/{name}", url, key, seed, diary)
                for name in (("phone", "tablet") if number % 2 else ("phone",))
            ]
            for number in range(visitors)
        ]

    async def begin(self) -> None:
        """Let all of them come; the second device has its token from the first."""
        for first, *others in self._devices:
            await first.come()
            await first.greeted()
            for other in others:
                other.memory.token = first.memory.token
                await other.come()
        for devices in self._devices:
            for device in devices:
                life = device.live(pause_s=self._pause_s, alone=len(devices) == 1, until=self._over)
                self._tasks.append(asyncio.create_task(life, name=device.name))

    async def finish(self, within_s: float) -> None:
        """Let everybody say what they had begun to say, and see it stored.

        Raises:
            TimeoutError: a message was not stored in time.
        """
        self._over.set()
        async with asyncio.timeout(within_s):
            await asyncio.gather(*self._tasks)
            await asyncio.gather(*(device.settled() for devices in self._devices for device in devices))

    async def rest(self, numbers: Mapping[str, int], within_s: float) -> None:
        """Let everybody be shown everything.

        Args:
            numbers: the last one of each conversation; nothing is added any more.
            within_s: whoever was not shown it all by then is noted all the same: that is for the checker.
        """
        devices = [device for devices in self._devices for device in devices]
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                for device in devices:
                    await device.caught_up(numbers)
        for device in devices:
            self.diary.note(Rested, device.name)

    async def leave(self) -> None:
        """Let everybody go."""
        self._over.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(device.go() for devices in self._devices for device in devices))
