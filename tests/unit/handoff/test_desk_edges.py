"""The edge cases of the handoff, each by its number, over the whole desk in memory. Real sockets: tests/e2e."""

import asyncio
from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from server.conversations.commands import (
    AnswerOffer,
    AskForPerson,
    CancelPerson,
    ChooseWait,
    EndChat,
    LeaveMessage,
    RateChat,
    Say,
)
from server.conversations.missed import missed_by_agent
from server.errors import AlreadyTaken, BadCommand, ConversationNotFound, IdReused, LogUnavailable, NotAllowed, Outdated
from server.handoff.routing import Presence
from server.handoff.staff import Department, Role
from server.handoff.states import WITH_AGENT, Moved, State
from server.stores.memory import MemoryLog
from server.stores.protocols import Append
from tests.fakes.desk import MONDAY_9, Company, Screen, agent

HOUR = 3600


async def company(*agents: object, **more: object) -> Company:
    return await Company(*agents, **more).open()  # type: ignore[arg-type]


async def asked(here: Company, visitor: str = "ann") -> Screen:
    screen = await here.come(visitor)
    await here.do(visitor, AskForPerson(client_msg_id=here.next_id()))
    return screen


async def checked(here: Company) -> None:
    """Hold the promises that hold always: owners, fences, order, one record a transition."""
    for visitor in here.keys:
        owner, epochs = "bot", set()
        for event in await here.events(visitor):
            if isinstance(event.body, Moved):
                owner = event.body.handling.owner
                assert event.epoch == event.body.handling.epoch
                if owner.startswith("agent:"):
                    epochs.add(event.epoch)
            elif event.author == "bot":
                assert event.epoch not in epochs, "the bot spoke in an agent's epoch"
        assert owner == (await here.head(visitor)).owner
    await here.close()


# -- the visitor comes and goes


async def test_e1_who_drops_out_of_the_queue_and_is_back_in_time_keeps_the_place() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await asked(here, "ann")
    await asked(here, "cat")
    place = (await here.handling("ann")).enqueued_at
    await here.go("ann")
    await here.wait(90)
    screen = await here.come("ann")
    await here.wait(60)

    assert await here.state("ann") is State.QUEUED
    assert (await here.handling("ann")).enqueued_at == place
    assert "* queued" in screen.lines
    await checked(here)


async def test_e2_who_comes_back_too_late_has_lost_the_place_and_is_told_so() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await asked(here)
    await here.go("ann")
    await here.wait(130)
    screen = await here.come("ann")

    assert await here.state("ann") is State.BOT
    assert screen.lines[-1] == "* place_lost"
    assert [choice.value for choice in screen.events[-1].body.choices] == ["human"]  # type: ignore[union-attr]
    await here.do("ann", AskForPerson(client_msg_id="again"))
    assert await here.state("ann") is State.QUEUED
    await checked(here)


async def test_e3_a_ring_goes_on_while_the_visitor_is_away() -> None:
    here = await company(agent("ana"))
    window = await here.sign_in("ana")
    await asked(here)
    await here.go("ann")
    assert await here.state("ann") is State.RINGING
    assert next(iter(window.cases.values())).visitor_presence != "online"
    await here.accept("ana", "ann")
    await here.agent_says("ana", "ann", "Hello?")

    assert (await here.lines("ann"))[-2:] == ["* joined", "agent:ana: Hello?"]
    screen = await here.come("ann")
    assert screen.lines[-1] == "agent:ana: Hello?"
    assert not (await here.handling("ann")).visitor_gone_at
    await checked(here)


async def test_a_visitor_who_left_before_a_person_was_wanted_is_known_to_be_gone() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await here.come("ann")
    here.bot.gate.clear()
    await here.say("ann", "handoff:complaint")
    await here.go("ann")
    here.bot.gate.set()
    await here.settle()

    assert await here.state("ann") is State.QUEUED
    assert (await here.handling("ann")).visitor_gone_at
    await here.wait(125)
    assert await here.state("ann") is State.BOT
    await checked(here)


# -- agents come and go


