"""The console as agents meet it: a process of its own, real sockets, commands beside it, restarts and kill -9."""

import asyncio
import shutil
import time
from io import StringIO

import pytest
from rich.console import Console

from server.settings import Installation
from server.staff.demo import add_demo_agents
from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer, Visitor, kefu, widget_key
from tests.fakes.console import Browser, Refused

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def installation(shop):
    passwords = {
        "ana": add_agent(shop, "ana", "--role", "admin"),
        "ben": add_agent(shop, "ben", "--name", "Ben"),
        "cat": add_agent(shop, "cat"),
    }
    return shop, widget_key(shop), passwords


@pytest.fixture
def another(installation, tmp_path):
    """An installation that no server runs on; keys and agents are the same."""
    home, key, passwords = installation
    ignored = shutil.ignore_patterns("*.log", "conversations.db*", "search.db*")
    return shutil.copytree(home, tmp_path / "home", ignore=ignored), key, passwords


@pytest.fixture
async def people():
    """Whoever is in it is sent home at the end."""
    here = []
    yield here
    for each in here:
        await each.close()


@pytest.fixture(scope="module")
def server(installation):
    with RunningServer(installation[0]) as running:
        yield running


async def sign_in(people, server, passwords, login):
    browser = await Browser.sign_in(server.url, login, passwords[login])
    people.append(browser)
    return browser


async def arrive(people, server, key="", **hello):
    ann = await Visitor.connect(server.url, key=key, language="en", **hello)
    people.append(ann)
    return ann, await ann.until("welcome")


async def test_a_visitor_is_handed_over_answered_and_closed(server, installation, people):
    _, key, passwords = installation
    browser = await sign_in(people, server, passwords, "ana")
    ana = await browser.desk()
    ann, welcome = await arrive(people, server, key)
    conversation = welcome["conversation"]
    await ann.say("m1", "How many days do I have to return something I don't like?")
    await ann.until("event", author="bot")
    await ann.say("m2", "I want to talk to a human")
    await ann.until("event", status="queued")
    await ana.until("ring", conversation=conversation)
    await ana.act("accept", conversation)
    await ann.until("event", status="joined")

    facts = await browser.get(f"cases/{conversation}")
    assert facts["brief"]["reason"] == "customer_request"
    assert facts["brief"]["tried"][0]["entry_id"] == "en-return-window"
    await ana.send(type="follow", conversation=conversation)
    followed = await ana.until("following")
    receipts = [event["receipt"] for event in followed["events"] if event["kind"] == "replied" and "receipt" in event]
    assert receipts[0]["candidates"][0]["entry_id"] == "en-return-window"

    suggested = await browser.get(f"suggest?conversation={conversation}&q=return+policy")
    await ana.ask(type="say", conversation=conversation, text=suggested["items"][0]["answer"])
    said = await ann.until("event", name="ana")
    assert said["text"] == suggested["items"][0]["answer"]
    await ana.act("close", conversation, resolution="resolved", tags=["returns"])
    await ann.until("event", status="closed")
    await ana.case_in(conversation, "wrap_up", "closed")


async def test_two_agents_accept_in_the_same_moment_and_one_wins(server, installation, people):
    _, key, passwords = installation
    browsers = [await sign_in(people, server, passwords, login) for login in ("ana", "ben")]
    desks = [await browser.desk() for browser in browsers]
    ann, welcome = await arrive(people, server, key)
    conversation = welcome["conversation"]
    await ann.send(type="action", client_msg_id="h1", action="human")
    _, rung = [await desk.case_in(conversation, "ringing") for desk in desks]
    # the one it rings for accepts, the administrator or the colleague takes it at the same time
    verbs = ["accept" if rung["offered_to"] == desk.frames[0]["agent"] else "take_over" for desk in desks]
    tries = (desk.act(verb, conversation, epoch=rung["epoch"]) for desk, verb in zip(desks, verbs, strict=True))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    won = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, dict)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert (len(won), len(lost)) == (1, 1)
    winner = desks[won[0]].frames[0]["agent"]
    assert lost[0].code in ("already_taken", "stale", "not_allowed")
    if lost[0].code == "already_taken":
        assert lost[0].frame["by"] == winner
    await ann.until("event", status="joined")
    page = await browsers[0].get(f"cases/{conversation}")
    assert page["case"]["owner"] == f"agent:{winner}"
    await desks[won[0]].act("close", conversation)


