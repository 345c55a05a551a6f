"""What the bot would answer while a person has the conversation: that person is told, nobody else."""

import json

import pytest

from engine.types import Turn
from server.console.proposing import asked_last, best_entry
from server.conversations.events import Audience, Event, Replied, Spoke
from server.conversations.service import Conversations
from server.handoff.staff import Role
from server.ids import from_text
from server.parts import CONVERSATIONS, ENGINE, LOG
from tests.fakes.api import MINE, publish_shop
from tests.fakes.console_house import active, open_console
from tests.fakes.engine import Bench

NONE = {"about": 0, "text": "", "entry_id": "", "question": "", "source": "", "score": 0.0, "decision": ""}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_console(published, tmp_path / "home") as house:
        yield house


async def proposed(browser, conversation):
    return await browser.get(f"cases/{conversation}/proposal")


async def logged(house, conversation):
    key = (MINE, from_text(conversation))
    return [
        event
        for audience in (Audience.PUBLIC, Audience.INTERNAL)
        for event in await house.app[LOG].events(*key, audience=audience)
    ]


async def ask(ann, desk, text, name="q1"):
    await ann.send(type="say", client_msg_id=name, text=text)
    return await desk.until("event", text=text)


async def test_who_has_the_conversation_is_told_what_the_bot_would_answer(house):
    browser, desk, ann, conversation = await active(house)
    asked = await ask(ann, desk, "how do i return an item")
    told = await proposed(browser, conversation)
    assert (told["text"], told["entry_id"], told["decision"]) == ("Within **30 days**.", "returns", "answer")
    assert (told["question"], told["source"]) == ("how do i return an item", "acme.csv, row 2")
    assert 0.5 < told["score"] <= 1
    assert told["about"] == asked["seq"]


async def test_nothing_of_it_is_stored_or_shown_to_the_visitor(house):
    browser, desk, ann, conversation = await active(house)
    await ask(ann, desk, "how do i return an item")
    before, recorded = await logged(house, conversation), []
    house.app[ENGINE]._record = lambda turn, outcome: recorded.append(turn)
    assert (await proposed(browser, conversation))["text"]
    assert await logged(house, conversation) == before
    assert recorded == []
    await ann.send(type="ping")
    await ann.until("pong")
    assert "30 days" not in json.dumps(ann.frames)


async def test_nobody_but_who_has_the_conversation_is_told(house):
    browser, desk, ann, conversation = await active(house)
    await ask(ann, desk, "how do i return an item")
    for role in (Role.AGENT, Role.ADMIN):
        assert await proposed(await house.signed_in(role), conversation) == NONE
    await desk.act("return_to_bot", conversation)
    assert await proposed(browser, conversation) == NONE


async def test_nothing_is_proposed_for_what_is_answered(house):
    browser, desk, ann, conversation = await active(house)
    assert await proposed(browser, conversation) == NONE  # nothing was said to the agent yet
    await ask(ann, desk, "how do i return an item")
    assert await proposed(browser, conversation) != NONE
    await desk.ask(type="say", conversation=conversation, text="Just send it back.")
    assert await proposed(browser, conversation) == NONE


async def test_nothing_is_proposed_once_the_visitor_was_erased(house):
    browser, desk, ann, conversation = await active(house)
    await ask(ann, desk, "how do i return an item")
    conversations: Conversations = house.app[CONVERSATIONS]
    head = await house.app[LOG].head(MINE, from_text(conversation))
    await conversations.erase(MINE, head.visitor)
    assert await proposed(browser, conversation) == NONE


@pytest.mark.parametrize(
    ("confidence", "entry"), [(0.95, "returns"), (0.5, "returns"), (0.01, "")], ids=["answer", "clarify", "unknown"]
)
async def test_what_the_bot_would_not_even_ask_about_is_not_proposed(confidence, entry):
    bench = Bench({"how do i return it": (confidence, ("returns",))})
    outcome = await bench.engine.reply(Turn(text="how do i return it"))
    assert best_entry(outcome) == entry
    await bench.engine.close()


def event(seq, author, body):
    return Event(
        id=bytes([seq]), kind="", audience=Audience.PUBLIC, seq=seq, epoch=0, turn=0, author=author, at=0, body=body
    )


def test_messages_that_nobody_answered_are_one_question():
    said = [
        event(1, "visitor", Spoke(text="hello")),
        event(2, "agent:ana", Spoke(text="Yes?")),
        event(3, "visitor", Spoke(text="my parcel")),
        event(4, "visitor", Spoke(text="is late")),
        event(5, "visitor", None),  # erased
        event(6, "visitor", Spoke(text="")),  # a picture
    ]
    assert asked_last(said) == (4, "my parcel\nis late")
    assert asked_last([*said, event(7, "bot", Replied(decision="answer", text="It is."))]) == (0, "")
    assert asked_last([]) == (0, "")
