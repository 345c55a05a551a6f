"""One lane a conversation, however many need it at once and however slowly the log reads."""

import asyncio

import pytest

from server.conversations.commands import Say, Visitor
from server.conversations.hub import Hub
from server.conversations.lanes import Lanes
from server.conversations.service import Conversations
from server.errors import ConversationNotFound
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot


class SlowLog(MemoryLog):
    """Reads events as they are now, and gives some of them only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.holds_up = 0  # so many readers, the next ones
        self.gate = asyncio.Event()

    async def events(self, *key, **what):
        found = await super().events(*key, **what)
        if self.holds_up:
            self.holds_up -= 1
            await self.gate.wait()
        return found


class Device:
    def deliver(self, event):
        pass

    def signal(self, signal):
        pass


async def test_what_was_read_before_somebody_appended_does_not_replace_what_was_appended_since():
    log, bot = SlowLog(), ScriptedBot()
    bot.gate.set()
    conversations = Conversations(log, Hub(), bot)
    head = await conversations.open(Visitor(workspace="acme", id="ann", kb="shop"))
    key = (head.workspace, head.conversation)
    log.holds_up = 1  # the device below reads the state of now, and has it late
    joining = asyncio.create_task(conversations.join(key, Device(), after=1))
    await asyncio.sleep(0)
    saying = asyncio.create_task(conversations.submit(key, Say(client_msg_id="m1", text="hello")))
    for _ in range(100):  # said, answered, and nobody needs the conversation any more
        await asyncio.sleep(0)
    log.gate.set()
    missed = await joining
    await saying

    # The welcome's number and its events are of one moment.
    assert [event.seq for event in missed.events] == list(range(2, missed.head.seq + 1))
    again = await conversations.join(key, Device(), after=0)
    assert again.head == await log.head(*key)
    await conversations.close()


async def test_all_who_need_a_conversation_at_once_get_the_same_lane():
    log = SlowLog()
    head = await Conversations(log, Hub(), ScriptedBot()).open(Visitor(workspace="acme", id="ann", kb="shop"))
    lanes = Lanes(log, idle=1)
    key = (head.workspace, head.conversation)
    log.holds_up = 1

    async def use():
        async with lanes.of(key) as lane:
            await asyncio.sleep(0)
            return lane

    users = [asyncio.create_task(use()) for _ in range(3)]
    for _ in range(10):
        await asyncio.sleep(0)
    log.gate.set()
    assert len({id(lane) for lane in await asyncio.gather(*users)}) == 1
    assert lanes.counts == (0, 1)


async def test_who_gives_up_while_a_conversation_is_read_holds_up_nobody():
    log = SlowLog()
    head = await Conversations(log, Hub(), ScriptedBot()).open(Visitor(workspace="acme", id="ann", kb="shop"))
    lanes = Lanes(log, idle=1)
    key = (head.workspace, head.conversation)
    log.holds_up = 1

    async def use():
        async with lanes.of(key) as lane:
            return lane.head

    first = asyncio.create_task(use())
    await asyncio.sleep(0)
    second = asyncio.create_task(use())
    await asyncio.sleep(0)
    first.cancel()
    assert await second == head
    with pytest.raises(ConversationNotFound):
        async with lanes.of(("acme", b"?" * 16)):
            pass
