"""What a visitor and the bot may count on, over a log in memory and a bot that answers when it is told to."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from server.conversations.commands import AskForPerson, Choose, Rate, Say, Stored, Visitor, reply_id
from server.conversations.events import Acted, Action, Audience, Event, Replied, Spoke, Understood
from server.conversations.hub import Hub, Key
from server.conversations.service import Conversations, ConversationSettings
from server.conversations.signals import Signal, TypingSignal, WordingSignal
from server.errors import BadCommand, ConversationNotFound, IdReused
from server.ids import to_text
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot

ANN = Visitor(workspace="acme", id="ann", kb="shop", language="en")


@dataclass
class Screen:
    """A device: what it was shown."""

    events: list[Event] = field(default_factory=list)
    signals: list[Signal] = field(default_factory=list)

    def deliver(self, event: Event) -> None:
        self.events.append(event)

    def signal(self, signal: Signal) -> None:
        self.signals.append(signal)

    @property
    def texts(self) -> list[str]:
        return [event.body.text for event in self.events if isinstance(event.body, Spoke | Replied)]


@dataclass
class Time:
    """A clock that runs only when somebody waits."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    async def pause(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class World:
    """All parts of a conversation, and one device in it."""

    log: MemoryLog
    bot: ScriptedBot
    time: Time
    service: Conversations
    key: Key
    screen: Screen

    async def say(self, text: str, client_msg_id: str = "") -> int:
        command = Say(client_msg_id=client_msg_id or f"m-{text}", text=text)
        return (await self.service.submit(self.key, command)).seq

    async def settle(self) -> None:
        for _ in range(200):
            await asyncio.sleep(0)


def service_over(log: MemoryLog, bot: ScriptedBot, time: Time) -> Conversations:
    return Conversations(
        log, Hub(), bot, ConversationSettings(missed_events=5, first_events=3), clock=time, pause=time.pause
    )


@pytest.fixture
async def world() -> AsyncIterator[World]:
    log, bot, time = MemoryLog(), ScriptedBot(), Time()
    bot.gate.set()
    service = service_over(log, bot, time)
    head = await service.open(ANN)
    screen = Screen()
    key = (head.workspace, head.conversation)
    await service.join(key, screen, after=0)
    yield World(log, bot, time, service, key, screen)
    await service.close()


async def test_a_question_is_stored_shown_and_answered(world: World) -> None:
    seq = await world.say("hello")
    await world.settle()

    assert seq == 2
    assert world.screen.texts == ["hello", "re: hello"]
    assert [event.seq for event in world.screen.events] == [2, 3]


async def test_a_message_is_in_the_log_when_it_is_acknowledged(world: World) -> None:
    world.bot.gate.clear()
    seq = await world.say("hello")

    assert (await world.log.events(*world.key))[-1].seq == seq


async def test_a_message_sent_again_is_stored_once_and_acknowledged_alike(world: World) -> None:
    first, second = await world.say("hello", "m1"), await world.say("hello", "m1")
    await world.settle()

    assert first == second
    assert world.screen.texts == ["hello", "re: hello"]


async def test_a_message_sent_again_after_a_restart_is_still_the_same(world: World) -> None:
    first = await world.say("hello", "m1")
    await world.settle()
    for number in range(80):  # more than a lane remembers
        await world.say(f"more {number}")
    await world.service.close()

    again = service_over(world.log, world.bot, world.time)
    stored = await again.submit(world.key, Say(client_msg_id="m1", text="hello"))

    assert stored.seq == first
    await again.close()


async def test_an_id_that_comes_with_another_text_is_refused(world: World) -> None:
    await world.say("hello", "m1")

    with pytest.raises(IdReused):
        await world.say("something else", "m1")
    with pytest.raises(IdReused):
        await world.service.submit(world.key, AskForPerson(client_msg_id="m1"))


async def test_a_newer_message_voids_the_answer_in_flight_and_both_are_answered_together(world: World) -> None:
    world.bot.gate.clear()
    await world.say("my order")
    await world.settle()
    await world.say("has not come")
    await world.settle()
    world.bot.gate.set()
    await world.settle()

    assert [turn.text for turn in world.bot.turns] == ["my order", "my order\nhas not come"]
    assert world.screen.texts == ["my order", "has not come", "re: my order\nhas not come"]


