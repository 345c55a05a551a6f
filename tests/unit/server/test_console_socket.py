"""The agents' socket: every line once, in order, over both audiences; rights at each frame."""

import asyncio
import json
from random import Random

import pytest
from msgspec.structs import replace

from server.console.parts import STAFF
from server.console.talk import VERBS
from server.conversations.commands import Say
from server.handoff.staff import Department, Role
from server.ids import from_text
from server.parts import CONVERSATIONS
from server.wire.codec import CODECS, JSON, PROTO
from server.wire.frames import Hello
from tests.e2e.harness import Visitor
from tests.fakes.api import MINE, THEIRS, publish_shop
from tests.fakes.console import Refused
from tests.fakes.console_house import active, at_work, open_console, visitor


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    home = tmp_path_factory.mktemp("published")
    publish_shop(home, MINE)
    publish_shop(home, THEIRS)
    return home


@pytest.fixture
async def house(published, tmp_path):
    async with open_console(published, tmp_path / "home") as house:
        yield house


async def speak(house, conversation, name, text, workspace=MINE):
    command = Say(client_msg_id=name, text=text)
    await house.app[CONVERSATIONS].submit((workspace, from_text(conversation)), command)


def lines(desk, conversation):
    return [(event.get("audience", ""), event["seq"]) for event in desk.events(conversation)]


# -- the hello


async def test_the_welcome_tells_who_one_is_and_what_waits(house):
    conversation = await house.ask_for_person()
    browser = await house.signed_in(Role.AGENT)
    desk = await browser.desk()
    welcome = desk.frames[0]
    assert (welcome["type"], welcome["role"]) == ("welcome", "agent")
    assert (await desk.case_in(conversation, "offline_form", "ringing", "queued"))["conversation"] == conversation
    assert welcome["agent"] in [each["id"] for each in welcome["agents"]]


@pytest.mark.parametrize("protocol", [JSON, PROTO])
async def test_an_agent_speaks_json_and_needs_a_ticket(house, protocol):
    browser = await house.signed_in(Role.AGENT)
    ticket = await browser.ticket() if protocol == PROTO else ""  # which that encoding does not carry
    socket = await browser.http.ws_connect(f"{house.url}/v1/ws", protocols=[protocol], headers={"Origin": house.url})
    await socket.send_bytes(CODECS[protocol].encode(Hello(ticket=ticket)))
    assert (await socket.receive(timeout=20)).data == 3500
    await socket.close()


# -- one wins


async def test_of_two_who_accept_at_once_one_wins_and_the_other_is_told_who(house):
    _, (ana, ben) = await at_work(house, Role.SUPERVISOR, Role.SUPERVISOR)
    ann, conversation = await visitor(house)
    await ann.send(type="action", client_msg_id="h1", action="human")
    rung = await ana.case_in(conversation, "ringing")
    await ben.case_in(conversation, "ringing")
    verb = {rung["offered_to"]: "accept"}
    tries = [
        desk.act(verb.get(desk.frames[0]["agent"], "take_over"), conversation, epoch=rung["epoch"])
        for desk in (ana, ben)
    ]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [outcome for outcome in outcomes if isinstance(outcome, dict)]
    (lost,) = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert len(won) == 1
    winner = (ana, ben)[outcomes.index(won[0])]
    assert lost.code in ("already_taken", "stale")
    if lost.code == "already_taken":
        assert (lost.frame["by"], lost.frame["at"] > 0) == (winner.frames[0]["agent"], True)
    await ann.until("event", status="joined")
    await ann.send(type="ping")
    await ann.until("pong")
    assert [event["status"] for event in ann.events if event.get("status") == "joined"] == ["joined"]


# -- each line once


async def test_a_tab_that_comes_back_gets_exactly_what_it_missed(house):
    browser, ana, ann, conversation = await active(house)
    await ana.ask(type="say", conversation=conversation, text="Hello, I am Ana")
    await ana.ask(type="note", conversation=conversation, text="a difficult one")
    held = ana.events(conversation)
    last_seq = max(event["seq"] for event in held if "audience" not in event)
    last_internal = max(event["seq"] for event in held if "audience" in event)
    await ana.close()

    await ann.say("m1", "are you there?")
    other = await browser.desk()
    await other.ask(type="note", conversation=conversation, text="written elsewhere")
    again = await browser.desk({"conversation": conversation, "last_seq": last_seq, "last_internal": last_internal})
    (followed,) = again.frames[0]["following"]
    assert followed["recovered"]
    assert [event["text"] for event in followed["events"] if "text" in event] == ["are you there?", "written elsewhere"]
    got = [(event.get("audience", ""), event["seq"]) for event in followed["events"]]
    assert [seq for audience, seq in got if not audience] == list(range(last_seq + 1, followed["last_seq"] + 1))
    assert [seq for audience, seq in got if audience] == list(range(last_internal + 1, followed["last_internal"] + 1))


