"""Who is erased is gone from every open page, too, and an erasure that was done is never told as a failure."""

import asyncio
import json

import pytest

from server.console.parts import STAFF
from server.conversations.commands import Say, Visitor
from server.conversations.events import Audience
from server.conversations.hub import Hub
from server.conversations.missed import missed_by_agent, missed_by_visitor
from server.conversations.service import Conversations
from server.errors import LogUnavailable
from server.handoff.staff import Department
from server.ids import from_text
from server.parts import CONVERSATIONS, LOG
from server.stores.memory import MemoryLog
from tests.fakes.api import MINE, publish_shop
from tests.fakes.bot import ScriptedBot
from tests.fakes.console_house import active, open_console, visitor


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_console(published, tmp_path / "home") as house:
        yield house


async def erase(house, conversation):
    head = await house.app[LOG].head(MINE, from_text(conversation))
    return await house.app[CONVERSATIONS].erase(MINE, head.visitor)


async def said(ann, desk, text="my order is Grimhildr"):
    await ann.send(type="say", client_msg_id="m1", text=text)
    await desk.until("event", text=text)


# -- open pages


async def test_every_tab_of_the_agent_is_told_to_forget_and_gets_what_is_left(house):
    browser, desk, ann, conversation = await active(house)
    other = await browser.desk()  # does not follow it, but shows its row
    await said(ann, desk)
    assert await erase(house, conversation)
    for tab in (desk, other):
        await tab.until("erased", conversation=conversation)
        assert (await tab.until("case"))["case"]["last_text"] == ""
    await desk.send(type="follow", conversation=conversation, last_seq=0, last_internal=0)
    left = await desk.until("following")
    assert "Grimhildr" not in json.dumps(left)
    assert any(event.get("erased") for event in left["events"])


async def test_colleagues_who_may_not_see_the_conversation_hear_nothing(house):
    _, desk, ann, conversation = await active(house)
    billing = Department(id="billing", workspace=MINE, name_zh="账单", name_en="Billing")
    house.app[STAFF].accounts.put_department(billing, actor="command", new=True)
    await house.add("eve", departments=("billing",))
    eve = await (await house.browser("eve")).desk()
    await said(ann, desk)
    await erase(house, conversation)
    await desk.until("erased")
    await eve.send(type="ping")
    await eve.until("pong")
    assert conversation not in json.dumps(eve.frames)


async def test_an_agent_who_was_away_does_not_keep_what_was_erased_meanwhile(house):
    browser, desk, ann, conversation = await active(house)
    await said(ann, desk)
    held = {"conversation": conversation, "last_seq": desk.frames[-1]["seq"], "last_internal": 2}
    await desk.close()
    await erase(house, conversation)
    back = await browser.desk(held)
    assert back.frames[0]["following"][0]["recovered"] is False
    assert "Grimhildr" not in json.dumps(back.frames)


async def test_the_visitors_own_tabs_come_back_to_what_is_left(house):
    ann, conversation = await visitor(house)
    welcome = ann.frames[0]
    await ann.send(type="say", client_msg_id="m1", text="my order is Grimhildr")
    seq = (await ann.until("ack"))["seq"]
    closing = asyncio.create_task(ann.closed())
    await erase(house, conversation)
    assert await closing == 3004
    resume = {"conversation": conversation, "last_seq": seq}
    again, _ = await visitor(house, token=welcome["token"], key="", resume=resume)
    assert again.frames[0]["recovered"] is False
    assert "Grimhildr" not in json.dumps(again.frames[0])


async def test_what_is_said_after_an_erasure_is_resumed_as_ever():
    log = MemoryLog()
    service = Conversations(log, Hub(), ScriptedBot())
    head = await service.open(Visitor(workspace=MINE, id="ann", kb="shop"))
    key = (MINE, head.conversation)
    await service.submit(key, Say(client_msg_id="m1", text="one"))
    await service.erase(MINE, "ann")
    for name in ("m2", "m3"):
        await service.submit(key, Say(client_msg_id=name, text=name))
    await service.close()
    now = await log.head(*key)
    before = now.erased_seq
    bounds = {"most": 100, "newest": 50}
    assert not (await missed_by_visitor(log, now, before, **bounds)).recovered
    assert (await missed_by_visitor(log, now, before + 1, **bounds)).recovered
    assert not (await missed_by_agent(log, now, (before, now.internal_seq), **bounds)).recovered
    assert (await missed_by_agent(log, now, (before + 1, now.internal_seq), **bounds)).recovered


async def test_an_answer_that_is_thought_out_during_the_erasure_is_never_given():
    log, bot = MemoryLog(), ScriptedBot()
    service = Conversations(log, Hub(), bot)
    head = await service.open(Visitor(workspace=MINE, id="ann", kb="shop"))
    key = (MINE, head.conversation)
    await service.submit(key, Say(client_msg_id="m1", text="my order is Grimhildr"))
    while not bot.turns:  # noqa: ASYNC110 (no time passes)
        await asyncio.sleep(0)
    answering = service._lanes.known(key).answering
    await asyncio.wait_for(service.erase(MINE, "ann"), timeout=5)  # it does not wait for the answer
    assert answering.cancelled()
    bot.gate.set()
    await service.close()
    assert [event.body for event in await log.events(*key)] == [None] * len(await log.events(*key))


# -- failures


class LogThatCannotBeReadAfterwards(MemoryLog):
    """Erases, and cannot be read from then on."""

    broken = False

    async def erase_visitor(self, workspace, visitor):
        erased = await super().erase_visitor(workspace, visitor)
        self.broken = True
        return erased

    async def head(self, workspace, conversation):
        if self.broken:
            raise LogUnavailable("the disk does not answer")
        return await super().head(workspace, conversation)


async def test_an_erasure_that_was_done_is_no_failure_where_the_log_cannot_be_read_after_it():
    log = LogThatCannotBeReadAfterwards()
    service = Conversations(log, Hub(), ScriptedBot())
    head = await service.open(Visitor(workspace=MINE, id="ann", kb="shop"))
    key = (MINE, head.conversation)
    await service.submit(key, Say(client_msg_id="m1", text="my order is Grimhildr"))
    assert await service.erase(MINE, "ann") >= 2
    lane = service._lanes.known(key)
    assert (lane.head.last_text, lane.unanswered, lane.history) == ("", [], ())
    log.broken = False
    assert lane.head == await log.head(*key)
    await service.close()


async def test_an_erasure_goes_on_where_its_caller_leaves():
    class SlowLog(MemoryLog):
        begun, go = asyncio.Event(), asyncio.Event()

        async def erase_visitor(self, workspace, visitor):
            self.begun.set()
            await self.go.wait()
            return await super().erase_visitor(workspace, visitor)

    log = SlowLog()
    service = Conversations(log, Hub(), ScriptedBot())
    head = await service.open(Visitor(workspace=MINE, id="ann", kb="shop"))
    key = (MINE, head.conversation)
    await service.submit(key, Say(client_msg_id="m1", text="my order is Grimhildr"))
    erasing = asyncio.create_task(service.erase(MINE, "ann"))
    await log.begun.wait()
    erasing.cancel()
    log.go.set()
    await asyncio.gather(erasing, return_exceptions=True)
    await service.close()
    assert [event.body for event in await log.events(*key)] == [None] * len(await log.events(*key))
    assert [event.body for event in await log.events(*key, audience=Audience.INTERNAL) if event.body] == []
    assert service._lanes.known(key).head.last_text == ""
