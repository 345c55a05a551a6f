"""E30: the server is killed in every state of the handoff and begins anew over the same file; nothing of it is lost."""

import asyncio
from pathlib import Path

import pytest

from server.conversations.commands import AskForPerson, ChooseWait, EndChat, LeaveMessage
from server.handoff.routing import Presence
from server.handoff.states import State
from server.stores.sqlite import SqliteLog
from tests.fakes.desk import Company, agent

PLACES = {
    State.BOT: "the bot",
    State.OFFER: "an offer",
    State.QUEUED: "the queue",
    State.RINGING: "a ring",
    State.ACTIVE: "an agent",
    State.ON_HOLD: "a hold",
    State.TRANSFERRING: "a transfer",
    State.OFFLINE_FORM: "a ticket",
    State.WRAP_UP: "the wrap-up",
    State.CLOSED: "the end",
}


async def company(folder: Path) -> Company:
    log = await SqliteLog.open(folder / "log.db")
    return await Company(agent("ana", 2), agent("ben", 1), log=log, folder=folder).open()


async def reopened(here: Company, folder: Path) -> None:
    """End as a crash does: what is connected is gone, what is on disk is there."""
    await here.service.close()
    await here.index.close()
    await here.log.close()
    here.windows.clear()
    here.screens.clear()
    here.log = await SqliteLog.open(folder / "log.db")
    await here.open()
    await here.settle()


async def brought(here: Company, state: State) -> None:
    """Bring the visitor "ann" into a state."""
    await here.come("ann")
    await here.sign_in("ana", "ben")
    await here.desk.presence(here.who("ben"), Presence.BUSY)
    match state:
        case State.BOT:
            await here.say("ann", "hello")
        case State.OFFER:
            await here.say("ann", "unknown")
            await here.say("ann", "unknown")
        case State.QUEUED:
            await here.desk.presence(here.who("ana"), Presence.BUSY)
            await here.do("ann", AskForPerson(client_msg_id="p"))
        case State.OFFLINE_FORM:
            await here.do("ann", LeaveMessage(client_msg_id="l", email="ann@example.com"))
        case _:
            await here.do("ann", AskForPerson(client_msg_id="p"))
    if state in (State.ACTIVE, State.ON_HOLD, State.TRANSFERRING, State.WRAP_UP, State.CLOSED):
        await here.accept("ana", "ann")
        await here.agent_says("ana", "ann", "hello")
    await then(here, state)
    assert await here.state("ann") is state


async def then(here: Company, state: State) -> None:
    ana, key = here.who("ana"), here.keys["ann"]
    epoch = (await here.head("ann")).epoch
    match state:
        case State.ON_HOLD:
            await here.verbs.hold(ana, key, epoch)
        case State.TRANSFERRING:
            await here.desk.presence(here.who("ben"), Presence.AVAILABLE)
            await here.verbs.transfer(ana, key, epoch, note="knows tents", to_agent="ben")
        case State.WRAP_UP | State.CLOSED:
            await here.do("ann", EndChat(client_msg_id="e"))
        case _:
            pass
    if state is State.CLOSED:
        await here.wait(61)


@pytest.mark.parametrize("state", PLACES, ids=lambda state: state.value)
async def test_e30_where_everybody_comes_back_in_time_nothing_has_happened(state: State, tmp_path: Path) -> None:
    here = await company(tmp_path)
    await brought(here, state)
    before, lines = await here.head("ann"), await here.lines("ann")
    await reopened(here, tmp_path)
    await here.wait(5)
    await here.sign_in("ana", "ben")
    screen = await here.come("ann")

    after = await here.head("ann")
    assert after.handling.state is state
    assert (after.epoch, after.handling.owner, after.seq) == (before.epoch, before.owner, before.seq)
    assert after.handling.enqueued_at == before.handling.enqueued_at
    assert after.handling.offered_to == before.handling.offered_to
    assert await here.lines("ann") == lines == screen.lines
    load = {view.id: view.load for view in here.desk.agents("acme")}
    assert load["ana"] == (1 if state in HOLDS_ANA else 0)
    assert load["ben"] == (1 if state is State.TRANSFERRING else 0)
    await here.close()


