"""The widget where no WebSocket gets through: a real Chromium, a real server, and a wall between them."""

import asyncio
import shutil

import pytest

from tests.e2e.harness import RunningServer
from tests.fakes.wall import Wall

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.async_api import expect

pytestmark = pytest.mark.e2e

RETURNS = "How many days do I have to return something I don't like?"


@pytest.fixture(scope="module")
def server(shop, tmp_path_factory):
    """Wait long before asking back: long enough to be restarted meanwhile."""
    home = tmp_path_factory.mktemp("walled") / "home"
    shutil.copytree(shop, home, ignore=shutil.ignore_patterns("*.log", "conversations.db*"))
    with RunningServer(home, demo_kb="shop", drain_s="3", quiet_s="3", patience_s="5") as running:
        yield running


@pytest.fixture
async def wall(server):
    async with Wall(server.url) as wall:
        yield wall


@pytest.mark.parametrize("holds_back", [False, True], ids=["streams", "polls"])
async def test_a_visitor_asks_chooses_and_rates_without_a_websocket(server, wall, new_page, holds_back):
    wall.holds_back = holds_back
    visitor = await (await new_page()).open(wall.url)
    await visitor.say(RETURNS)
    await visitor.answered(1, within_s=60)
    await visitor.state(0, "read")
    await visitor.say("delivery")
    choice = visitor.page.locator("#kefu-widget .choice").first
    label = await choice.inner_text(timeout=60_000)
    await choice.click()
    await visitor.answered(2, within_s=60)
    await visitor.page.get_by_role("button", name="This helped").last.click()
    await expect(visitor.page.get_by_text("Thank you!")).to_be_visible()
    await expect(visitor.mine).to_have_text([RETURNS, "delivery", label])

    assert wall.refused >= 2
    assert wall.upgraded == 0
    assert ("/v1/http/poll" in wall.asked) is holds_back
    refused = wall.refused
    await visitor.page.reload()  # what was found out is remembered
    await visitor.bubble.click()
    await expect(visitor.mine).to_have_count(3, timeout=30_000)
    assert wall.refused == refused


async def test_what_is_said_without_a_network_is_kept_and_arrives_once(server, wall, new_page):
    visitor = await (await new_page()).open(wall.url)
    await visitor.say("hello")
    await visitor.state(0, "read", within_s=60)
    await visitor.page.context.set_offline(True)
    await visitor.say(RETURNS)
    await visitor.state(1, "sending")
    await visitor.page.context.set_offline(False)
    await visitor.answered(1, within_s=60)
    await expect(visitor.mine).to_have_text(["hello", RETURNS])


async def test_a_message_whose_answer_is_lost_with_the_stream_arrives_once(server, wall, new_page):
    visitor = await (await new_page()).open(wall.url)
    await visitor.say("hello")
    await visitor.state(0, "read", within_s=60)
    wall.loses_answers_to = RETURNS[:20]
    await visitor.say(RETURNS)
    await visitor.answered(1, within_s=60)
    await expect(visitor.mine).to_have_text(["hello", RETURNS])
    assert wall.loses_answers_to == ""


async def test_a_server_that_restarts_answers_all_the_same_and_a_websocket_is_used_when_one_opens(
    server, wall, new_page
):
    visitor = await (await new_page()).open(wall.url)
    await visitor.say("delivery")  # the bot waits three seconds before it asks back
    await visitor.state(0, "sent", within_s=60)
    await asyncio.to_thread(server.restart)
    await expect(visitor.page.locator("#kefu-widget .choice").first).to_be_visible(timeout=60_000)
    await expect(visitor.mine).to_have_text(["delivery"])
    await expect(visitor.page.locator("#kefu-widget .choices")).to_have_count(1)

    wall.open = True
    await visitor.page.context.set_offline(True)  # as when one leaves the office: it is looked soon again
    await visitor.page.context.set_offline(False)
    async with asyncio.timeout(60):
        while not wall.welcomed:  # noqa: ASYNC110 (a real browser, in its own time)
            await asyncio.sleep(0.1)
    await visitor.say(RETURNS)
    await visitor.answered(1, within_s=60)
    await expect(visitor.mine).to_have_text(["delivery", RETURNS])