async def test_pieces_of_a_voided_answer_are_taken_back(world: World) -> None:
    world.bot.pieces = ("Our ",)
    world.bot.gate.clear()
    await world.say("my order")
    await world.settle()
    await world.say("has not come")
    await world.settle()

    wording = [signal for signal in world.screen.signals if isinstance(signal, WordingSignal)]
    assert [(signal.text, signal.aborted) for signal in wording][:2] == [("Our ", False), ("", True)]


async def test_a_sure_answer_goes_out_at_once(world: World) -> None:
    await world.say("hello")
    await world.settle()

    assert world.time.now == 100.0


@pytest.mark.parametrize("word", ["clarify", "unknown"])
async def test_before_it_asks_back_or_gives_up_the_bot_waits_for_a_pause(world: World, word: str) -> None:
    await world.say(word)
    await world.settle()

    assert world.screen.texts[-1] == f"re: {word}"
    assert world.time.now == pytest.approx(101.2)


async def test_while_the_visitor_types_nothing_is_answered_but_not_for_ever(world: World) -> None:
    world.bot.gate.clear()
    await world.say("hello")
    world.service.typing(world.key, world.screen, on=True)
    world.bot.gate.set()
    await world.settle()

    assert world.screen.texts[-1] == "re: hello"
    assert world.time.now == pytest.approx(104.0)


async def test_a_chosen_button_is_the_turn_and_only_offered_ones_count(world: World) -> None:
    await world.say("clarify")
    await world.settle()
    with pytest.raises(BadCommand):
        await world.service.submit(world.key, Choose(client_msg_id="c0", entry_id="e9"))

    await world.service.submit(world.key, Choose(client_msg_id="c1", entry_id="e2"))
    await world.settle()

    assert (world.bot.turns[-1].text, world.bot.turns[-1].chosen) == ("Refunds?", "e2")
    assert world.screen.texts[-1] == "re: Refunds?"


async def test_a_rating_is_stored_and_nobody_answers_it(world: World) -> None:
    await world.say("hello")
    await world.settle()
    stored = await world.service.submit(world.key, Rate(client_msg_id="r1", up=False))
    await world.settle()

    assert world.screen.events[-1].seq == stored.seq
    assert world.screen.events[-1].body == Acted(action=Action.FEEDBACK, value="down")
    assert len(world.bot.turns) == 1


async def test_only_a_reply_of_the_very_conversation_can_be_rated(world: World) -> None:
    await world.say("hello")
    await world.settle()
    reply = world.screen.events[-1]
    for about in (b"x" * 16, world.screen.events[-2].id, reply_id(b"another" + bytes(9), 1)):
        with pytest.raises(BadCommand):
            await world.service.submit(world.key, Rate(client_msg_id="r0", up=True, about=about))
    await world.service.submit(world.key, Rate(client_msg_id="r1", up=True, about=reply.id))

    assert world.screen.events[-1].body == Acted(action=Action.FEEDBACK, value="up", about=to_text(reply.id))


async def test_the_bot_is_told_of_the_last_exchanges_also_after_a_restart(world: World) -> None:
    await world.say("first")
    await world.settle()
    await world.service.close()
    again = service_over(world.log, world.bot, world.time)

    await again.submit(world.key, Say(client_msg_id="x", text="second"))
    await world.settle()

    assert [exchange.question for exchange in world.bot.turns[-1].history] == ["first"]
    await again.close()


async def test_a_turn_that_a_dead_process_left_is_answered_exactly_once(world: World) -> None:
    world.bot.gate.clear()
    await world.say("hello")
    await world.settle()
    await world.service.close()
    world.bot.gate.set()

    first, second = (service_over(world.log, world.bot, world.time) for _ in range(2))
    assert await first.recover() == await second.recover() == 1
    await world.settle()

    replies = [event for event in await world.log.events(*world.key) if event.author == "bot"]
    assert [event.body.text for event in replies if isinstance(event.body, Replied)] == ["re: hello"]
    assert await first.recover() == 0
    await first.close()
    await second.close()


async def test_another_process_that_appended_first_is_followed(world: World) -> None:
    await world.say("one")
    await world.settle()
    other = service_over(world.log, world.bot, world.time)
    await other.submit(world.key, Say(client_msg_id="o", text="two"))
    await world.settle()

    seq = await world.say("three")
    await world.settle()

    assert seq == 6
    assert [event.seq for event in await world.log.events(*world.key)] == [1, 2, 3, 4, 5, 6, 7]
    await other.close()


