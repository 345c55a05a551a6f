"""The whole server in this process, with models that cost nothing, and its staff within reach of the test."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from server.app import build
from server.console.parts import STAFF
from server.conversations.commands import AskForPerson, Say, Visitor
from server.handoff.staff import Agent, Role
from server.ids import to_text
from server.parts import CONVERSATIONS, KEYS
from tests.e2e.harness import Visitor as VisitorPage
from tests.fakes.accounts import PASSWORD, add, cheap
from tests.fakes.api import KB, MINE, settings_of
from tests.fakes.console import Browser
from tests.fakes.gate import make_models


@dataclass
class ConsoleHouse:
    """A server, and who works there."""

    app: web.Application
    url: str
    browsers: list[Browser] = field(default_factory=list)

    async def add(self, login: str, workspace: str = MINE, **values: Any) -> Agent:
        staff = self.app[STAFF]
        agent = await asyncio.to_thread(add, staff, login, workspace, **values)
        staff.accounts._seen = -1  # what was loaded beside the loop is told to followers, too
        await staff.accounts.refresh()
        return agent

    async def browser(self, login: str, workspace: str = MINE) -> Browser:
        browser = Browser(self.url)
        self.browsers.append(browser)
        status, answer = await browser.call(
            "POST", "session", {"login": login, "password": PASSWORD, "workspace": workspace}
        )
        assert status == 200, answer
        return browser

    async def stranger(self) -> Browser:
        """Has no session."""
        browser = Browser(self.url)
        self.browsers.append(browser)
        return browser

    async def signed_in(self, role: Role, workspace: str = MINE) -> Browser:
        """Add somebody of a role, and sign in."""
        login = f"{role.value}-{len(self.browsers)}"
        await self.add(login, workspace, role=role)
        return await self.browser(login, workspace)

    async def conversation(self, visitor: str = "visitor:ann", workspace: str = MINE, text: str = "") -> str:
        """Open a conversation, and say something in it."""
        head = await self.app[CONVERSATIONS].open(Visitor(workspace=workspace, id=visitor, kb=KB, language="en"))
        if text:
            key = (workspace, head.conversation)
            await self.app[CONVERSATIONS].submit(key, Say(client_msg_id="m1", text=text))
        return to_text(head.conversation)

    async def ask_for_person(self, visitor: str = "visitor:ann", workspace: str = MINE) -> str:
        head = await self.app[CONVERSATIONS].open(Visitor(workspace=workspace, id=visitor, kb=KB, language="en"))
        await self.app[CONVERSATIONS].submit((workspace, head.conversation), AskForPerson(client_msg_id="p1"))
        return to_text(head.conversation)


@asynccontextmanager
async def open_console(published: Path, home: Path) -> AsyncIterator[ConsoleHouse]:
    """Serve a copy of an installation on a free port, as production does."""
    app = build(settings_of(shutil.copytree(published, home)), make_models())
    async with AsyncExitStack() as parts:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        app[STAFF].passwords._hasher = cheap()._hasher
        house = ConsoleHouse(app, f"http://127.0.0.1:{runner.addresses[0][1]}")
        try:
            yield house
        finally:
            await asyncio.gather(*(browser.close() for browser in house.browsers))


async def visitor(house, **hello):
    key = house.app[KEYS].add_widget(MINE, kb=KB).id
    ann = await VisitorPage.connect(house.url, **({"key": key, "language": "en"} | hello))
    house.browsers.append(ann)
    return ann, (await ann.until("welcome"))["conversation"]


async def at_work(house, *roles):
    """Sign some agents in; give their browsers and desks."""
    browsers = [await house.signed_in(role) for role in roles]
    return browsers, [await browser.desk() for browser in browsers]


async def active(house):
    """Let a visitor be with an agent: give both and the conversation."""
    (browser,), (ana,) = await at_work(house, Role.AGENT)
    ann, conversation = await visitor(house)
    await ann.send(type="action", client_msg_id="h1", action="human")
    await ana.case_in(conversation, "ringing")
    await ana.act("accept", conversation)
    await ana.case_in(conversation, "active")
    await ana.send(type="follow", conversation=conversation)
    await ana.until("following")
    return browser, ana, ann, conversation
