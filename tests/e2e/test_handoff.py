"""The handoff over real sockets, with real crashes: visitors and agents of one shop. The numbers are HANDOFF's."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.agents import add_agent
from tests.e2e.colleague import Colleague
from tests.e2e.harness import RunningServer, Visitor, widget_key

pytestmark = pytest.mark.e2e

SOON = {"agent_grace": 2, "visitor_grace": 3, "ring": 300, "queue_max": 600, "first_reply": 600, "wrap_up": 1}


@pytest.fixture(scope="module")
def passwords(shop: Path) -> dict[str, str]:
    return {
        "ana": add_agent(shop, "ana", "--name", "Ana", "--role", "admin", "--capacity", "9"),
        "ben": add_agent(shop, "ben", "--name", "Ben", "--capacity", "9"),
    }


@pytest.fixture(scope="module")
def key(shop: Path) -> str:
    return widget_key(shop)


@pytest.fixture(scope="module")
def server(shop: Path, passwords: dict[str, str]) -> Iterator[RunningServer]:
    with RunningServer(shop) as running:
        yield running


class Story:
    """Who takes part, and is sent home at the end."""

    def __init__(self, server: RunningServer, key: str, passwords: dict[str, str]) -> None:
        self.server, self.key, self.passwords = server, key, passwords
        self.people: list[Visitor | Colleague] = []

    async def visitor(self, **hello: object) -> Visitor:
        visitor = await Visitor.connect(self.server.url, key=self.key, language="en", **hello)
        self.people.append(visitor)
        await visitor.until("welcome")
        return visitor

    async def back(self, visitor: Visitor) -> Visitor:
        """Come back with what the visitor holds."""
        again = await Visitor.connect(
            self.server.url,
            token=visitor.frames[0]["token"],
            resume={"conversation": conversation(visitor), "last_seq": visitor.events[-1]["seq"]},
        )
        self.people.append(again)
        again.frames.extend(visitor.frames)
        await again.until("welcome")
        return again

    async def agent(self, login: str) -> Colleague:
        colleague = await Colleague.sign_in(self.server.url, login, self.passwords[login])
        self.people.append(colleague)
        await colleague.send(type="presence", state="available", client_msg_id="here")  # whatever the last story left
        await colleague.answer("here")
        return colleague

    async def go_home(self) -> None:
        for person in self.people:
            with suppress(ConnectionError, aiohttp.ClientError):  # it was killed under some
                await person.close()
            await person.http.close()


@pytest.fixture
async def story(server: RunningServer, key: str, passwords: dict[str, str]) -> AsyncIterator[Story]:
    made = Story(server, key, passwords)
    yield made
    cleaner = await made.agent("ana")  # nothing that this story left is rung in the next one
    for case in (await cleaner.rest("GET", "cases?box=all&limit=100"))["items"]:
        if case["state"] not in ("bot", "closed"):
            await cleaner.desk("block", case["conversation"], case["epoch"])
    await made.go_home()


def conversation(visitor: Visitor) -> str:
    return str(visitor.frames[0]["conversation"])


async def wants_person(visitor: Visitor, told: str = "queued") -> str:
    await visitor.send(type="action", client_msg_id="person", action="human")
    await visitor.until("event", status=told)
    return conversation(visitor)


def numbers(visitor: Visitor) -> list[int]:
    return [event["seq"] for event in visitor.events]


async def test_e32_with_nobody_signed_in_the_form_comes_at_once_and_the_bot_goes_on(story: Story) -> None:
    visitor = await story.visitor()
    await wants_person(visitor, "offline")
    await visitor.send(type="action", client_msg_id="mail", action="leave_message", value="ann@example.com", text="zip")
    await visitor.until("event", status="message_left")
    await visitor.say("m1", "How many days do I have to return a full-price item?")
    answer = await visitor.until("event", author="bot")

    assert answer["decision"] == "answer"
    assert "status" not in answer


async def test_e7_e14_two_agents_accept_at_once_and_the_bot_is_silent_from_then_on(story: Story) -> None:
    ana, ben, visitor = await story.agent("ana"), await story.agent("ben"), await story.visitor()
    await visitor.say("m1", "I want to talk to a real person please")
    await visitor.until("event", status="queued")
    name = conversation(visitor)
    case = await ana.until("case", case__conversation=name, case__state="ringing")
    epoch = case["case"]["epoch"]
    names = [await each.ask("take_over", name, epoch) for each in (ana, ben)]
    answers = await asyncio.gather(ana.answer(names[0]), ben.answer(names[1]))
    loser = next(answer for answer in answers if answer["type"] == "error")
    winner = ana if answers[0]["type"] == "ack" else ben
    await visitor.until("event", status="joined")
    await visitor.say("m2", "How many days do I have to return a full-price item?")
    await winner.say(name, "Thirty days")
    await visitor.until("event", author=f"agent:{winner.id}", text="Thirty days")

    assert loser["code"] == "already_taken"
    assert loser["by"] == winner.id
    assert [event.get("status") for event in visitor.events].count("joined") == 1
    joined = next(event["seq"] for event in visitor.events if event.get("status") == "joined")
    assert all(event["author"] != "bot" for event in visitor.events if event["seq"] > joined)


async def test_e1_e2_the_place_is_kept_for_a_while(story: Story) -> None:
    ana = await story.agent("ana")
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", timers=SOON)
    await ana.send(type="presence", state="busy")
    visitor = await story.visitor()
    name = await wants_person(visitor)
    place = (await ana.case(name))["enqueued_at"]
    await visitor.close()
    await asyncio.sleep(0.5)
    visitor = await story.back(visitor)
    assert (await ana.case(name))["enqueued_at"] == place
    await visitor.close()
    await ana.until("case", case__conversation=name, case__state="bot", within_s=60)
    visitor = await story.back(visitor)

    assert visitor.events[-1]["status"] == "place_lost"
    assert [choice["action"] for choice in visitor.events[-1]["choices"]] == ["human"]
    assert numbers(visitor) == sorted(set(numbers(visitor)))


async def test_e4_e5_a_lost_agents_chats_go_to_the_others_and_a_late_one_is_told(story: Story) -> None:
    ana, ben = await story.agent("ana"), await story.agent("ben")
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", timers=SOON)
    await ben.send(type="presence", state="busy")
    visitors = [await story.visitor() for _ in range(3)]
    names = [await wants_person(visitor) for visitor in visitors]
    for name in names:
        await ana.take(name)
    await ana.drop()
    await asyncio.sleep(0.3)
    await ana.connect()  # in time: nothing has happened
    await ben.send(type="presence", state="available")
    await ana.drop()
    for name, visitor in zip(names, visitors, strict=True):
        await ben.take(name)
        await visitor.until("event", author=f"agent:{ben.id}")

    for visitor in visitors:
        told = [event["status"] for event in visitor.events if event["kind"] == "status"]
        assert told == ["queued", "joined", "lost_agent", "joined"]


async def test_e10_e11_what_an_agent_sends_again_is_stored_once(story: Story) -> None:
    ana, visitor = await story.agent("ana"), await story.visitor()
    name = await wants_person(visitor)
    await ana.take(name)
    first = await ana.say(name, "once", "s1")
    await ana.drop()
    await ana.connect()
    again, other = await ana.say(name, "once", "s1"), await ana.say(name, "something else", "s1")
    await ana.say(name, "last")
    await visitor.until("event", text="last")

    assert again == first
    assert other["code"] == "id_reused"
    assert [event["text"] for event in visitor.events if event["author"] == f"agent:{ana.id}"][1:] == ["once", "last"]


async def in_states(story: Story, ana: Colleague, ben: Colleague) -> dict[str, Visitor]:
    """Bring a visitor into every state that somebody handles."""
    there: dict[str, Visitor] = {}
    for state in ("active", "on_hold", "transferring", "ringing"):
        there[state] = await story.visitor()
        name = await wants_person(there[state])
        if state == "ringing":
            await ana.ring(name)
            continue
        epoch = (await ana.take(name))["epoch"]
        if state == "on_hold":
            await ana.desk("hold", name, epoch)
    await ben.send(type="presence", state="available")
    await ana.send(type="presence", state="busy")
    await ana.until("agent", id=ben.id, presence="available")
    name = conversation(there["transferring"])
    done = await ana.desk("transfer", name, (await ana.case(name))["epoch"], to_agent=ben.id, note="you know tents")
    assert done["type"] == "ack", done
    await ben.send(type="presence", state="busy")
    await ana.until("agent", id=ben.id, presence="busy")
    there["queued"] = await story.visitor()
    await wants_person(there["queued"])
    there["offline_form"] = await story.visitor()
    await there["offline_form"].send(
        type="action", client_msg_id="mail", action="leave_message", value="ann@example.com"
    )
    await there["offline_form"].until("event", status="message_left")
    there["bot"] = await story.visitor()
    return there


def killed(server: RunningServer) -> None:
    """Kill the serving process, and wait until another one serves."""
    dead = server.serving
    server.kill_serving()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{dead}").exists() or not server.ready():
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


async def test_e30_after_a_kill_in_every_state_all_go_on_where_they_were(story: Story) -> None:
    ana, ben = await story.agent("ana"), await story.agent("ben")
    timers = {**SOON, "agent_grace": 60, "visitor_grace": 60}
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", timers=timers)
    await ben.send(type="presence", state="busy")
    there = await in_states(story, ana, ben)
    names = {state: conversation(visitor) for state, visitor in there.items()}
    before = {state: await ana.case(name) for state, name in names.items()}
    assert {state: case["state"] for state, case in before.items()} == {state: state for state in there}
    active = names["active"]
    await ana.follow(active)
    await ana.send(type="draft", conversation=active, text="I was about to")
    await ana.case(active)  # the draft was taken before this was answered

    await asyncio.to_thread(killed, story.server)
    await ana.connect()
    await ben.connect()
    back = {state: await story.back(visitor) for state, visitor in there.items()}
    after = {state: await ana.case(name) for state, name in names.items()}

    for state in there:
        same = ("state", "owner", "epoch", "enqueued_at", "offered_to", "transfer_to", "seq")
        assert {field: after[state][field] for field in same} == {field: before[state][field] for field in same}
        assert numbers(back[state]) == list(range(1, before[state]["seq"] + 1))
    following = next(frame for frame in reversed(ana.frames) if frame["type"] == "welcome")["following"]
    assert [(each["conversation"], each["draft"]) for each in following] == [(active, "I was about to")]
    assert (await ana.say(active, "I was about to ask"))["type"] == "ack"
    await back["active"].until("event", text="I was about to ask")
    ringing = names["ringing"]
    assert (await ana.desk("accept", ringing, after["ringing"]["epoch"]))["type"] == "ack"
    moving = names["transferring"]
    assert (await ben.desk("accept_transfer", moving, after["transferring"]["epoch"]))["type"] == "ack"
    await back["transferring"].until("event", status="joined")


async def test_e17_e25_a_chat_ends_is_rated_and_opened_again_and_the_queue_closes_with_the_hours(story: Story) -> None:
    ana, visitor = await story.agent("ana"), await story.visitor()
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", timers=SOON)
    name = await wants_person(visitor)
    epoch = (await ana.take(name))["epoch"]
    assert (await ana.desk("close", name, epoch, resolution="helped", tags=["tents"]))["type"] == "ack"
    await visitor.say("late", "one more thing")
    await visitor.until("event", status="reconnecting")
    epoch = (await ana.take(name))["epoch"]
    await ana.desk("close", name, epoch, resolution="helped")
    await visitor.until("event", status="closed")
    await visitor.send(type="action", client_msg_id="rate", action="rate", value="5", text="thanks")
    await visitor.until("ack", client_msg_id="rate")

    await ana.until("case", case__conversation=name, case__state="closed")
    episodes = (await ana.rest("GET", f"cases/{name}"))["episodes"]
    assert [each["rating"] for each in episodes] == [0, 5]
    never = [[]] * 7
    never[0] = [[0, 1]]
    other = await story.visitor()
    await ana.send(type="presence", state="busy")
    waiting = await wants_person(other)
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", hours=never, timers=SOON)
    await other.until("event", status="offline_now")
    assert (await ana.case(waiting))["state"] == "offline_form"
    await ana.rest("PUT", "departments/general", name_zh="客服", name_en="Support", timers=SOON)
