"""Rows on their way to an agent: the first at once, the next ones together, of each only the newest."""

import asyncio
from types import SimpleNamespace

import msgspec
import pytest

from server.console.gathering import PAUSE_S, Gathering, encoded
from server.console.talk import AgentTalk
from server.conversations.commands import Visitor
from server.conversations.hub import Hub
from server.conversations.service import Conversations
from server.handoff.cases import AgentView, Notified, case_of
from server.handoff.staff import Agent
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot

ANA = Agent(workspace="acme", id="ana", login="ana", name="Ana")


def view(name, load=0):
    return AgentView(id=name, name=name, presence="available", load=load, capacity=4)


async def some_case():
    service = Conversations(MemoryLog(), Hub(), ScriptedBot())
    head = await service.open(Visitor(workspace="acme", id="ann", kb="shop"))
    await service.close()
    return case_of(head, owner_name="", here=True)


@pytest.fixture
def written():
    return []


@pytest.fixture
async def rows(written):
    gathering = Gathering(lambda frames: written.append([(name, msgspec.json.decode(raw)) for raw, name in frames]))
    yield gathering
    gathering.close()


async def test_a_row_alone_is_shown_at_once(rows, written):
    rows.add("agent ana", view("ana"))

    assert [[name for name, _ in each] for each in written] == [["agent ana"]]


async def test_what_comes_soon_after_goes_together_and_of_each_row_the_newest(rows, written):
    for load in range(4):
        rows.add("agent ana", view("ana", load))
        rows.add("agent ben", view("ben", load))
    assert len(written) == 1
    await asyncio.sleep(PAUSE_S * 3)

    assert [(name, frame["load"]) for name, frame in written[1]] == [("agent ben", 3), ("agent ana", 3)]
    assert len(written) == 2


async def test_after_a_pause_a_row_is_shown_at_once_again(rows, written):
    rows.add("agent ana", view("ana"))
    await asyncio.sleep(PAUSE_S * 3)
    rows.add("agent ana", view("ana", 1))

    assert len(written) == 2


async def test_nothing_is_shown_to_who_has_gone(rows, written):
    rows.add("agent ana", view("ana"))
    rows.add("agent ben", view("ben"))
    rows.close()
    await asyncio.sleep(PAUSE_S * 3)

    assert len(written) == 1


async def test_that_somebody_waits_is_told_with_the_rows_and_rings_are_told_before(written):
    connection = SimpleNamespace(
        put_all=lambda frames: written.append([name for _, name in frames]),
        put=lambda raw, replaces: written.append(msgspec.json.decode(raw)["type"]),
    )
    talk = AgentTalk(connection, ANA, SimpleNamespace())
    talk._held = None
    case = await some_case()
    talk.agent_changed(view("ana"))
    talk.agent_changed(view("ben"))
    talk.notified(case, Notified(word="waits"))
    talk.notified(case, Notified(word="rings"))
    await asyncio.sleep(PAUSE_S * 3)

    assert written == [["agent ana"], "ring", ["agent ben", f"waits {case.conversation}"]]
    talk._rows.close()


def test_a_row_that_many_are_shown_is_encoded_once():
    row = view("ana")

    assert encoded(row) is encoded(row)
    assert encoded(view("ana")) == encoded(row)