async def test_however_often_a_tab_goes_and_comes_back_it_has_each_line_once_and_in_order(house):
    browser, ana, ann, conversation = await active(house)
    chance, seen = Random(7), lines(ana, conversation)
    counts = {"": 0, "internal": 0}

    def take(desk):
        for audience, seq in lines(desk, conversation):
            if (audience, seq) not in seen:
                seen.append((audience, seq))
        for audience in counts:
            counts[audience] = max((seq for where, seq in seen if where == audience), default=0)

    take(ana)
    for number in range(60):
        if chance.random() < 0.5:
            await ann.say(f"m{number}", f"line {number}")
        else:
            await ana.ask(type=chance.choice(["say", "note"]), conversation=conversation, text=f"line {number}")
        if chance.random() < 0.3:
            arrived = lines(ana, conversation)
            assert len(arrived) == len(set(arrived))
            take(ana)
            await ana.close()
            ana = await browser.desk(
                {"conversation": conversation, "last_seq": counts[""], "last_internal": counts["internal"]}
            )
            assert not set(lines(ana, conversation)) & set(seen)
    page = await browser.get(f"cases/{conversation}/events?limit=200")
    for event in reversed(page["events"]):
        if "audience" not in event:
            await ana.until("event", seq=event["seq"]) if ("", event["seq"]) not in [
                *seen,
                *lines(ana, conversation),
            ] else None
            break
    take(ana)
    stored = [(event.get("audience", ""), event["seq"]) for event in page["events"]]
    assert set(seen) == set(stored)
    for audience in counts:
        assert [seq for where, seq in seen if where == audience] == list(range(1, counts[audience] + 1))


async def test_two_tabs_see_the_same_and_what_is_sent_twice_is_done_once(house):
    browser, ana, ann, conversation = await active(house)
    second = await browser.desk({"conversation": conversation})
    for desk in (ana, second):
        ack = await desk.ask(type="say", client_msg_id="same", conversation=conversation, text="Hello")
        assert ack["seq"] > 0
    await ann.until("event", text="Hello")
    await ann.send(type="ping")
    await ann.until("pong")
    assert [event["text"] for event in ann.events if event["author"].startswith("agent:")] == ["Hello"]
    assert lines(ana, conversation)[-1] == lines(second, conversation)[-1]
    with pytest.raises(Refused) as refused:
        await second.ask(type="say", client_msg_id="same", conversation=conversation, text="Something else")
    assert refused.value.code == "id_reused"


# -- what passes between people


async def test_agents_see_what_a_visitor_types_and_visitors_do_not_see_notes(house):
    _, ana, ann, conversation = await active(house)
    phone = await Visitor.connect(house.url, token=ann.frames[0]["token"])
    house.browsers.append(phone)
    await phone.until("welcome")
    await ann.send(type="typing", on=True, text="my card number is")
    typed = await ana.until("typing", author="visitor")
    assert (typed["conversation"], typed["text"]) == (conversation, "my card number is")
    assert "text" not in await phone.until("typing", author="visitor")

    await ana.ask(type="note", conversation=conversation, text="smells of fraud")
    await ana.ask(type="say", conversation=conversation, text="One moment")
    await ann.until("event", text="One moment")
    assert "fraud" not in json.dumps(ann.frames)


async def test_the_visitor_sees_who_has_the_chat_type_and_nobody_else(house):
    _, ana, ann, conversation = await active(house)
    other = await (await house.signed_in(Role.SUPERVISOR)).desk({"conversation": conversation})
    await other.send(type="typing", conversation=conversation, on=True)
    author = f"agent:{other.frames[0]['agent']}"
    assert (await ana.until("typing", author=author))["on"]
    await ana.send(type="typing", conversation=conversation, on=True)
    typed = await ann.until("typing")
    assert typed["author"] == f"agent:{ana.frames[0]['agent']}"


