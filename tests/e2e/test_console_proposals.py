"""What the assistant would say, offered to the agent alone; and a visitor who is erased while the page is open."""

import aiohttp
import pytest

from tests.e2e.agents import add_agent
from tests.e2e.harness import RunningServer, Visitor, kefu, widget_key

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.async_api import expect

from tests.e2e.desk_page import DeskPage

pytestmark = pytest.mark.e2e
SLOW = 60_000  # ms, on a busy machine


async def test_a_suggestion_is_taken_with_one_key_and_all_of_it_goes_with_its_visitor(shop, chromium):
    key, password = widget_key(shop), add_agent(shop, "ana", "--name", "Ana")
    secret = kefu(shop, "keys", "add", "--secret", "conversations:read,conversations:write").split()[0]
    with RunningServer(shop) as server:
        page = await chromium.new_page(locale="en-GB", viewport={"width": 1280, "height": 800})
        ana = await DeskPage(page).sign_in(server.url, "ana", password)
        await ana.be("Available")
        ann = await Visitor.connect(server.url, key=key, language="en")
        await ann.until("welcome")
        await ann.send(type="action", client_msg_id="h1", action="human")
        await ana.accept()
        await ann.say("m1", "How many days do I have to return a full-price item?")
        await expect(page.locator(".proposal")).to_contain_text("30 days", timeout=SLOW)
        field = page.get_by_role("textbox", name="Reply", exact=True)
        await field.press("Tab")
        assert "30 days" in await field.input_value()
        await expect(page.locator(".proposal")).to_have_count(0)
        assert not any("30 days" in str(frame) for frame in ann.frames)

        async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {secret}"}) as http:
            async with http.get(f"{server.url}/v1/conversations") as answer:
                visitor = (await answer.json())["items"][0]["visitor"]
            async with http.delete(f"{server.url}/v1/visitors/{visitor}") as answer:
                assert answer.status == 200
        await expect(ana.line("How many days")).to_have_count(0, timeout=SLOW)
        await expect(ana.line("Deleted at the visitor")).to_be_visible(timeout=SLOW)
        await expect(page.locator(".row").first).not_to_contain_text("How many days")
        await expect(field).to_have_value("")  # what was being written about it is gone, too
        assert ana.complaints == []
        await ann.close()
