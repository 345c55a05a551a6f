"""Whatever visitors, agents, time and crashes do in whatever order: the promises of the handoff hold in the log."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.conversations.commands import (
    AnswerOffer,
    AskForPerson,
    CancelPerson,
    ChooseWait,
    Command,
    EndChat,
    LeaveMessage,
    Say,
)
from server.conversations.events import Audience, Spoke
from server.conversations.state import AGENT, BOT
from server.errors import ServerError
from server.handoff import actions as does
from server.handoff.routing import Presence
from server.handoff.staff import Role
from server.handoff.states import WAITING, Moved, State
from tests.fakes.desk import Company, agent

VISITORS = st.sampled_from(["ann", "bob", "cat"])
AGENTS = st.sampled_from(["ana", "ben", "sue"])
TEXTS = st.sampled_from(["hello", "unknown", "clarify", "handoff:complaint", "handoff:low_confidence", "fail"])
COMMANDS = st.sampled_from(["ask", "cancel", "yes", "no", "ask_bot", "keep_waiting", "leave", "end"])
ALONE = ["accept", "decline", "take_over", "close", "return_to_bot", "hold", "finish", "requeue"]
VERBS = st.sampled_from([*ALONE, "transfer", "accept_transfer", "decline_transfer"])


def command_of(name: str, client_msg_id: str) -> Command:
    match name:
        case "ask":
            return AskForPerson(client_msg_id=client_msg_id)
        case "cancel":
            return CancelPerson(client_msg_id=client_msg_id)
        case "yes" | "no":
            return AnswerOffer(client_msg_id=client_msg_id, yes=name == "yes")
        case "leave":
            return LeaveMessage(client_msg_id=client_msg_id, email="ann@example.com")
        case "end":
            return EndChat(client_msg_id=client_msg_id)
        case _:
            return ChooseWait(client_msg_id=client_msg_id, value=name)


def action_of(verb: str, by: str, epoch: int) -> does.ByAgent:
    common = {"by": by, "epoch": epoch}
    match verb:
        case "transfer":
            return does.Transfer(**common, note="please", to_agent="ben" if by != "ben" else "ana")
        case "accept_transfer":
            return does.AcceptTransfer(**common)
        case "decline_transfer":
            return does.DeclineTransfer(**common)
        case "close":
            return does.CloseChat(**common)
        case "finish":
            return does.FinishWrapUp(**common)
        case "return_to_bot":
            return does.ReturnToBot(**common)
        case "take_over":
            return does.TakeOver(**common)
        case _:
            kinds = {"accept": does.Accept, "decline": does.Decline, "hold": does.Hold, "requeue": does.Requeue}
            return kinds[verb](**common)


class DeskMachine(RuleBasedStateMachine):
    """Three visitors, three agents with few places, one clock."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.here = Company(agent("ana", 1), agent("ben", 2), agent("sue", 1, role=Role.SUPERVISOR))
        self.acknowledged: dict[tuple[str, str], int] = {}  # (author's conversation, id) -> seq

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        async def settled() -> Any:
            result = await work
            await self.here.settle()
            return result

        return self.loop.run_until_complete(settled())

    @initialize()
    def open(self) -> None:
        self.run(self.here.open())
        for name in ("ann", "bob", "cat"):
            self.run(self.here.come(name))

    @rule(visitor=VISITORS, text=TEXTS)
    def say(self, visitor: str, text: str) -> None:
        name = self.here.next_id()
        stored = self.run(self.here.do(visitor, Say(client_msg_id=name, text=text)))
        self.acknowledged[visitor, name] = stored.seq

    @rule(visitor=VISITORS, name=COMMANDS)
    def press(self, visitor: str, name: str) -> None:
        self.run(self.here.do(visitor, command_of(name, self.here.next_id())))

    @rule(visitor=VISITORS)
    def come_or_go(self, visitor: str) -> None:
        here = visitor in self.here.screens
        self.run(self.here.go(visitor) if here else self.here.come(visitor))

    @rule(name=AGENTS)
    def sign_in_or_drop(self, name: str) -> None:
        there = name in self.here.windows
        self.run(self.here.drop(name) if there else self.here.sign_in(name))

    @rule(name=AGENTS, presence=st.sampled_from([Presence.AVAILABLE, Presence.BUSY, Presence.AWAY]))
    def choose(self, name: str, presence: Presence) -> None:
        self.run(self.here.desk.presence(self.here.who(name), presence))

    @rule(name=AGENTS, visitor=VISITORS, verb=VERBS, stale=st.integers(0, 1))
    def act(self, name: str, visitor: str, verb: str, stale: int) -> None:
        self.run(self._tried(name, visitor, verb, stale))

    @rule(visitor=VISITORS, verbs=st.lists(st.tuples(AGENTS, VERBS), min_size=2, max_size=3))
    def act_at_once(self, visitor: str, verbs: list[tuple[str, str]]) -> None:
        async def together() -> None:
            await asyncio.gather(*(self._tried(name, visitor, verb, 0) for name, verb in verbs))

        self.run(together())

    async def _tried(self, name: str, visitor: str, verb: str, stale: int) -> None:
        epoch = (await self.here.head(visitor)).epoch - stale
        with suppress(ServerError):  # it was refused
            await self.here.desk.act(self.here.who(name), self.here.keys[visitor], action_of(verb, name, epoch))

    @rule(name=AGENTS, visitor=VISITORS)
    def speak(self, name: str, visitor: str) -> None:
        async def speaking() -> None:
            client_msg_id = self.here.next_id()
            with suppress(ServerError):  # it was refused
                await self.here.desk.say(self.here.who(name), self.here.keys[visitor], client_msg_id, "hello")

        self.run(speaking())

    @rule(seconds=st.sampled_from([1, 10, 30, 60, 130, 400, 2_000]))
    def wait(self, seconds: int) -> None:
        self.run(self.here.wait(seconds))

    @rule()
    def let_the_bot_think(self) -> None:
        self.here.bot.gate.clear()

    @rule()
    def let_the_bot_speak(self) -> None:
        self.here.bot.gate.set()
        self.run(asyncio.sleep(0))

    @rule()
    def crash_and_start_again(self) -> None:
        self.run(self.here.restart())

    # -- what always holds

    @invariant()
    def the_bot_never_speaks_in_an_epoch_that_an_agent_owns(self) -> None:
        for visitor in self.here.keys:
            owner = "bot"
            for event in self.loop.run_until_complete(self.here.events(visitor)):
                if isinstance(event.body, Moved):
                    owner = event.body.handling.owner
                elif event.audience is Audience.PUBLIC and event.author == BOT:
                    assert not owner.startswith(AGENT), (visitor, event)

    @invariant()
    def each_transition_follows_the_one_before_and_the_last_one_is_the_state(self) -> None:
        for visitor in self.here.keys:
            state, epoch, owner = State.BOT, 1, "bot"
            for event in self.loop.run_until_complete(self.here.events(visitor)):
                if isinstance(event.body, Moved):
                    after = event.body.handling
                    assert event.body.from_state is state, (visitor, event)
                    changed = (after.state, after.owner) != (state, owner)
                    assert after.epoch == epoch + (1 if changed else 0), (visitor, event)
                    state, epoch, owner = after.state, after.epoch, after.owner
                assert event.epoch == epoch, (visitor, event)
            head = self.loop.run_until_complete(self.here.head(visitor))
            assert (head.handling.state, head.epoch, head.owner) == (state, epoch, owner)

    @invariant()
    def what_is_counted_of_an_agents_places_is_what_the_log_says(self) -> None:
        if not self.here.keys:
            return
        taken: Counter[str] = Counter()
        for visitor in self.here.keys:
            taken.update(self.loop.run_until_complete(self.here.handling(visitor)).holds_slot_of)
        for view in self.here.desk.agents("acme"):
            assert view.load == taken[view.id], view

    @invariant()
    def who_waits_has_a_timer_and_so_has_who_is_alone_with_an_agent_that_is_gone(self) -> None:
        for visitor in self.here.keys:
            handling = self.loop.run_until_complete(self.here.handling(visitor))
            alarms = self.loop.run_until_complete(self.here.log.cases.alarms(until=1 << 60))
            mine = [alarm for alarm in alarms if alarm.conversation == self.here.keys[visitor][1]]
            if handling.state in WAITING or handling.agent_gone_at or handling.state is State.WRAP_UP:
                assert mine, (visitor, handling)
            if handling.state is State.CLOSED:
                assert not mine, (visitor, mine)

    @invariant()
    def nothing_acknowledged_is_lost(self) -> None:
        for (visitor, name), seq in self.acknowledged.items():
            events = self.loop.run_until_complete(self.here.events(visitor))
            found = [event.seq for event in events if event.client_msg_id == name and isinstance(event.body, Spoke)]
            assert found == [seq]

    @invariant()
    def a_device_shows_what_the_log_holds(self) -> None:
        for visitor, screens in self.here.screens.items():
            events = self.loop.run_until_complete(self.here.events(visitor))
            public = [event for event in events if event.audience is Audience.PUBLIC]
            for screen in screens:
                assert screen.events == public[-len(screen.events) :]

    def teardown(self) -> None:
        self.here.bot.gate.set()
        self.run(asyncio.sleep(0))
        for visitor in self.here.keys:
            assert not self.loop.run_until_complete(self.here.head(visitor)).waits_for_bot, "a turn was left unanswered"
        if self.here.keys:
            self.loop.run_until_complete(self.here.close())
        self.loop.close()


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