HOLDS_ANA = {State.RINGING, State.ACTIVE, State.ON_HOLD, State.TRANSFERRING, State.WRAP_UP}

LATER = {
    State.BOT: ("idle", 1900),
    State.OFFER: ("offer_expired", 65),
    State.QUEUED: ("place_lost", 125),
    State.RINGING: ("ring_missed", 30),
    State.ACTIVE: ("agent_lost", 50),
    State.ON_HOLD: ("agent_lost", 50),
    State.TRANSFERRING: ("agent_lost", 65),
    State.OFFLINE_FORM: ("idle", 605_000),
    State.WRAP_UP: ("wrapped_up", 65),
}


@pytest.mark.parametrize("state", LATER, ids=lambda state: state.value)
async def test_e30_timers_that_were_set_before_fire_after_it(state: State, tmp_path: Path) -> None:
    here = await company(tmp_path)
    await brought(here, state)
    known = len(await here.moves("ann"))
    await reopened(here, tmp_path)
    transition, seconds = LATER[state]
    if state is State.QUEUED:  # somebody is there, so that it is the visitor who is missed
        await here.sign_in("ana", "ben")
        await here.desk.presence(here.who("ana"), Presence.BUSY)
        await here.desk.presence(here.who("ben"), Presence.BUSY)
    await here.wait(seconds)

    assert transition in (await here.moves("ann"))[known:]
    assert await here.state("ann") is not state
    await here.close()


async def test_e30_the_order_of_the_queue_survives(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.sign_in("ana")
    await here.desk.presence(here.who("ana"), Presence.BUSY)
    for number in range(4):
        await here.come(f"v{number}")
        await here.do(f"v{number}", AskForPerson(client_msg_id="p"))
        await here.wait(1)
    await here.do("v0", ChooseWait(client_msg_id="w", value="ask_bot"))
    await reopened(here, tmp_path)
    for number in range(4):
        await here.come(f"v{number}")
    served = []
    await here.sign_in("ana")
    assert here.desk.presence_of(here.who("ana")) is Presence.BUSY  # as it was chosen before
    await here.desk.presence(here.who("ana"), Presence.AVAILABLE)
    for _ in range(4):
        await here.settle()
        ringing = [name for name in here.keys if (await here.handling(name)).offered_to == "ana"]
        for name in ringing:
            served.append(name)
            await here.accept("ana", name)
            await here.verbs.close(here.who("ana"), here.keys[name], (await here.head(name)).epoch)
            await here.verbs.finish_wrap_up(here.who("ana"), here.keys[name], (await here.head(name)).epoch)

    assert sorted(served[:2]) == ["v0", "v1"]
    assert served == ["v0", "v1", "v2", "v3"]
    await here.close()


async def test_e30_a_reply_that_was_not_given_is_given_by_the_next_process(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.sign_in("ana")
    await here.come("ann")
    here.bot.gate.clear()
    await here.say("ann", "handoff:complaint")
    await reopened(here, tmp_path)
    here.bot.gate.set()
    await here.settle()

    assert (await here.moves("ann"))[0] == "asked"
    await here.close()


async def test_an_agents_last_place_is_given_away_once_while_the_disk_is_still_busy(tmp_path: Path) -> None:
    here = await company(tmp_path)
    await here.sign_in("ben")
    for name in ("ann", "bob", "cat"):
        await here.come(name)
    epochs = [(await here.head(name)).epoch for name in ("ann", "bob", "cat")]
    results = await asyncio.gather(
        *(
            here.verbs.take_over(here.who("ben"), here.keys[name], epoch)
            for name, epoch in zip(("ann", "bob", "cat"), epochs, strict=True)
        ),
        return_exceptions=True,
    )

    assert [type(result).__name__ for result in results].count("NotAllowed") == 2
    assert next(view.load for view in here.desk.agents("acme") if view.id == "ben") == 1
    await here.close()