async def test_two_devices_mirror_each_other_but_not_their_own_typing(world: World) -> None:
    phone = Screen()
    await world.service.join(world.key, phone, after=None)
    await world.say("hello")
    await world.settle()
    world.service.typing(world.key, phone, on=True)

    assert phone.events == world.screen.events
    assert world.screen.signals[-1] == TypingSignal(author="visitor", on=True)
    assert phone.signals == []


async def test_of_two_devices_that_were_shown_the_same_the_one_that_leaves_leaves(world: World) -> None:
    twin = Screen(events=list(world.screen.events))
    await world.service.join(world.key, twin, after=None)
    world.service.leave(world.key, twin)
    await world.say("hello")

    assert world.screen.texts[:1] == ["hello"]
    assert twin.texts == []


async def test_a_device_that_comes_back_gets_exactly_what_it_missed(world: World) -> None:
    await world.say("one")
    await world.settle()
    world.service.leave(world.key, world.screen)
    await world.say("two")
    await world.settle()

    missed = await world.service.join(world.key, Screen(), after=3)

    assert missed.recovered
    assert [event.seq for event in missed.events] == [4, 5]
    assert len(world.screen.events) == 2


@pytest.mark.parametrize("after", [None, 1, 99, -1])
async def test_who_missed_too_much_or_claims_too_much_starts_afresh(world: World, after: int | None) -> None:
    for number in range(4):
        await world.say(str(number))
        await world.settle()

    missed = await world.service.join(world.key, Screen(), after=after)

    assert not missed.recovered
    assert [event.seq for event in missed.events] == [7, 8, 9]


async def test_pages_of_history_meet_without_gap_or_overlap(world: World) -> None:
    for number in range(3):
        await world.say(str(number))
        await world.settle()

    newest = await world.service.page(world.key, before=8, limit=3)
    older = await world.service.page(world.key, before=newest[0].seq, limit=9)

    assert [event.seq for event in (*older, *newest)] == [1, 2, 3, 4, 5, 6, 7]


async def test_what_was_understood_is_stored_beside_the_reply_for_nobody_but_agents(world: World) -> None:
    await world.say("hello")
    await world.settle()

    (understood,) = await world.log.events(*world.key, audience=Audience.INTERNAL)
    assert isinstance(understood.body, Understood)
    assert all(event.audience is Audience.PUBLIC for event in world.screen.events)


async def test_the_world_outside_is_told_in_order_and_without_numbers_of_cards(world: World) -> None:
    await world.say("my card is 4111 1111 1111 1111, mail ann@example.com")
    await world.settle()

    messages = await world.log.onward()
    assert [message.kind for message in messages] == [
        "conversation.opened", "message.created", "reply.created", "turn.understood",
    ]  # fmt: skip
    assert b"4111" not in messages[1].body
    assert b"example.com" not in messages[1].body


async def test_for_a_world_that_does_not_listen_nothing_is_kept() -> None:
    log = MemoryLog()
    service = Conversations(log, Hub(), ScriptedBot(), listened=lambda workspace: workspace == "other")
    await service.open(ANN)

    assert await log.onward() == []


async def test_it_is_acknowledged_after_it_was_shown_and_so_is_a_repetition(world: World) -> None:
    told: list[tuple[str, int]] = []

    def acknowledge(stored: Stored) -> None:
        told.append((stored.client_msg_id, len(world.screen.events)))

    spoken = Say(client_msg_id="m1", text="hello")
    first = await world.service.submit(world.key, spoken, acknowledge)
    await world.settle()
    again = await world.service.submit(world.key, spoken, acknowledge)

    assert first == again
    assert told == [("m1", 1), ("m1", 2)]


async def test_a_foreign_workspace_finds_no_conversation(world: World) -> None:
    foreign = ("other", world.key[1])

    with pytest.raises(ConversationNotFound):
        await world.service.submit(foreign, Say(client_msg_id="x", text="hello"))
    with pytest.raises(ConversationNotFound):
        await world.service.join(foreign, Screen(), after=0)


async def test_a_caller_that_goes_away_does_not_undo_what_it_said(world: World) -> None:
    asking = asyncio.create_task(world.say("hello"))
    await asyncio.sleep(0)
    asking.cancel()
    await world.settle()

    assert world.screen.texts == ["hello", "re: hello"]


async def test_many_at_once_in_one_conversation_get_numbers_without_a_gap(world: World) -> None:
    world.bot.gate.clear()
    seqs = await asyncio.gather(*(world.say(str(number)) for number in range(50)))

    assert sorted(seqs) == list(range(2, 52))
    assert [event.seq for event in world.screen.events] == list(range(2, 52))