async def test_who_is_named_in_a_note_is_told(house):
    _, ana, _, conversation = await active(house)
    ben = await (await house.signed_in(Role.AGENT)).desk()
    me, named = ana.frames[0]["agent"], ben.frames[0]["agent"]
    await ana.ask(type="note", conversation=conversation, text="look", mentions=[named, "nobody"])
    told = await ben.until("mentioned")
    assert told == {"type": "mentioned", "conversation": conversation, "by": me}


async def test_colleagues_see_who_looks_and_a_draft_is_there_in_the_next_tab(house):
    browser, ana, _, conversation = await active(house)
    ben = await (await house.signed_in(Role.AGENT)).desk()
    await ana.send(type="viewing", conversation=conversation)
    while ana.frames[0]["agent"] not in ben.cases.get(conversation, {"viewers": []})["viewers"]:
        await ben.until("case")
    await ana.send(type="draft", conversation=conversation, text="Dear An")
    await ana.send(type="ping")
    await ana.until("pong")
    again = await browser.desk({"conversation": conversation})
    assert again.frames[0]["following"][0]["draft"] == "Dear An"


async def test_presence_is_chosen_and_outlives_a_reload(house):
    browser = await house.signed_in(Role.AGENT)
    desk = await browser.desk()
    assert desk.frames[0]["presence"] == "available"
    await desk.ask(type="presence", state="away")
    await desk.close()
    assert (await browser.desk()).frames[0]["presence"] == "away"


async def test_only_a_supervisor_sets_the_presence_of_others(house):
    _, (ana, sue) = await at_work(house, Role.AGENT, Role.SUPERVISOR)
    other = {"agent": sue.frames[0]["agent"]}
    with pytest.raises(Refused) as refused:
        await ana.ask(type="presence", state="away", **other)
    assert refused.value.code == "not_allowed"
    await sue.ask(type="presence", state="busy", agent=ana.frames[0]["agent"])
    assert (await ana.until("agent", id=ana.frames[0]["agent"], presence="busy"))["presence"] == "busy"
    with pytest.raises(Refused) as refused:
        await ana.ask(type="presence", state="asleep")
    assert refused.value.code == "bad_value"


# -- rights


async def test_another_workspaces_conversation_is_not_there_whatever_is_asked(house):
    theirs = await house.conversation("visitor:bob", THEIRS, "the code is heron")
    desk = await (await house.signed_in(Role.ADMIN)).desk({"conversation": theirs, "last_seq": 1})
    assert "following" not in desk.frames[0]
    for frame in (
        *({"type": "desk", "verb": verb, "epoch": 1} for verb in VERBS),
        {"type": "say", "text": "hello"}, {"type": "note", "text": "hello"},
    ):  # fmt: skip
        with pytest.raises(Refused) as refused:
            await desk.ask(conversation=theirs, **frame)
        assert refused.value.code == "not_found", frame
    for frame in (
        {"type": "follow"}, {"type": "typing", "on": True}, {"type": "read", "seq": 1}, {"type": "viewing"},
        {"type": "draft", "text": "x"},
    ):  # fmt: skip
        await desk.send(conversation=theirs, **frame)
        assert (await desk.until("error"))["code"] == "not_found"
    assert "heron" not in json.dumps(desk.frames)


async def test_another_departments_conversation_is_not_there_either_until_one_joins_it(house):
    await house.conversation()
    accounts = house.app[STAFF].accounts
    billing = Department(id="billing", workspace=MINE, name_zh="账单", name_en="Billing")
    accounts.put_department(billing, actor="command", new=True)
    bill = await house.add("bill", departments=("billing",))
    desk = await (await house.browser("bill")).desk()
    await desk.ask(type="presence", state="away")  # so that it is not offered to Bill
    conversation = await house.ask_for_person()
    await desk.send(type="follow", conversation=conversation)
    assert (await desk.until("error"))["code"] == "not_found"

    accounts.change(replace(bill, departments=("billing", "general")), actor="command")
    await accounts.refresh()
    await desk.send(type="follow", conversation=conversation)
    await desk.until("following")
    accounts.change(replace(bill, departments=("billing",)), actor="command")
    await accounts.refresh()
    await speak(house, conversation, "m1", "only for the general department")
    await desk.send(type="ping")
    await desk.until("pong")
    assert "only for the general" not in json.dumps(desk.frames)


