"""The people of a shop on one day: visitors and agents, each in a browser; and who sets its hours and timers."""

import asyncio
import json
import os
import re
import signal
from contextlib import suppress

import aiohttp
from playwright.async_api import Error, expect

from tests.e2e.browser import ENGLISH, Page
from tests.e2e.colleague import HEADERS, Colleague
from tests.e2e.desk_page import DeskPage

SLOW = 45_000  # ms, on a busy machine
PATIENT = {
    "agent_grace": 300, "visitor_grace": 300, "ring": 600, "queue_max": 900, "transfer": 600, "offer": 600,
    "first_notice": 900, "first_reply": 900, "wrap_up": 600, "notice_gap": 1,
}  # fmt: skip
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Mobile Safari/537.36"
)


class ShopVisitor(Page):
    """A visitor in front of the widget."""

    def __init__(self, page, words, name=""):
        super().__init__(page, words)
        self.name = name  # that agents know the visitor by
        self.conversation = asyncio.get_running_loop().create_future()
        page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: self._heard(frame)))

    def _heard(self, frame):
        welcome = json.loads(frame)
        if welcome["type"] == "welcome" and not self.conversation.done():
            self.conversation.set_result(welcome["conversation"])

    @property
    def told(self):
        return self.page.locator("#kefu-widget .told-text")

    def was_told(self, text):
        return expect(self.told.filter(has_text=text).last).to_be_visible(timeout=SLOW)

    @property
    def standing(self):
        """What the head of the panel says: who has the conversation."""
        return self.page.locator("#kefu-widget .head .names p span:not(.dot)")

    async def asks_for_a_person(self, then="You are number"):
        await self.page.locator("#kefu-widget .head").get_by_role("button", name="Talk to a person").click()
        await self.was_told(then)
        return self

    async def presses(self, name):
        await self.page.locator("#kefu-widget .log").get_by_role("button", name=name).last.click(timeout=SLOW)

    def reads(self, text):
        return expect(self.theirs.filter(has_text=text)).to_have_count(1, timeout=SLOW)

    async def said_by_the_system(self):
        """What was told, but for how long it may take: that is known once some were served."""
        return [re.sub(r", about \d+ min", "", text) for text in await self.told.all_inner_texts()]

    async def screen(self):
        """All that is on it but the time of day: what was said, who has it, and what can be pressed."""
        panel = self.page.locator("#kefu-widget .panel")
        return {
            "standing": await self.standing.inner_text(),
            "said": await panel.locator(".told-text, .row .bubble").all_inner_texts(),
            "buttons": await panel.locator(".choice:enabled, .star:enabled, .head .act").all_inner_texts(),
        }

    async def closes_the_tab(self):
        await self.page.close()

    async def comes_back(self, url):
        """Open the page again, in the same browser."""
        page = type(self)(await self.page.context.new_page(), self.words, self.name)
        return await page.open(url)

    async def finds_no_help_in(self, *questions):
        """Ask, and press the thumb that points down, each time."""
        for count, question in enumerate(questions, 1):
            await self.say(question)
            await self.answered(count, within_s=60)
            await self.page.locator("#kefu-widget").get_by_role("button", name="This did not help").last.click()


