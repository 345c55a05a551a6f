"""The story of a conversation that goes to people and back: a visitor and two agents, each in a real Chromium."""

import asyncio

import pytest

from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer

pytest.importorskip("playwright", reason="playwright is not installed")
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.e2e.browser import ENGLISH
from tests.e2e.desk_page import DeskPage

pytestmark = pytest.mark.e2e
SLOW = 30_000  # ms, on a busy machine
ATTACK = '<img src=x onerror="window.__pwned=1"> [x](javascript:window.__pwned=1) ![b](https://evil.example/p.png)'


@pytest.fixture(scope="module")
def passwords(shop):
    return {
        "ana": add_agent(shop, "ana", "--name", "Ana", "--role", "admin"),
        "ben": add_agent(shop, "ben", "--name", "Ben"),
    }


@pytest.fixture(scope="module")
def server(shop, passwords):
    with RunningServer(shop, demo_kb="shop", origins="*") as running:
        yield running


@pytest.fixture
async def desk(chromium, server, passwords):
    contexts = []

    async def sign_in(login):
        context = await chromium.new_context(locale="en-GB", viewport={"width": 1360, "height": 820})
        contexts.append(context)
        return await DeskPage(await context.new_page()).sign_in(server.url, login, passwords[login])

    yield sign_in
    for context in contexts:
        await context.close()


def told(visitor, text):
    return visitor.page.locator("#kefu-widget .told").get_by_text(text)


async def test_a_conversation_goes_to_a_person_on_to_a_colleague_and_ends_with_five_stars(server, desk, new_page):
    ana, ben = await desk("ana"), await desk("ben")
    await ana.be("Available")
    visitor = await (await new_page(ENGLISH)).open(server.url)
    await visitor.say("How many days do I have to return a full-price item?")
    await visitor.answered(1, within_s=40)
    await visitor.say("I want to talk to a real person please")
    await expect(told(visitor, "You are number 1")).to_be_visible(timeout=SLOW)
    await expect(ana.ring).to_contain_text("Asked for a person", timeout=SLOW)
    await ana.accept()
    await expect(told(visitor, "Ana joined.")).to_be_visible(timeout=SLOW)
    # what the assistant said is there, with its reasons
    await expect(ana.page.locator(".brief, .details")).to_contain_text("Asked for a person", timeout=SLOW)
    await ana.page.locator(".receipt summary").first.click()
    await expect(ana.page.locator(".receipt dl").first).to_contain_text("Confidence")
    # both see each other type, and what is written arrives
    await visitor.box.press_sequentially("My parcel is late", delay=30)
    await expect(ana.page.locator(".preview")).to_contain_text("My parcel", timeout=SLOW)
    await visitor.box.press("Enter")
    await expect(ana.line("My parcel is late")).to_be_visible(timeout=SLOW)
    await ana.say("I am looking it up for you.")
    await expect(visitor.theirs.filter(has_text="I am looking it up")).to_be_visible(timeout=SLOW)
    # a note is the team's alone
    await ana.note("Ask Ben about the carrier")
    await expect(ana.line("Ask Ben about the carrier")).to_be_visible(timeout=SLOW)
    # Ben is asked, and takes it
    await ben.be("Available")
    asked, confirm = await ana.dialog("Transfer", confirm="Transfer")
    await asked.get_by_text("Ben").first.click()
    await asked.get_by_role("textbox").fill("You know the carrier")
    await confirm.click()
    await expect(told(visitor, "Ana is asking Ben")).to_be_visible(timeout=SLOW)
    await expect(ben.ring).to_contain_text("You know the carrier", timeout=SLOW)
    await ben.accept()
    await expect(told(visitor, "Ben joined.")).to_be_visible(timeout=SLOW)
    await expect(ben.line("Ask Ben about the carrier")).to_be_visible(timeout=SLOW)
    await ben.say("It arrives tomorrow.")
    await expect(visitor.theirs.filter(has_text="arrives tomorrow")).to_be_visible(timeout=SLOW)
    # the end
    _, confirm = await ben.dialog("Close chat", confirm="Close chat")
    await confirm.click()
    await visitor.page.locator("#kefu-widget .star").nth(4).click(timeout=SLOW)
    await expect(visitor.page.locator("#kefu-widget .thanks")).to_be_visible(timeout=SLOW)
    await expect(ben.line("Rated 5 of 5")).to_be_visible(timeout=SLOW)
    assert await visitor.page.get_by_text("Ask Ben about the carrier").count() == 0
    assert [*ana.complaints, *ben.complaints, *visitor.complaints] == []
    assert ana.hosts | ben.hosts <= {f"127.0.0.1:{server.port}"}


