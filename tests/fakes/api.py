"""The API without a model and without a process of its own: real routes over a real socket, real published knowledge,
a log in memory and a bot that says what the test says.
"""

import asyncio
import csv
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from engine import assemble
from engine.settings import KnowledgeSettings
from ingest.assemble import open_indexer
from server.access.gate import WidgetGate
from server.access.guests import Guests
from server.access.keys import Keys, Scope
from server.access.request import Callers
from server.access.tokens import Tokens
from server.api import rest
from server.api.bases import open_bases
from server.connections.endpoint import Connections
from server.connections.rates import Rate
from server.conversations.commands import Visitor
from server.conversations.events import Event
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.events.running import running_webhooks
from server.ids import to_text
from server.parts import BASES, CALLERS, CONNECTIONS, CONVERSATIONS, ENGINE, GUESTS, KEYS, LOG, UPLOADS, WEBHOOKS
from server.settings import Installation, ServerSettings
from server.stores.memory import MemoryLog
from server.uploads.running import running_uploads
from tests.fakes.bot import ScriptedBot
from tests.fakes.gate import make_models

MINE, THEIRS = "acme", "globex"
KB = "shop"
ENTRIES = {
    "returns": ("how do i return an item", "Within **30 days**."),
    "shipping": ("how long does shipping take", "Two to three days."),
    "退货": ("怎么退货", "30 天内可以退货。"),
}


def settings_of(home: Path) -> Installation:
    server = ServerSettings(webhook_allow=("127.0.0.1",))  # receivers of tests
    return Installation(home=home, knowledge=KnowledgeSettings(store="memory://"), server=server)


def publish_shop(
    home: Path, workspace: str, entries: dict[str, tuple[str, str]] | None = None, *, kb: str = KB
) -> None:
    """Publish a small base, as `kefu ingest` does."""
    document = home / f"{workspace}.csv"
    with document.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "question", "answer"])
        rows.writerows((key, *texts) for key, texts in (entries or ENTRIES).items())
    with open_indexer(settings_of(home), kb, make_models(), workspace=workspace) as indexer:
        report = indexer.ingest([document], kb=kb, workspace=workspace)
    assert report.version, report


@dataclass
class Answered:
    """A response, read to its end."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Program:
    """Calls the API with a key, or without."""

    http: aiohttp.ClientSession
    url: str
    secret: str = ""

    async def call(self, method: str, path: str, *, headers: dict[str, str] | None = None, **more: Any) -> Answered:
        own = {"Authorization": f"Bearer {self.secret}"} if self.secret else {}
        async with self.http.request(method, self.url + path, headers={**own, **(headers or {})}, **more) as response:
            return Answered(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, **more: Any) -> Answered:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: object = None, **more: Any) -> Answered:
        return await self.call("POST", path, json={} if body is None else body, **more)


@dataclass
class ApiHouse:
    """A server with all that the API works on within reach of the test."""

    home: Path
    app: web.Application
    http: aiohttp.ClientSession
    url: str
    keys: Keys
    log: MemoryLog
    bot: ScriptedBot
    programs: dict[tuple[str, tuple[Scope, ...]], Program] = field(default_factory=dict)

    def program(self, *scopes: Scope, workspace: str = MINE) -> Program:
        known = self.programs.get((workspace, scopes))
        if known is None:
            _, secret = self.keys.add_secret(workspace, scopes=scopes or (Scope.ADMIN,))
            known = self.programs[workspace, scopes] = Program(self.http, self.url, secret)
        return known

    @property
    def stranger(self) -> Program:
        """Has no key."""
        return Program(self.http, self.url)

    async def conversation(self, visitor: str = "wechat:ann", workspace: str = MINE, kb: str = KB) -> str:
        """Open a conversation."""
        head = await self.app[CONVERSATIONS].open(Visitor(workspace=workspace, id=visitor, kb=kb, language="en"))
        return to_text(head.conversation)

    @property
    def stored(self) -> list[Event]:
        """Every event of the log, of all workspaces."""
        return [event for events in self.log._events.values() for event in events]


async def until(condition: Callable[[], Any], *, within_s: float = 5.0) -> Any:
    """Wait for something to be true; give what it is."""
    async with asyncio.timeout(within_s):
        while True:
            if found := condition():
                return found
            await asyncio.sleep(0.005)


@asynccontextmanager
async def open_api(home: Path, *, requests: Rate = rest.REQUESTS) -> AsyncIterator[ApiHouse]:
    """Serve the API over an installation, on a free port, as production does."""
    settings, models = settings_of(home), make_models()
    app = web.Application(client_max_size=64 * 1024)
    async with AsyncExitStack() as parts:
        app[KEYS] = keys = Keys(home / "keys.db")
        parts.callback(keys.close)
        app[CALLERS] = Callers(keys)
        app[ENGINE] = await parts.enter_async_context(assemble.open_engine(settings, models))
        app[BASES] = await parts.enter_async_context(open_bases(settings, models))
        app[LOG] = log = MemoryLog()
        app[WEBHOOKS] = await parts.enter_async_context(running_webhooks(log, settings))
        bot = ScriptedBot()
        bot.gate.set()
        waiting = ConversationSettings(quiet_s=0.0, patience_s=0.0)
        app[CONVERSATIONS] = conversations = Conversations(log, Hub(), bot, waiting)
        parts.push_async_callback(conversations.close)
        app[UPLOADS] = uploads = await parts.enter_async_context(running_uploads(log, settings))
        gate = WidgetGate(keys, Tokens(b"s" * 32))
        app[CONNECTIONS] = connections = Connections(conversations, gate, may_show=keys.may_show)
        app[GUESTS] = Guests(gate, uploads.tickets, connections.may_come_from)
        app.router.add_get("/v1/ws", connections.serve)
        rest.add_routes(app, requests=requests)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        http = await parts.enter_async_context(aiohttp.ClientSession())
        yield ApiHouse(home, app, http, f"http://127.0.0.1:{port}", keys, log, bot)