class FloorDesk(DeskPage):
    """An agent on the shop's floor."""

    def __init__(self, page):
        super().__init__(page)
        self.sent = asyncio.Queue()  # over the socket
        page.on("websocket", lambda socket: socket.on("framesent", lambda frame: self.sent.put_nowait(frame)))

    async def begins_to_write(self, text):
        """Type, and wait until the server knows of it."""
        await self.page.get_by_role("textbox", name="Reply", exact=True).press_sequentially(text)
        async with asyncio.timeout(SLOW / 1000):
            while '"draft"' not in (frame := str(await self.sent.get())) or text not in frame:
                pass

    def row(self, visitor):
        return self.page.locator(".row").filter(has_text=visitor.name)

    async def opens(self, visitor, box=None):
        if box:
            await self.box(box)
        await self.row(visitor).click(timeout=SLOW)
        await expect(self.head.get_by_role("heading", name=visitor.name)).to_be_visible(timeout=SLOW)

    async def order(self):
        """The names in the list, from the top."""
        return await self.page.locator(".row strong").all_inner_texts()

    async def shows(self, visitor, box):
        """How a conversation stands, as the list and the open conversation say it."""
        await self.opens(visitor, box=box)
        return await self.row(visitor).locator(".pill").first.inner_text(), await self.pill.inner_text()

    @property
    def head(self):
        return self.page.locator(".conversation-head")

    @property
    def pill(self):
        """How the open conversation stands, in a word."""
        return self.head.locator(".where .pill")

    def button(self, name):
        return self.head.get_by_role("button", name=name, exact=True)

    def stands(self, word):
        return expect(self.pill).to_have_text(word, timeout=SLOW)

    def rings_for(self, visitor):
        return self.ring.filter(has_text=visitor.name)

    async def takes(self, visitor):
        await self.rings_for(visitor).get_by_role("button", name="Accept").click(timeout=SLOW)
        await self.has(visitor)

    async def has(self, visitor):
        """Wait until the conversation is open, and this agent's."""
        await expect(self.head.get_by_role("heading", name=visitor.name)).to_be_visible(timeout=SLOW)
        await self.stands("Active")
        await expect(self.line("joined.").last).to_be_visible(timeout=SLOW)

    async def asks(self, colleague, note):
        asked, confirm = await self.dialog("Transfer", confirm="Transfer")
        await asked.get_by_text(colleague).first.click()
        await asked.get_by_role("textbox").fill(note)
        await confirm.click()

    async def ends_the_chat(self):
        _, confirm = await self.dialog("Close chat", confirm="Close chat")
        await confirm.click()

    async def another_tab(self):
        """Open the console once more, in the same browser."""
        tab = type(self)(await self.page.context.new_page())
        await tab.page.goto(self.page.url)
        await expect(tab.page.get_by_role("tab", name="Mine")).to_be_visible(timeout=SLOW)
        return tab

    async def listens(self, ear):
        """Count the tones that this tab plays from now on."""
        await self.page.evaluate(ear)

    async def tones(self):
        return await self.page.evaluate("window.tones")

    def is_online(self):
        return expect(self.page.locator(".banner")).to_have_count(0, timeout=60_000)


class Floor:
    """Who takes part in a test, and is sent home at its end."""

    def __init__(self, server, passwords, browser, launch):
        self.server, self.passwords, self.browser, self.launch = server, passwords, browser, launch
        self.contexts, self.own_browsers, self.pages = [], [], []
        self.boss = None

    async def open(self):
        """Let the head of the shop in: over HTTP only, so that nobody counts on them being there."""
        http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={**HEADERS, "Origin": self.server.url}
        )
        self.boss = Colleague(self.server.url, http)
        await self.boss.rest("POST", "session", login="boss", password=self.passwords["boss"])
        return self

    async def set(self, hours=(), timezone="UTC", **timers):
        """Set the department's hours and timers; without hours it is always open."""
        await self.boss.rest(
            "PUT", "departments/general", name_zh="客服", name_en="Support",
            timezone=timezone, hours=hours, timers={**PATIENT, **timers},
        )  # fmt: skip

    async def context(self, browser=None, **options):
        made = await (browser or self.browser).new_context(**{"locale": "en-GB", **options})
        self.contexts.append(made)
        return made

    async def visitor(self, **options):
        context = await self.context(viewport={"width": 900, "height": 800}, **options)
        visitor = await ShopVisitor(await context.new_page(), ENGLISH).open(self.server.url)
        self.pages.append(visitor)
        case = await self.boss.case(await asyncio.wait_for(visitor.conversation, SLOW / 1000))
        visitor.name = f"Visitor {case['visitor']['id'][-4:]}"
        return visitor

    async def waiting_visitor(self, number=1):
        """A visitor who asked for a person."""
        return await (await self.visitor()).asks_for_a_person(f"You are number {number}")

    async def agent(self, login, browser=None):
        context = await self.context(browser, viewport={"width": 1360, "height": 820})
        desk = await FloorDesk(await context.new_page()).sign_in(self.server.url, login, self.passwords[login])
        self.pages.append(desk)
        return desk

    async def browser_of_their_own(self):
        made = await self.launch()
        self.own_browsers.append(made)
        return made

    @property
    def complaints(self):
        return [complaint for page in self.pages for complaint in page.complaints]

    async def go_home(self):
        """Leave nothing behind that rings in the next test."""
        await self.set(wrap_up=1)
        for case in (await self.boss.rest("GET", "cases?box=all&limit=100"))["items"]:
            if case["state"] not in ("bot", "closed"):
                await self._done_with(case["conversation"])
        await self.boss.close()
        for context in self.contexts:
            with suppress(Error):  # of a browser that was killed
                await context.close()
        for browser in self.own_browsers:
            with suppress(Error):
                await browser.close()

    async def _done_with(self, conversation):
        if self.boss.socket is None:
            await self.boss.connect()
        case = await self.boss.case(conversation)
        await self.boss.desk("block", conversation, case["epoch"])


async def kill(browser):
    """End all processes of a browser at once, as a crash or the power does: no goodbye reaches the server."""
    session = await browser.new_browser_cdp_session()
    processes = (await session.send("SystemInfo.getProcessInfo"))["processInfo"]
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process["id"], signal.SIGKILL)