async def test_an_agent_who_is_disabled_by_a_command_is_out_within_a_second(server, installation, people):
    home, _, passwords = installation
    browser = await sign_in(people, server, passwords, "cat")
    desk = await browser.desk()
    stopwatch: list[float] = []

    def disable():
        kefu(home, "agents", "disable", "cat")
        stopwatch.append(time.monotonic())

    closing = asyncio.create_task(desk.closed())
    await asyncio.to_thread(disable)
    assert await closing == 3505
    assert time.monotonic() - stopwatch[0] < 5  # a second, on a machine that is not busy
    assert (await browser.call("GET", "session"))[0] == 401
    status, _ = await browser.call("POST", "session", {"login": "cat", "password": passwords["cat"]})
    assert status == 401


async def test_killed_in_the_middle_of_a_chat_nothing_is_lost_for_either_side(another, people):
    home, key, passwords = another
    with RunningServer(home) as server:
        guesser = Browser(server.url)
        people.append(guesser)
        guess = {"login": "ben", "password": "not this one"}
        statuses = [(await guesser.call("POST", "session", guess))[0] for _ in range(7)]
        assert statuses == [401] * 5 + [429] * 2
        browser = await sign_in(people, server, passwords, "ana")
        ana = await browser.desk()
        ann, welcome = await arrive(people, server, key)
        conversation = welcome["conversation"]
        await ann.send(type="action", client_msg_id="h1", action="human")
        await ana.until("ring", conversation=conversation)
        await ana.act("accept", conversation)
        await ana.send(type="follow", conversation=conversation)
        await ana.until("following")
        await ana.ask(type="say", conversation=conversation, text="Hello, this is Ana")
        await ana.send(type="draft", conversation=conversation, text="unfinished")
        await ana.ask(type="note", conversation=conversation, text="kept, too")
        held = ana.events(conversation)
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

        mine = {
            "conversation": conversation,
            "last_seq": max(event["seq"] for event in held if "audience" not in event),
            "last_internal": max(event["seq"] for event in held if "audience" in event),
        }
        browser.url = server.url
        again = await browser.desk(mine)  # the session outlives the process
        followed = again.frames[0]["following"][0]
        assert followed["recovered"]
        assert followed["draft"] == "unfinished"
        assert not {event["id"] for event in followed.get("events", [])} & {event["id"] for event in held}
        assert again.cases[conversation]["state"] == "active"
        back, again_welcome = await arrive(people, server, token=welcome["token"])
        assert "Hello, this is Ana" in [event.get("text") for event in again_welcome["events"]]
        assert 401 in [(await guesser.call("POST", "session", guess))[0] for _ in range(2)]  # looked at again,
        assert (await guesser.call("POST", "session", guess))[0] == 429  # but nothing is forgiven
        await again.ask(type="say", conversation=conversation, text="Still here")
        await back.until("event", text="Still here")


def test_a_demonstration_has_two_agents_whose_passwords_are_shown_once(tmp_path):
    printed = StringIO()
    for _ in range(2):
        add_demo_agents(Installation(home=tmp_path), Console(file=printed, width=200))
    assert [word for word in printed.getvalue().split() if word in ("ana", "ben")] == ["ana", "ben"]
    assert printed.getvalue().count("password") == 2
    assert kefu(tmp_path, "agents", "list").count("live") == 2


def test_agents_are_kept_by_commands(tmp_path):
    made = add_agent(tmp_path, "Ana", "--role", "admin", "--language", "zh", "--capacity", "7")
    assert len(made) >= 16
    shown = kefu(tmp_path, "agents", "list")
    assert all(word in shown for word in ("ana", "admin", "zh", "7"))
    assert made not in shown
    kefu(tmp_path, "agents", "disable", "ana", code=2)  # the last administrator
    kefu(tmp_path, "agents", "add", "ana", code=2)
    kefu(tmp_path, "agents", "add", "bob", "--role", "king", code=2)
    kefu(tmp_path, "agents", "password", "nobody", code=2)
    assert "password" in kefu(tmp_path, "agents", "password", "ana")
