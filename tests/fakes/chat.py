"""A chat server on a free port of this process: the real connections, a log in memory, a bot that does as told."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from server.connections.credentials import Credential, Grant, Refused
from server.connections.endpoint import AccessSettings, Connections
from server.connections.http_endpoint import HttpEndpoint, add_routes
from server.connections.peer import ConnectionSettings
from server.connections.rates import Rate
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.stores.memory import MemoryLog
from tests.fakes.bot import ScriptedBot
from tests.fakes.http_visitor import HttpVisitor

PAGE = "https://shop.example"
OFTEN = Rate(burst=1_000_000, per_minute=1_000_000)


class TokenGate:
    """Lets everybody in whose token begins with a letter; "old" has expired."""

    async def admit(self, credential: Credential) -> Grant:
        token = credential.token
        if token == "old":
            raise Refused("this token has expired", expired=True)
        if not token[:1].isalpha() or not token.isascii():
            raise Refused("this token is not valid")
        return Grant(
            workspace="acme", visitor=token, kb="shop", verified=False, token=token, expires_at=2**53, credential="k1"
        )


@dataclass
class Chat:
    """What a test sees of it."""

    url: str
    http: aiohttp.ClientSession
    connections: Connections
    endpoint: HttpEndpoint
    log: MemoryLog
    bot: ScriptedBot
    app: web.Application
    visitors: list[HttpVisitor] = field(default_factory=list)

    def visitor(self, *, origin: str | None = None) -> HttpVisitor:
        """Give a device that speaks over HTTP; it is gone at the end."""
        self.visitors.append(HttpVisitor(self.http, self.url, origin=origin))
        return self.visitors[-1]

    def leave(self) -> None:
        while self.visitors:
            self.visitors.pop().leave()


@asynccontextmanager
async def open_chat(
    settings: ConnectionSettings | None = None, access: AccessSettings | None = None
) -> AsyncIterator[Chat]:
    """Serve as `server.app` does, but for what is behind the connections."""
    async with AsyncExitStack() as parts:
        log, bot = MemoryLog(), ScriptedBot()
        bot.gate.set()
        waiting = ConversationSettings(quiet_s=0.0, patience_s=0.0)
        conversations = Conversations(log, Hub(), bot, waiting)
        parts.push_async_callback(conversations.close)
        connections = Connections(conversations, TokenGate(), settings, access or AccessSettings(origins=(PAGE,)))
        endpoint = HttpEndpoint(connections)
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_get("/v1/ws", connections.serve)
        add_routes(app, lambda request: endpoint)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        parts.push_async_callback(runner.cleanup)
        parts.push_async_callback(endpoint.close)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        http = await parts.enter_async_context(aiohttp.ClientSession())
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        chat = Chat(url, http, connections, endpoint, log, bot, app)
        parts.callback(chat.leave)
        yield chat