async def moved_to_billing(house, browser):
    """Move an agent from the general department to another one."""
    accounts = house.app[STAFF].accounts
    billing = Department(id="billing", workspace=MINE, name_zh="账单", name_en="Billing")
    accounts.put_department(billing, actor="command", new=True)
    agent = accounts.agent(MINE, (await browser.get("session"))["agent"]["id"])
    accounts.change(replace(agent, departments=("billing",)), actor="command")
    await accounts.refresh()


async def test_who_left_the_department_does_not_see_what_one_once_had(house):
    browser, desk, _, conversation = await active(house)
    await desk.act("return_to_bot", conversation)
    assert (await browser.call("GET", f"cases/{conversation}"))[0] == 200
    await moved_to_billing(house, browser)
    for path in (f"cases/{conversation}", f"cases/{conversation}/events"):
        assert (await browser.call("GET", path))[0] == 404
    await speak(house, conversation, "m1", "only for the general department")
    await desk.send(type="ping")
    await desk.until("pong")
    assert "only for the general" not in json.dumps(desk.frames)


async def test_who_left_the_department_keeps_what_one_has_until_it_is_handed_on(house):
    browser, _, _, conversation = await active(house)
    await moved_to_billing(house, browser)
    assert (await browser.call("GET", f"cases/{conversation}"))[0] == 200


async def test_only_who_has_the_chat_speaks_to_the_visitor(house):
    _, _, ann, conversation = await active(house)
    ben = await (await house.signed_in(Role.AGENT)).desk()
    with pytest.raises(Refused) as refused:
        await ben.ask(type="say", conversation=conversation, text="I am not asked")
    assert refused.value.code == "not_allowed"
    await ann.send(type="ping")
    await ann.until("pong")
    assert "not asked" not in json.dumps(ann.frames)


# -- frames


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "desk", "verb": "explode", "epoch": 1}, "bad_value"),
        ({"type": "say", "text": "  "}, "bad_value"),
        ({"type": "say", "text": "a\0b"}, "bad_value"),
        ({"type": "say", "text": "x", "files": ["A" * 22]}, "bad_value"),
        ({"type": "note", "text": ""}, "bad_value"),
        ({"type": "desk", "verb": "accept", "epoch": 999}, "already_taken"),
        ({"type": "desk", "verb": "hold", "epoch": 1}, "stale"),
    ],
    ids=["verb", "blank", "nul", "file", "note", "taken", "stale"],
)  # fmt: skip
async def test_a_value_that_is_wrong_is_refused_by_name(house, frame, code):
    _, ana, _, conversation = await active(house)
    with pytest.raises(Refused) as refused:
        await ana.ask(conversation=conversation, client_msg_id="x1", **frame)
    assert refused.value.frame["client_msg_id"] == "x1"
    expected = {code, "stale"} if code == "already_taken" else {code}  # it is one's own already
    assert refused.value.code in expected


@pytest.mark.parametrize(
    "raw",
    ["{", "[]", '{"type":"hello"}', '{"type":"say","conversation":{"$ne":""},"client_msg_id":"m","text":"x"}',
     '{"type":"say","conversation":"x","client_msg_id":"","text":"x"}', "[" * 60_000,
     '{"type":"note","conversation":"x","client_msg_id":"m","text":"' + "x" * 8001 + '"}', "null"],
    ids=["broken", "list", "hello-again", "operator", "no-id", "deep", "long", "null"],
)  # fmt: skip
async def test_what_is_no_frame_is_forgiven_a_few_times(house, raw):
    desk = await (await house.signed_in(Role.AGENT)).desk()
    for _ in range(5):
        await desk.socket.send_str(raw)
        assert (await desk.until("error"))["code"] == "bad_frame"
    await desk.socket.send_str(raw)
    assert await desk.closed() == 3501


async def test_a_visitor_cannot_say_what_agents_say(house):
    ann, conversation = await visitor(house)
    for frame in ({"type": "note", "text": "x"}, {"type": "desk", "verb": "accept", "epoch": 1}, {"type": "follow"}):
        await ann.send(client_msg_id="m1", conversation=conversation, **frame)
        assert (await ann.until("error"))["code"] == "bad_frame"