async def test_e4_the_chats_of_an_agent_who_is_lost_go_to_the_front_and_are_spread() -> None:
    here = await company(agent("ana", 5), agent("ben", 3), agent("cyd", 3))
    await here.sign_in("ana")
    for number in range(5):
        await here.served(f"v{number}", "ana")
    await here.sign_in("ben", "cyd")
    await here.drop("ana")
    await here.wait(44)
    assert {await here.state(f"v{number}") for number in range(5)} == {State.ACTIVE}
    await here.wait(3)

    handlings = [await here.handling(f"v{number}") for number in range(5)]
    assert {each.state for each in handlings} == {State.RINGING}
    assert sorted(each.offered_to for each in handlings).count("ben") in (2, 3)
    for number, each in enumerate(handlings):
        await here.accept(each.offered_to, f"v{number}")
        lines = await here.lines(f"v{number}")
        assert lines.count("* lost_agent") == 1
        assert lines.count("* joined") == 2
    await checked(here)


async def test_e5_an_agent_who_returns_in_time_was_never_gone() -> None:
    here = await company(agent("ana"), agent("ben"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    before = await here.lines("ann")
    await here.sign_in("ben")
    await here.drop("ana")
    await here.wait(40)
    await here.sign_in("ana")
    await here.wait(30)

    assert await here.lines("ann") == before
    assert (await here.handling("ann")).agent == "ana"
    await checked(here)


async def test_e6_an_agent_with_two_windows_is_there_until_the_second_closes() -> None:
    here = await company(agent("ana"))
    first, second = await here.sign_in("ana"), await here.sign_in("ana")
    await here.served("ann", "ana")
    assert first.cases == second.cases
    here.windows["ana"].remove(first)
    await here.desk.disconnected(here.who("ana"), first)
    await here.wait(60)

    assert (await here.handling("ann")).agent == "ana"
    assert here.desk.presence_of(here.who("ana")) is Presence.AVAILABLE
    await here.desk.read(here.who("ana"), here.keys["ann"], Screen(), 3)
    assert (await here.desk.case(here.who("ana"), here.keys["ann"])).read_seq == 3
    await checked(here)


# -- races


async def test_e7_of_two_agents_who_accept_at_once_one_wins_and_the_other_is_told_who() -> None:
    here = await company(agent("ana"), agent("ben"))
    await here.sign_in("ana")
    await asked(here)
    await here.sign_in("ben")
    epoch = (await here.head("ann")).epoch
    results = await asyncio.gather(
        here.verbs.accept(here.who("ana"), here.keys["ann"], epoch, "a1"),
        here.verbs.take_over(here.who("ben"), here.keys["ann"], epoch, "b1"),
        return_exceptions=True,
    )
    await here.settle()

    refused = [result for result in results if isinstance(result, AlreadyTaken)]
    assert len(refused) == 1
    assert (refused[0].by, refused[0].name) == ("ana", "Ana")
    assert (await here.lines("ann")).count("* joined") == 1
    await checked(here)


async def test_an_accept_that_is_sent_again_has_the_same_answer() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await asked(here)
    epoch = (await here.head("ann")).epoch
    first = await here.verbs.accept(here.who("ana"), here.keys["ann"], epoch, "a1")
    again = await here.verbs.accept(here.who("ana"), here.keys["ann"], epoch, "a1")

    assert again.head.epoch == first.head.epoch
    assert (await here.moves("ann")).count("accepted") == 1
    await checked(here)


@pytest.mark.parametrize("first", ["accept", "cancel"])
async def test_e8_of_accept_and_cancel_at_once_the_first_counts(first: str) -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await asked(here)
    epoch = (await here.head("ann")).epoch
    accept = here.verbs.accept(here.who("ana"), here.keys["ann"], epoch)
    cancel = here.service.submit(here.keys["ann"], CancelPerson(client_msg_id="c1"))
    works = [accept, cancel] if first == "accept" else [cancel, accept]
    results = await asyncio.gather(*works, return_exceptions=True)
    await here.settle()

    if first == "accept":
        assert await here.state("ann") is State.ACTIVE
    else:
        assert isinstance(results[1], Outdated)
        assert await here.state("ann") is State.BOT
    await checked(here)


async def test_e9_an_accept_after_the_ring_is_over_is_refused() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await asked(here)
    epoch = (await here.head("ann")).epoch
    await here.wait(26)

    with pytest.raises(Outdated):
        await here.verbs.accept(here.who("ana"), here.keys["ann"], epoch)
    assert (await here.moves("ann"))[-1] == "ring_missed"
    await checked(here)


async def test_two_conversations_never_take_the_same_place() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await asyncio.gather(*(here.come(f"v{number}") for number in range(6)))
    await asyncio.gather(
        *(here.service.submit(here.keys[f"v{n}"], AskForPerson(client_msg_id=f"p{n}")) for n in range(6))
    )
    await here.settle()

    states = [await here.state(f"v{number}") for number in range(6)]
    assert states.count(State.RINGING) == 1
    assert states.count(State.QUEUED) == 5
    await checked(here)


class FullDisk(MemoryLog):
    """Stores nothing while it is full."""

    full = False

    async def append(self, append: Append) -> None:
        if self.full:
            raise LogUnavailable("the disk is full.")
        await super().append(append)


async def test_a_place_that_was_reserved_for_what_could_not_be_stored_is_free_again() -> None:
    log = FullDisk()
    here = await company(agent("ana", 1), log=log)
    await here.sign_in("ana")
    await here.come("ann")
    log.full = True
    with pytest.raises(LogUnavailable):
        await here.verbs.take_over(here.who("ana"), here.keys["ann"], 1)
    assert here.desk.agents("acme")[0].load == 0
    log.full = False
    await here.verbs.take_over(here.who("ana"), here.keys["ann"], 1)

    assert here.desk.agents("acme")[0].load == 1
    await checked(here)


async def test_timers_that_could_not_be_stored_fire_when_the_disk_has_room_again() -> None:
    log = FullDisk()
    here = await company(agent("ana"), log=log)
    await here.sign_in("ana")
    await asked(here)
    log.full = True
    await here.wait(30)
    assert await here.state("ann") is State.RINGING
    log.full = False
    await here.wait(30)

    assert "ring_missed" in await here.moves("ann")
    await checked(here)


async def test_an_agent_who_was_lost_while_the_disk_was_full_is_missed_afterwards() -> None:
    log = FullDisk()
    here = await company(agent("ana"), log=log)
    await here.sign_in("ana")
    await here.served("ann", "ana")
    log.full = True
    await here.drop("ana")
    await here.wait(5)
    log.full = False
    await here.wait(2)
    await here.wait(60)

    assert "agent_lost" in await here.moves("ann")
    await checked(here)


# -- messages


async def test_e10_a_message_of_an_agent_that_is_sent_again_is_stored_once() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    ana, key = here.who("ana"), here.keys["ann"]
    first = await here.desk.say(ana, key, "m1", "hi")
    again = await here.desk.say(ana, key, "m1", "hi")
    await here.restart()
    late = await here.desk.say(ana, key, "m1", "hi")

    assert [each.events[0].seq for each in (again, late)] == [first.events[0].seq] * 2
    assert (await here.lines("ann")).count("agent:ana: hi") == 1
    await checked(here)


async def test_e11_an_id_that_comes_with_another_text_is_refused() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    await here.desk.say(here.who("ana"), here.keys["ann"], "m1", "hi")

    with pytest.raises(IdReused):
        await here.desk.say(here.who("ana"), here.keys["ann"], "m1", "ho")
    await checked(here)


@pytest.mark.parametrize("why", ["person", "take over", "message"])
async def test_e14_an_answer_in_flight_is_never_seen_once_it_is_void(why: str) -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.come("ann")
    here.bot.gate.clear()
    await here.say("ann", "where is my order")
    match why:
        case "person":
            await here.do("ann", AskForPerson(client_msg_id="p1"))
        case "take over":
            await here.verbs.take_over(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch)
        case _:
            await here.say("ann", "I mean the tent")
    here.bot.gate.set()
    await here.settle()

    assert "bot: re: where is my order" not in screen.lines
    assert ("bot: re: I mean the tent" in screen.lines) == (why == "message")
    await checked(here)


async def test_a_question_that_was_asked_before_a_button_is_still_answered() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.come("ann")
    await here.say("ann", "unknown")
    await here.say("ann", "unknown")
    assert await here.state("ann") is State.OFFER
    here.bot.gate.clear()
    await here.say("ann", "returns")
    await here.do("ann", AnswerOffer(client_msg_id="o1", yes=False))
    here.bot.gate.set()
    await here.settle()

    assert screen.lines[-2:] == ["* offer_declined", "bot: re: returns"]
    await checked(here)


# -- hours, staff, departments

WEEK = (((540, 1080),),) * 5 + ((), ())


def support(**more: object) -> Department:
    return Department(id="general", workspace="acme", name_zh="客服", name_en="Support", **more)  # type: ignore[arg-type]


async def test_e17_hours_that_end_close_the_queue_but_no_chat() -> None:
    here = await company(agent("ana", 1), departments=(support(hours=WEEK, timers={"queue_max": 7200, "nudge": 9999}),))
    here.clock.at = MONDAY_9 + int(8.9 * HOUR) * 1000
    await here.sign_in("ana")
    await here.served("bob", "ana")
    screen = await asked(here, "ann")
    assert await here.state("ann") is State.QUEUED
    await here.wait(0.2 * HOUR)

    assert await here.state("ann") is State.OFFLINE_FORM
    assert screen.lines[-1] == "* offline_now"
    assert screen.events[-1].body.values["opens_at"] == "tomorrow 09:00"  # type: ignore[union-attr]
    assert await here.state("bob") is State.ACTIVE
    await checked(here)


async def test_e18_a_holiday_is_closed_and_the_text_says_when_somebody_is_back() -> None:
    today = datetime.fromtimestamp(MONDAY_9 / 1000, UTC).date()
    assert today == date(2026, 3, 2)
    here = await company(agent("ana"), departments=(support(hours=WEEK, holidays=(today,)),))
    await here.sign_in("ana")
    screen = await here.come("ann", "zh-CN")
    await here.do("ann", AskForPerson(client_msg_id="p1"))

    assert await here.state("ann") is State.OFFLINE_FORM
    assert "明天 09:00" in screen.events[-1].body.text  # type: ignore[union-attr]
    await checked(here)


async def test_a_ticket_is_offered_to_the_team_when_it_is_back() -> None:
    here = await company(agent("ana"), departments=(support(hours=WEEK),))
    here.clock.at = MONDAY_9 - HOUR * 1000
    await here.sign_in("ana")
    screen = await asked(here)
    assert screen.lines == ["* offline"]
    await here.wait(HOUR + 5)

    assert await here.state("ann") is State.RINGING
    assert screen.lines == ["* offline", "* team_back"]
    await checked(here)


async def test_e19_a_department_that_is_switched_off_passes_its_queue_on() -> None:
    billing = Department(id="billing", workspace="acme", name_zh="账务", name_en="Billing", fallback="general")
    here = await company(agent("ana", 1, "general", "billing"), agent("ben", 1), departments=(billing,))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await asked(here)
    here.staff.put(support(enabled=False, fallback="billing"))
    await here.settle()
    assert (await here.handling("ann")).department == "billing"
    here.staff.put(replace(billing, enabled=False, fallback=""))
    await here.settle()

    assert await here.state("ann") is State.OFFLINE_FORM
    await checked(here)


async def test_e20_an_agent_who_is_away_keeps_chats_and_gets_no_new_ones() -> None:
    here = await company(agent("ana", 3), agent("ben", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await here.sign_in("ben")
    await here.desk.presence(here.who("ana"), Presence.AWAY)
    await here.settle()
    await asked(here)

    assert (await here.handling("ann")).offered_to == "ben"
    assert (await here.handling("bob")).agent == "ana"
    await checked(here)


async def test_e21_a_capacity_below_the_load_takes_nothing_away() -> None:
    here = await company(agent("ana", 3))
    await here.sign_in("ana")
    await here.served("v1", "ana")
    await here.served("v2", "ana")
    here.change("ana", capacity=1)
    await here.settle()
    await asked(here)

    assert await here.state("ann") is State.QUEUED
    assert {(await here.handling(name)).agent for name in ("v1", "v2")} == {"ana"}
    await checked(here)


async def test_e22_a_transfer_comes_back_when_its_target_signs_off() -> None:
    here = await company(agent("ana"), agent("ben"))
    window = await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    await here.sign_in("ben")
    await here.verbs.transfer(
        here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch, note="knows tents", to_agent="ben"
    )
    await here.settle()
    assert await here.state("ann") is State.TRANSFERRING
    await here.drop("ben")
    await here.wait(50)

    assert (await here.handling("ann")).agent == "ana"
    assert await here.state("ann") is State.ACTIVE
    assert screen.lines[-1] == "* still_with"
    assert "transfer_back" in window.words
    await checked(here)


async def test_e23_a_chat_that_goes_round_is_noticed() -> None:
    here = await company(agent("ana"), agent("ben"), agent("sue", role=Role.SUPERVISOR))
    ana, sue = await here.sign_in("ana"), await here.sign_in("sue")
    ben = await here.sign_in("ben")
    await here.desk.presence(here.who("sue"), Presence.BUSY)
    await here.desk.presence(here.who("ben"), Presence.BUSY)
    await here.settle()
    await here.served("ann", "ana")
    await here.desk.presence(here.who("ben"), Presence.AVAILABLE)
    for giver, taker in (("ana", "ben"), ("ben", "ana"), ("ana", "ben")):
        key = here.keys["ann"]
        await here.verbs.transfer(here.who(giver), key, (await here.head("ann")).epoch, note="please", to_agent=taker)
        await here.verbs.accept_transfer(here.who(taker), key, (await here.head("ann")).epoch)
        await here.settle()

    assert "goes_round" in ben.words
    assert "goes_round" in sue.words
    assert "asked_to_take" in ana.words
    await checked(here)


async def test_e24_the_chats_of_a_disabled_agent_go_back_to_the_front() -> None:
    here = await company(agent("ana"), agent("ben", 1))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    await here.sign_in("ben")
    await asked(here, "other")
    here.change("ana", disabled=True)
    await here.settle()

    handling = await here.handling("ann")
    assert (handling.agent, handling.front) == ("", True)
    assert (await here.moves("ann"))[-2:] in (["agent_removed", "rang"], ["accepted", "agent_removed"])
    await checked(here)


# -- endings


async def test_e25_a_message_at_the_very_close_is_kept_and_opens_the_chat_anew() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    epoch = (await here.head("ann")).epoch
    await asyncio.gather(
        here.verbs.close(here.who("ana"), here.keys["ann"], epoch, "done"),
        here.service.submit(here.keys["ann"], Say(client_msg_id="last", text="one more thing")),
    )
    await here.settle()

    handling = await here.handling("ann")
    assert "visitor: one more thing" in screen.lines
    assert handling.state in {*WITH_AGENT, State.RINGING}
    assert handling.episode == 2
    assert screen.lines[-2:] == ["visitor: one more thing", "* reconnecting"]
    await checked(here)


async def test_e26_a_message_within_the_window_reaches_the_former_agent_and_one_after_it_the_bot() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    await here.verbs.close(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch, "done", ["order"])
    await here.wait(70)
    assert await here.state("ann") is State.CLOSED
    await here.say("ann", "again")
    assert (await here.handling("ann")).offered_to == "ana"
    await here.accept("ana", "ann")
    await here.verbs.close(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch)
    await here.wait(1900)
    await here.say("ann", "weeks later")

    assert screen.lines[-1] == "bot: re: weeks later"
    handling = await here.handling("ann")
    assert (handling.state, handling.episode, handling.tags) == (State.BOT, 3, ())
    assert here.bot.turns[-1].history == ()
    episodes = await here.log.cases.episodes(*here.keys["ann"])
    assert [(each.number, each.agent, each.resolution, each.tags) for each in episodes[:2]] == [
        (1, "ana", "done", ("order",)), (2, "ana", "resolved", ()),
    ]  # fmt: skip
    await checked(here)


async def test_e27_two_devices_of_a_visitor_show_the_same() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    phone = await here.come("ann")
    laptop = await here.come("ann")
    await here.do("ann", AskForPerson(client_msg_id="p1"))
    await here.accept("ana", "ann")
    await here.agent_says("ana", "ann", "hi")
    here.service.leave(here.keys["ann"], laptop)
    await here.wait(40)

    assert phone.lines == laptop.lines
    assert not (await here.handling("ann")).visitor_gone_at
    await checked(here)


async def test_e28_two_concurrent_starts_make_one_conversation() -> None:
    here = await company()
    await asyncio.gather(*(here.come("ann") for _ in range(5)))

    assert (await here.log.conversations("acme")).total == 1
    await checked(here)


async def test_e31_a_clock_that_is_set_back_neither_orders_events_nor_stops_timers() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await asked(here)
    here.clock.at -= 10 * HOUR * 1000
    await here.accept("ana", "ann")
    await here.say("ann", "hi")
    await here.agent_says("ana", "ann", "hello")

    events = await here.events("ann")
    assert [event.at for event in events] == sorted(event.at for event in events)
    await here.wait(11 * HOUR)
    assert await here.state("ann") is State.CLOSED
    await checked(here)


async def test_e32_where_no_agent_ever_signed_in_there_is_no_queue() -> None:
    here = await company()
    screen = await asked(here)

    assert screen.lines == ["* offline"]
    assert await here.state("ann") is State.OFFLINE_FORM
    await here.say("ann", "opening hours")
    assert screen.lines[-1] == "bot: re: opening hours"
    assert await here.moves("ann") == ["asked"]
    await checked(here)


async def test_e33_a_ring_that_nobody_takes_stays_in_the_queue_and_the_supervisor_knows() -> None:
    here = await company(agent("ana"), agent("sue", role=Role.SUPERVISOR))
    await here.sign_in("ana")
    sue = await here.sign_in("sue")
    screen = await asked(here)
    for _ in range(2):
        offered = (await here.handling("ann")).offered_to
        await here.verbs.decline(here.who(offered), here.keys["ann"], (await here.head("ann")).epoch)
        await here.settle()

    assert await here.state("ann") is State.QUEUED
    assert "nobody_takes_it" in sue.words
    await here.wait(305)
    assert "* all_busy" in screen.lines
    await checked(here)


async def test_e34_a_visitor_who_is_blocked_frees_the_place() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await asked(here, "spam")
    await asked(here, "ann")
    sup = agent("sue", role=Role.SUPERVISOR)
    here.staff.put(sup)
    await here.settle()
    await here.verbs.block(here.who("sue"), here.keys["spam"], (await here.head("spam")).epoch)
    await here.settle()

    assert await here.state("spam") is State.CLOSED
    assert (await here.handling("ann")).offered_to == "ana"
    await checked(here)


async def test_e35_what_happened_waits_for_who_is_told_outside_in_order() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    await here.verbs.close(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch)
    await here.wait(61)

    kinds = [each.kind for each in await here.log.onward(limit=1000)]
    assert [kind for kind in kinds if kind != "conversation.moved"] == [
        "conversation.opened", "button.pressed", "handoff.requested", "message.created", "conversation.closed",
    ]  # fmt: skip
    await checked(here)


# -- offers, waiting, tickets, ratings


async def test_an_offer_that_was_declined_is_not_made_again_for_three_turns() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.come("ann")
    await here.say("ann", "unknown")
    await here.say("ann", "unknown")
    await here.do("ann", AnswerOffer(client_msg_id="o1", yes=False))
    for _ in range(3):
        await here.say("ann", "unknown")
    assert screen.lines.count("* offer") == 1
    await here.say("ann", "unknown")
    assert screen.lines.count("* offer") == 2
    await checked(here)


async def test_a_wish_in_words_goes_to_the_queue_at_once_and_the_reply_leaves_the_word_to_the_system() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.come("ann", "")
    here.bot.language = "zh"
    await here.say("ann", "handoff:customer_request")

    assert screen.lines == ["visitor: handoff:customer_request", "* queued"]
    assert "正在为您转接" in screen.events[-1].body.text  # type: ignore[union-attr]
    await checked(here)


async def test_the_bot_answers_who_asks_it_while_waiting_and_the_place_stays() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    screen = await asked(here)
    await here.say("ann", "not for the bot")
    assert here.bot.turns == []
    await here.do("ann", ChooseWait(client_msg_id="w1", value="ask_bot"))
    await here.say("ann", "opening hours")

    assert screen.lines[-1] == "bot: re: opening hours"
    assert await here.state("ann") is State.QUEUED
    await here.verbs.close(here.who("ana"), here.keys["bob"], (await here.head("bob")).epoch)
    await here.wait(61)
    assert (await here.handling("ann")).offered_to == "ana"
    await here.accept("ana", "ann")
    await here.say("ann", "hello Ana")
    assert screen.lines[-1] == "visitor: hello Ana"
    await checked(here)


async def test_what_was_said_to_an_agent_is_not_answered_when_the_bot_is_back() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    await here.say("ann", "my number is 5")
    await here.verbs.return_to_bot(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch, "settled")
    await here.settle()
    assert screen.lines[-1] == "* back_with_bot"
    assert not (await here.head("ann")).waits_for_bot
    assert here.bot.turns == []
    await here.say("ann", "opening hours")

    assert screen.lines[-1] == "bot: re: opening hours"
    assert here.bot.turns[-1].text == "opening hours"
    assert not (await here.head("ann")).waits_for_bot
    await checked(here)


async def test_a_ticket_carries_the_address_and_is_taken_by_an_agent_later() -> None:
    here = await company(agent("ana"))
    screen = await asked(here)
    await here.do("ann", LeaveMessage(client_msg_id="l1", email="ann@example.com", text="the zip broke"))
    assert screen.lines == ["* offline", "* message_left"]
    await here.go("ann")
    await here.sign_in("ana")
    found = await here.desk.case(here.who("ana"), here.keys["ann"])
    assert (found.state, found.email) == ("offline_form", "ann@example.com")
    await here.accept("ana", "ann")
    await here.agent_says("ana", "ann", "we send a new one")

    assert (await here.handling("ann")).agent == "ana"
    await checked(here)


async def test_a_chat_is_rated_once_it_ended_and_not_before() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    with pytest.raises(BadCommand):
        await here.do("ann", RateChat(client_msg_id="r0", stars=5))
    await here.do("ann", EndChat(client_msg_id="e1"))
    assert await here.state("ann") is State.WRAP_UP
    await here.do("ann", RateChat(client_msg_id="r1", stars=4, comment="quick"))
    await here.wait(61)

    assert [each.rating for each in await here.log.cases.episodes(*here.keys["ann"])] == [4]
    assert "chat.rated" in [each.kind for each in await here.log.onward(limit=100)]
    await checked(here)


async def test_two_failures_of_the_bot_in_a_row_bring_a_person() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.come("ann")
    await here.say("ann", "fail")
    assert screen.lines == ["visitor: fail", "* bot_failed"]
    await here.say("ann", "fail")

    assert screen.lines[-1] == "* queued"
    assert (await here.handling("ann")).reason == "tool_failure"
    await checked(here)


async def test_who_misses_two_rings_is_set_to_away() -> None:
    here = await company(agent("ana"))
    window = await here.sign_in("ana")
    await asked(here, "ann")
    await here.wait(26)
    await here.do("ann", CancelPerson(client_msg_id="c1"))
    await here.do("ann", AskForPerson(client_msg_id="p2"))
    await here.wait(26)

    assert "set_away" in window.words
    assert here.desk.presence_of(here.who("ana")) is Presence.AWAY
    assert window.agents["ana"].presence == "away"
    await checked(here)


async def test_a_slow_agent_is_warned_and_then_replaced() -> None:
    here = await company(agent("ana"), agent("ben"))
    window = await here.sign_in("ana")
    screen = await asked(here)
    await here.accept("ana", "ann")
    await here.sign_in("ben")
    await here.wait(95)
    assert "first_reply_due" in window.words
    await here.wait(60)

    assert "* finding_other" in screen.lines
    assert (await here.handling("ann")).offered_to == "ben"
    await checked(here)


async def test_a_hold_ends_with_the_visitors_next_word() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    await here.verbs.hold(here.who("ana"), here.keys["ann"], (await here.head("ann")).epoch)
    assert await here.state("ann") is State.ON_HOLD
    await here.say("ann", "and?")

    assert await here.state("ann") is State.ACTIVE
    assert screen.lines[-2:] == ["* hold", "visitor: and?"]
    await checked(here)


async def test_positions_are_told_when_they_change_but_not_too_often() -> None:
    here = await company(agent("ana", 1))
    await here.sign_in("ana")
    await here.served("bob", "ana")
    await asked(here, "v1")
    screen = await asked(here, "v2")
    assert screen.events[-1].body.values["position"] == "2"  # type: ignore[union-attr]
    await here.do("v1", CancelPerson(client_msg_id="c1"))
    assert screen.lines == ["* queued"]
    await here.wait(16)

    assert screen.lines == ["* queued", "* position"]
    assert screen.events[-1].body.values["position"] == "1"  # type: ignore[union-attr]
    await checked(here)


# -- who may


async def test_others_are_told_that_it_is_not_theirs() -> None:
    here = await company(agent("ana"), agent("ben"), agent("out", 2, "elsewhere"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    await here.sign_in("ben", "out")
    key, epoch = here.keys["ann"], (await here.head("ann")).epoch

    with pytest.raises(NotAllowed):
        await here.desk.say(here.who("ben"), key, "m1", "hi")
    with pytest.raises(NotAllowed):
        await here.verbs.close(here.who("ben"), key, epoch)
    with pytest.raises(ConversationNotFound):
        await here.desk.note(here.who("out"), key, "n1", "hi")
    with pytest.raises(ConversationNotFound):
        await here.desk.case(here.who("out"), key)
    with pytest.raises(NotAllowed):
        await here.desk.presence(here.who("ben"), Presence.AWAY, of="ana")
    await checked(here)


async def test_a_note_calls_colleagues_and_visitors_never_see_it() -> None:
    here = await company(agent("ana"), agent("ben"))
    await here.sign_in("ana")
    screen = await here.served("ann", "ana")
    ben = await here.sign_in("ben")
    await here.desk.note(here.who("ana"), here.keys["ann"], "n1", "who knows tents?", ["ben", "nobody"])
    await here.settle()

    assert "mentioned" in ben.words
    assert all(event.kind != "noted" for event in screen.events)
    watching = Screen()
    missed = await here.service.watch(here.keys["ann"], watching, after=None)
    assert [event.kind for event in missed.events][-2:] == ["spoke", "noted"]
    await checked(here)


async def test_an_agents_words_reach_all_windows_that_follow_in_order() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    watching = Screen()
    missed = await here.service.watch(here.keys["ann"], watching, after=(0, 0))
    await here.say("ann", "hello")
    await here.desk.note(here.who("ana"), here.keys["ann"], "n1", "nice")
    await here.agent_says("ana", "ann", "hi")

    assert missed.recovered
    assert [event.place for event in watching.events] == sorted(event.place for event in watching.events)
    assert [event.kind for event in watching.events] == ["spoke", "noted", "spoke"]
    head = await here.head("ann")
    again = await here.service.watch(here.keys["ann"], Screen(), after=(head.seq - 1, head.internal_seq - 1))
    assert [event.kind for event in again.events] == ["noted", "spoke"]
    newest = await missed_by_agent(here.log, head, None, most=9, newest=2)
    assert [event.kind for event in newest.events] == ["spoke", "noted", "spoke"]
    await checked(here)


async def test_drafts_are_kept_until_they_are_sent() -> None:
    here = await company(agent("ana"))
    await here.sign_in("ana")
    await here.served("ann", "ana")
    ana, key = here.who("ana"), here.keys["ann"]
    await here.desk.draft(ana, key, "Dear Ann, I am")
    await here.restart()
    assert here.desk.draft_of(ana, key) == "Dear Ann, I am"
    await here.sign_in("ana")
    await here.agent_says("ana", "ann", "Dear Ann, I am sorry")

    assert here.desk.draft_of(ana, key) == ""
    await checked(here)
