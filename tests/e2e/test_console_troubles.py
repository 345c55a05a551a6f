"""What goes wrong on a working day, seen on both sides in a real Chromium: crashes, people who leave, closed doors."""

import asyncio
import os
import re
import shutil
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.async_api import async_playwright, expect

from tests.e2e.shop_floor import ANDROID, SLOW, Floor, kill

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

# Counts what is heard: each bell is two tones.
EAR = """() => {
  window.tones = 0;
  const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { window.tones += 1; return make.call(this); };
}"""


@pytest.fixture(scope="module")
def passwords(shop):
    return {
        "boss": add_agent(shop, "boss", "--name", "Boss", "--role", "admin"),
        "ana": add_agent(shop, "ana", "--name", "Ana", "--role", "admin", "--capacity", "9"),
        "ben": add_agent(shop, "ben", "--name", "Ben", "--capacity", "9"),
    }


@pytest.fixture(scope="module")
def server(shop, passwords):
    with RunningServer(shop, demo_kb="shop", origins="*") as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def launch():
    path = os.environ.get("KEFU_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        yield lambda: playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(launch):
    made = await launch()
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def floor(server, passwords, browser, launch):
    made = await Floor(server, passwords, browser, launch).open()
    await made.set()
    yield made
    await made.go_home()


# -- an agent's browser


async def with_five_chats(floor):
    """Ana in a browser of her own, with five chats, in each of which she said hello."""
    browser = await floor.browser_of_their_own()
    ana = await floor.agent("ana", browser)
    await ana.be("Available")
    visitors = []
    for number in range(5):
        visitor = await floor.waiting_visitor()
        await ana.takes(visitor)
        await ana.say(f"Hello, number {number}")
        await visitor.reads(f"Hello, number {number}")
        visitors.append(visitor)
    return browser, ana, visitors


async def test_a_browser_that_dies_keeps_five_chats_if_it_is_back_in_time_and_else_a_colleague_gets_them(floor):
    browser, ana, visitors = await with_five_chats(floor)
    await ana.begins_to_write("It is on its w")
    await kill(browser)
    await visitors[0].say("Did you find it?")
    browser = await floor.browser_of_their_own()
    ana = await floor.agent("ana", browser)

    await expect(ana.page.locator(".row")).to_have_count(5, timeout=SLOW)
    await ana.opens(visitors[4])
    await ana.stands("Active")
    await expect(ana.page.get_by_role("textbox", name="Reply", exact=True)).to_have_value(
        "It is on its w", timeout=SLOW
    )
    await ana.opens(visitors[0])
    await expect(ana.line("Did you find it?")).to_have_count(1, timeout=SLOW)
    await expect(ana.line("Hello, number 0")).to_have_count(1)
    await ana.say("Yes, it is here.")
    await visitors[0].reads("Yes, it is here.")
    for visitor in visitors:
        assert await visitor.said_by_the_system() == ["Connecting you to a person. You are number 1.", "Ana joined."]
        await expect(visitor.standing).to_have_text("With Ana")

    ben = await floor.agent("ben")
    await ben.be("Busy")
    await ana.be("Busy")
    late = await floor.waiting_visitor()
    await floor.set(agent_grace=1)
    await kill(browser)
    await late.was_told("You are now number 6")
    for visitor in visitors:
        await visitor.was_told("Ana lost connection. We're connecting you to a colleague.")
        await expect(visitor.standing).to_have_text("Connecting you to a person")
    await ben.box("Queue")
    await expect(ben.page.locator(".row")).to_have_count(6, timeout=SLOW)
    order = await ben.order()
    assert sorted(order[:5]) == sorted(visitor.name for visitor in visitors)
    assert order[5] == late.name

    await floor.set()
    await ben.be("Available")
    for number, visitor in enumerate(visitors):
        await ben.takes(visitor)
        await expect(ben.line(f"Hello, number {number}")).to_have_count(1)
        await ben.say("Ben here.")
        await visitor.reads("Ben here.")
        said = await visitor.said_by_the_system()
        assert [text.split(".")[0] for text in said if "number" not in text] == [
            "Ana joined", "Ana lost connection", "Ben joined",
        ]  # fmt: skip
    ana = await floor.agent("ana")
    await expect(ana.page.get_by_text("Nobody needs you right now.")).to_be_visible(timeout=SLOW)
    assert floor.complaints == []


async def test_an_agent_with_two_tabs_hears_one_bell_and_what_is_done_in_one_is_seen_in_the_other(floor):
    here = await floor.agent("ana")
    await here.be("Available")
    there = await here.another_tab()
    for tab in (here, there):
        await tab.listens(EAR)
        await tab.box("Queue")
        await tab.box("Mine")
    visitor = await floor.waiting_visitor()
    for tab in (here, there):
        await expect(tab.rings_for(visitor)).to_be_visible(timeout=SLOW)
    await here.takes(visitor)
    await expect(there.ring).to_have_count(0, timeout=SLOW)
    assert await here.tones() + await there.tones() == 2

    await visitor.say("Are you two people?")
    await expect(here.line("Are you two people?")).to_be_visible(timeout=SLOW)
    await expect(there.row(visitor)).to_contain_text("Are you two people?", timeout=SLOW)
    await expect(there.row(visitor)).not_to_contain_class("unread", timeout=SLOW)  # it was read in the other one
    await there.opens(visitor)
    await here.say("No, one with two tabs.")
    await expect(there.line("No, one with two tabs.")).to_be_visible(timeout=SLOW)
    await there.say("And both can write.")
    await expect(here.line("And both can write.")).to_be_visible(timeout=SLOW)
    await visitor.reads("And both can write.")
    await here.page.close()
    await there.say("Now there is one.")
    await visitor.reads("Now there is one.")
    await expect(there.page.locator(".me-button")).to_have_attribute("aria-label", "My status: Available")
    assert await visitor.said_by_the_system() == ["Connecting you to a person. You are number 1.", "Ana joined."]


async def test_a_colleague_who_declines_a_transfer_leaves_the_chat_where_it_was(floor):
    ana, ben = await floor.agent("ana"), await floor.agent("ben")
    await ben.be("Busy")
    await ana.be("Available")
    visitor = await floor.waiting_visitor()
    await ana.takes(visitor)
    await ben.be("Available")
    await ana.asks("Ben", "You know tents")
    await visitor.was_told("Ana is asking Ben from Support to help.")
    await ana.stands("Transferring")
    await expect(ben.rings_for(visitor)).to_contain_text("You know tents", timeout=SLOW)
    await ben.ring.get_by_role("button", name="Decline").click()

    await ana.stands("Active")
    await expect(ben.ring).to_have_count(0)
    await expect(ana.line("Ben declined the transfer")).to_be_visible(timeout=SLOW)
    await expect(ana.page.locator(".toast").filter(has_text="Ben declined")).to_be_visible(timeout=SLOW)
    await visitor.was_told("Ana is still with you.")
    await expect(visitor.standing).to_have_text("With Ana")
    await ana.say("It is the grey one.")
    await visitor.reads("It is the grey one.")
    assert await visitor.said_by_the_system() == [
        "Connecting you to a person. You are number 1.",
        "Ana joined.",
        "Ana is asking Ben from Support to help.",
        "Ana is still with you.",
    ]


# -- the visitor


async def test_a_visitor_who_closes_the_tab_while_waiting_keeps_the_place_for_a_while_and_no_longer(floor, server):
    ana = await floor.agent("ana")
    await ana.be("Busy")
    first, second = await floor.waiting_visitor(1), await floor.waiting_visitor(2)
    await ana.opens(first, box="Queue")
    await expect(ana.head).to_contain_text("Online")
    await first.closes_the_tab()
    await expect(ana.head).to_contain_text(re.compile("Left [0-9]"), timeout=SLOW)
    await expect(ana.line("left the page")).to_be_visible(timeout=SLOW)
    assert await ana.order() == [first.name, second.name]

    first = await first.comes_back(server.url)
    await expect(ana.line("is back")).to_be_visible(timeout=SLOW)
    await expect(ana.head).to_contain_text("Online")
    await expect(first.standing).to_have_text("Connecting you to a person")
    assert await first.said_by_the_system() == ["Connecting you to a person. You are number 1."]

    await floor.set(visitor_grace=1)
    await first.closes_the_tab()
    await second.was_told("You are now number 1")
    await ana.stands("Assistant")
    await expect(ana.line("so your place in the queue is gone")).to_be_visible(timeout=SLOW)
    await expect(ana.page.locator(".row")).to_have_count(1)
    await floor.set()
    first = await first.comes_back(server.url)
    await first.was_told("You were away, so your place in the queue is gone. All you wrote is kept.")
    await first.presses("Talk to a person")
    await first.was_told("You are number 2")
    assert floor.complaints == []


async def test_out_of_hours_a_visitor_abroad_reads_both_times_and_leaves_a_message_with_the_whole_chat(floor):
    ana = await floor.agent("ana")
    await floor.set(timezone="Europe/Berlin", hours=only_tomorrow())
    visitor = await floor.visitor(timezone_id="Asia/Shanghai", user_agent=ANDROID)
    await visitor.say("How many days do I have to return a full-price item?")
    await visitor.answered(1, within_s=60)
    await visitor.asks_for_a_person(re.compile(r"Our team is back tomorrow 09:00 \(your time 1[56]:00\)"))
    form = visitor.page.locator("#kefu-widget form.leave")
    await form.get_by_label("Your e-mail").fill("ann@example.com")
    await form.get_by_label("What should we know?").fill("The zip is broken")
    await form.get_by_role("button", name="Leave a message").click()
    await visitor.was_told("Thank you. We'll answer to ann@example.com.")

    await ana.opens(visitor, box="Queue")
    await ana.stands("Ticket")
    await expect(ana.page.locator(".line.visitor")).to_contain_text("How many days do I have", timeout=SLOW)
    await expect(ana.page.locator(".line.bot")).to_contain_text("days")
    await expect(ana.line("ann@example.com · The zip is broken")).to_be_visible()
    for fact in ("ann@example.com", "Chrome on Android", f"{floor.server.url}/"):
        await expect(ana.page.locator(".details")).to_contain_text(fact, timeout=SLOW)
    await ana.button("Accept").click()
    await visitor.was_told("Ana joined.")
    await ana.say("We send you a new one.")
    await visitor.reads("We send you a new one.")
    assert floor.complaints == []


def only_tomorrow():
    """Hours of a department that is open for a day, from nine, and not before tomorrow."""
    today = datetime.now(ZoneInfo("Europe/Berlin")).weekday()
    return [[[540, 1080]] if day == (today + 1) % 7 else [] for day in range(7)]


# -- the server

STANDS = {
    "bot": "Assistant", "offer": "Offered a person", "queued": "Waiting", "ringing": "Ringing", "active": "Active",
    "on_hold": "On hold", "transferring": "Transferring", "wrap_up": "Wrap-up", "closed": "Closed",
}  # fmt: skip


async def in_every_state(floor, ana, ben):
    """A visitor in each state that a conversation can be in, brought there by hand."""
    await ben.be("Busy")
    await ana.be("Available")
    there = {}
    for state in ("closed", "wrap_up", "on_hold", "transferring", "active"):
        there[state] = visitor = await floor.waiting_visitor()
        await ana.takes(visitor)
        if state == "on_hold":
            _, confirm = await ana.dialog("Hold", confirm="Hold")
            await confirm.click()
            await visitor.was_told("Ana is looking into it.")
        if state in ("closed", "wrap_up"):
            await ana.ends_the_chat()
            await visitor.was_told("This chat has ended. How did we do?")
        if state == "closed":
            await ana.button("Finish").click()
            await ana.stands("Closed")
    there["ringing"] = await floor.waiting_visitor()
    await expect(ana.rings_for(there["ringing"])).to_be_visible(timeout=SLOW)
    await ben.be("Available")
    await ana.opens(there["transferring"], box="Mine")
    await ana.asks("Ben", "You know tents")
    await expect(ben.rings_for(there["transferring"])).to_be_visible(timeout=SLOW)
    await ana.be("Busy")
    await ben.be("Busy")
    there["queued"] = await floor.waiting_visitor(2)
    there["bot"], there["offer"] = await floor.visitor(), await floor.visitor()
    await there["bot"].say("How many days do I have to return a full-price item?")
    await there["offer"].finds_no_help_in(
        "Which payment methods do you accept?", "How long does standard delivery take?"
    )
    await there["offer"].was_told("Would you like to talk to a person?")
    await there["bot"].answered(1, within_s=60)
    return there


async def all_go_on(there, ana, ben):
    """Do in each state what comes next."""
    await there["bot"].say("Which payment methods do you accept?")
    await there["offer"].presses("Yes")
    await there["queued"].presses("Stop waiting")
    await there["queued"].was_told("OK, I'm still here.")
    await ben.takes(there["transferring"])
    await there["transferring"].was_told("Ben joined.")
    await ana.takes(there["ringing"])
    await there["ringing"].was_told("Ana joined.")
    await there["active"].say("And now?")
    await ana.opens(there["active"], box="Mine")
    await expect(ana.line("And now?")).to_have_count(1, timeout=SLOW)
    await ana.say("Now we go on.")
    await there["active"].reads("Now we go on.")
    await there["on_hold"].say("I found the number")
    await ana.opens(there["on_hold"])
    await ana.stands("Active")
    for state in ("wrap_up", "closed"):
        await there[state].page.locator("#kefu-widget .star").nth(4).click(timeout=SLOW)
        await expect(there[state].page.locator("#kefu-widget .thanks")).to_be_visible(timeout=SLOW)
    await ana.opens(there["wrap_up"])
    await expect(ana.line("Rated 5 of 5")).to_be_visible(timeout=SLOW)
    await ana.button("Finish").click()
    await ana.stands("Closed")
    await there["offer"].was_told("You are number")
    await there["bot"].answered(2, within_s=60)


async def shown(ana, there):
    """How the console says that each conversation stands, where its list and its head say the same."""
    said = {state: await ana.shows(there[state], "Closed" if state == "closed" else "All") for state in STANDS}
    return {state: row if row == head else (row, head) for state, (row, head) in said.items()}


def killed(server):
    """Kill the serving process, and wait until another one serves."""
    dead = server.serving
    server.kill_serving()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{dead}").exists() or not server.ready():
        assert time.monotonic() < deadline, server.log()
        time.sleep(0.05)


async def test_a_server_that_is_killed_comes_back_with_every_conversation_as_it_was(floor, server):
    ana, ben = await floor.agent("ana"), await floor.agent("ben")
    there = await in_every_state(floor, ana, ben)
    before = {state: await visitor.screen() for state, visitor in there.items()}
    assert await shown(ana, there) == STANDS
    await asyncio.to_thread(killed, server)
    for visitor in there.values():
        await expect(visitor.page.locator("#kefu-widget .head .dot.away")).to_have_count(0, timeout=60_000)
    await ana.is_online()
    await ben.is_online()

    assert {state: await visitor.screen() for state, visitor in there.items()} == before
    assert await shown(ana, there) == STANDS
    await ana.page.reload()  # what rang still does
    await expect(ana.rings_for(there["ringing"])).to_be_visible(timeout=SLOW)
    assert await shown(ana, there) == STANDS
    await all_go_on(there, ana, ben)
    assert ana.complaints + ben.complaints == []
