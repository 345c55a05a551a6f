"""Whatever happens in whatever order, crashes included: nothing acknowledged is lost, doubled or out of order."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.conversations.commands import Say, Stored, Visitor
from server.conversations.events import Event
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.conversations.signals import Signal
from server.conversations.state import Head, replay
from server.errors import IdReused
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot

DEVICES = st.sampled_from(["phone", "tablet", "laptop"])
TEXTS = st.sampled_from(["hello", "clarify", "unknown", "handoff", "where is it"])


@dataclass
class Device:
    """Holds what it was shown, as a client does, and says where it left off when it comes back."""

    shown: list[Event] = field(default_factory=list)
    live: bool = False

    def deliver(self, event: Event) -> None:
        self.shown.append(event)

    def signal(self, signal: Signal) -> None:
        pass


class ConversationMachine(RuleBasedStateMachine):
    """One visitor with three devices, and a server that crashes now and then."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.log, self.bot = MemoryLog(), ScriptedBot()
        self.devices = {name: Device() for name in ("phone", "tablet", "laptop")}
        self.acknowledged: dict[str, Stored] = {}
        self.said: dict[str, str] = {}
        self.now = 0.0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def settled() -> Any:
            result = await work
            for _ in range(30):
                await asyncio.sleep(0)
            return result

        return self.loop.run_until_complete(settled())

    def service_over_log(self) -> Conversations:
        async def pause(seconds: float) -> None:
            self.now += seconds
            await asyncio.sleep(0)

        few = ConversationSettings(missed_events=4, first_events=3, idle_lanes=1)
        return Conversations(self.log, Hub(), self.bot, few, clock=lambda: self.now, pause=pause)

    @initialize()
    def start(self) -> None:
        self.service = self.service_over_log()
        head: Head = self.run(self.service.open(Visitor(workspace="acme", id="ann", kb="shop")))
        self.key = (head.workspace, head.conversation)

    @rule(number=st.integers(0, 25), text=TEXTS)
    def say(self, number: int, text: str) -> None:
        name = f"m{number}"
        try:
            stored = self.run(self.service.submit(self.key, Say(client_msg_id=name, text=text)))
        except IdReused:
            assert self.said[name] != text
            return
        assert self.said.setdefault(name, text) == text
        assert self.acknowledged.setdefault(name, stored) == stored

    @rule(texts=st.lists(TEXTS, min_size=2, max_size=5))
    def say_several_at_once(self, texts: list[str]) -> None:
        names = [f"b{len(self.acknowledged)}-{place}" for place in range(len(texts))]

        async def together() -> list[Stored]:
            commands = [Say(client_msg_id=name, text=text) for name, text in zip(names, texts, strict=True)]
            return await asyncio.gather(*(self.service.submit(self.key, command) for command in commands))

        for name, text, stored in zip(names, texts, self.run(together()), strict=True):
            self.acknowledged[name], self.said[name] = stored, text

    @rule(name=DEVICES)
    def come(self, name: str) -> None:
        device = self.devices[name]
        if device.live:
            return
        after = device.shown[-1].seq if device.shown else None
        missed = self.run(self.service.join(self.key, device, after=after))
        if not missed.recovered:
            device.shown.clear()
        device.shown[:] = [*device.shown, *missed.events, *(e for e in device.shown if e.seq > missed.head.seq)]
        device.live = True

    @rule(name=DEVICES)
    def go(self, name: str) -> None:
        self.service.leave(self.key, self.devices[name])
        self.devices[name].live = False

    @rule()
    def let_the_bot_think(self) -> None:
        self.bot.gate.clear()

    @rule()
    def let_the_bot_speak(self) -> None:
        self.bot.gate.set()
        self.run(asyncio.sleep(0))

    @rule()
    def crash_and_start_again(self) -> None:
        self.run(self.service.close())
        for device in self.devices.values():
            device.live = False
        self.service = self.service_over_log()
        self.run(self.service.recover())

    @invariant()
    def what_was_acknowledged_is_in_the_log_once_under_its_number(self) -> None:
        events = self.events()
        for name, stored in self.acknowledged.items():
            found = [event for event in events if event.client_msg_id == name]
            assert [(event.seq, event.id) for event in found] == [(stored.seq, stored.id)]

    @invariant()
    def numbers_have_no_gap_and_the_state_is_the_sum_of_the_events(self) -> None:
        events = self.events()
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        head = self.loop.run_until_complete(self.log.head(*self.key))
        assert head is not None
        begun = Head(workspace=head.workspace, conversation=head.conversation, visitor="ann", kb="shop")
        again = replay(begun, events)
        assert (again.seq, again.turn, again.answered) == (head.seq, head.turn, head.answered)

    @invariant()
    def no_turn_is_answered_twice(self) -> None:
        turns = [event.turn for event in self.events() if event.author == "bot"]
        assert len(turns) == len(set(turns))

    @invariant()
    def a_live_device_shows_the_end_of_the_log_without_a_hole(self) -> None:
        events = self.events()
        for device in self.devices.values():
            if device.live:
                assert device.shown == events[len(events) - len(device.shown) :]

    def events(self) -> list[Event]:
        if not hasattr(self, "key"):
            return []
        return self.loop.run_until_complete(self.log.events(*self.key, limit=10_000))

    def teardown(self) -> None:
        self.bot.gate.set()
        if hasattr(self, "service"):
            self.run(self.service.close())
            last = self.service_over_log()
            self.run(last.recover())
            head = self.loop.run_until_complete(self.log.head(*self.key))
            assert head is not None
            assert not head.waits_for_bot, "a turn was left unanswered"
            self.run(last.close())
        self.loop.close()


TestConversations = ConversationMachine.TestCase
TestConversations.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