async def test_what_a_visitor_writes_never_becomes_a_page_of_the_agent(server, desk, new_page):
    ana = await desk("ana")
    await ana.be("Available")
    visitor = await (await new_page(ENGLISH)).open(server.url)
    await visitor.say(ATTACK)
    await visitor.say("I want to talk to a human agent")
    await ana.accept()
    await expect(ana.line("onerror")).to_be_visible(timeout=SLOW)
    await ana.say(ATTACK)
    await expect(visitor.theirs.filter(has_text="onerror")).to_be_visible(timeout=SLOW)
    assert await ana.page.evaluate("window.__pwned") is None
    assert await visitor.page.evaluate("window.__pwned") is None
    assert ana.hosts == {f"127.0.0.1:{server.port}"}
    _, confirm = await ana.dialog("Close chat", confirm="Close chat")
    await confirm.click()


async def test_after_a_kill_of_the_server_both_sides_go_on_where_they_were(server, desk, new_page):
    ana = await desk("ana")
    await ana.be("Available")
    visitor = await (await new_page(ENGLISH)).open(server.url)
    await visitor.say("I need a person, please connect me to an agent")
    await ana.accept()
    server.kill_serving()
    await visitor.say("Are you still there?")
    await ana.say("Yes, I am.")  # written while nothing listens
    await expect(visitor.theirs.filter(has_text="Yes, I am.")).to_be_visible(timeout=60_000)
    await expect(ana.line("Are you still there?")).to_be_visible(timeout=60_000)
    assert await ana.page.locator(".timeline .line.agent").filter(has_text="Yes, I am.").count() == 1
    _, confirm = await ana.dialog("Close chat", confirm="Close chat")
    await confirm.click()


async def test_of_two_agents_who_accept_at_once_one_wins_and_the_other_is_told_who(server, desk, new_page):
    ana, ben = await desk("ana"), await desk("ben")
    await ana.be("Busy")  # nobody is rung, all may pick
    await ben.be("Busy")
    visitor = await (await new_page(ENGLISH)).open(server.url)
    await visitor.say("Please let me speak to a human agent")
    await expect(told(visitor, "You are number")).to_be_visible(timeout=SLOW)
    for each in (ana, ben):
        await each.box("Queue")
        await each.open_first()
        await expect(each.page.locator(".conversation-head").get_by_role("button", name="Accept")).to_be_visible()
    accept = [each.page.locator(".conversation-head").get_by_role("button", name="Accept") for each in (ana, ben)]
    await asyncio.gather(*(button.evaluate("button => button.click()") for button in accept))
    await expect(told(visitor, "joined.")).to_have_count(1, timeout=SLOW)
    said = await told(visitor, "joined.").inner_text()
    winner, loser = (ana, ben) if "Ana" in said else (ben, ana)
    await expect(loser.page.locator(".toast.bad")).to_contain_text("has taken this chat already", timeout=SLOW)
    _, confirm = await winner.dialog("Close chat", confirm="Close chat")
    await confirm.click()


async def test_the_console_speaks_to_screen_readers_and_works_on_a_tablet(server, desk):
    ana = await desk("ana")
    await ana.box("All")
    await ana.open_first()
    for size in ({"width": 1280, "height": 800}, {"width": 820, "height": 1100}):
        await ana.page.set_viewport_size(size)
        cut_off = "tabs => tabs.scrollWidth - tabs.clientWidth"
        assert await ana.page.locator(".inbox .tabs").evaluate(cut_off) <= 0, "a box cannot be seen"
        for theme in ("light", "dark"):
            await ana.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found = await Axe().run(ana.page)
            assert found.violations_count == 0, found.generate_report()
    for page in ("Board", "Search", "Settings"):
        await ana.page.locator(".rail").get_by_role("button", name=page, exact=True).click()
        found = await Axe().run(ana.page)
        assert found.violations_count == 0, found.generate_report()


async def test_the_keyboard_is_enough(server, desk):
    ana = await desk("ana")
    await ana.box("All")
    await expect(ana.page.locator(".row").first).to_be_visible(timeout=SLOW)
    await ana.page.keyboard.press("Alt+ArrowDown")
    await expect(ana.page.locator(".conversation-head h2")).to_be_visible(timeout=SLOW)
    await ana.page.keyboard.press("Control+k")
    await expect(ana.page.get_by_role("searchbox", name="Search all conversations")).to_be_focused()
    await ana.page.keyboard.type("parcel")
    await expect(ana.page.locator(".results mark").first).to_be_visible(timeout=SLOW)
