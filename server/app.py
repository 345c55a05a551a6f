"""The composition root: the only place that knows every part of the server, in the order in which they start."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress

from aiohttp import web

from engine import assemble
from engine.pipeline import Models
from server.access.gate import WidgetGate
from server.access.keys import Keys
from server.access.request import Callers
from server.access.revocation import follow_revocations
from server.access.tokens import Tokens, installation_secret
from server.api import health, rest
from server.api.bases import open_bases
from server.connections.endpoint import AccessSettings, Connections
from server.connections.rates import Rate
from server.conversations.bot import EngineBot
from server.conversations.events import Event
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.conversations.state import Head
from server.events.guard import Guard
from server.events.running import running_webhooks
from server.parts import (
    BASES,
    CALLERS,
    CONNECTIONS,
    CONVERSATIONS,
    ENGINE,
    KEYS,
    LIVE,
    LOG,
    READY,
    TELEMETRY,
    TOKENS,
    WEBHOOKS,
)
from server.reload import Live
from server.settings import Installation
from server.stores.sqlite import SqliteLog
from server.telemetry.logging import Output
from server.telemetry.telemetry import Telemetry
from server.widget import routes as widget

log = logging.getLogger(__name__)


_OF_ACCESS = ("server.connections", "server.origins", "server.messages_per_minute")


async def _at_once() -> None:
    """No predecessor to wait for."""


def build(
    settings: Installation,
    models: Models | None = None,
    *,
    turn: Callable[[], Awaitable[None]] = _at_once,
    live: Live | None = None,
    output: Output | None = None,
) -> web.Application:
    """Put an application together; its parts start when it does, and end in the opposite order.

    Args:
        settings: of the installation.
        models: opened before; by default they are opened at the start.
        turn: returns when it is this process's turn to write the log: never two write at once.
        live: holds the settings while they change.
        output: where the log goes, to be adjusted with them.
    """
    app = web.Application(client_max_size=1024 * 1024)
    app[READY] = health.Readiness()
    app[LIVE] = live = live or Live(settings)
    app[TELEMETRY] = telemetry = Telemetry(live, output)
    telemetry.add_routes(app)
    app.cleanup_ctx.append(lambda app: _parts(app, settings, models, turn))
    app.router.add_get("/v1/ws", _connect)
    health.add_routes(app, READY)
    rest.add_routes(app)
    widget.add_routes(app, demo_kb=settings.server.demo_kb)
    return app


async def _parts(
    app: web.Application, settings: Installation, models: Models | None, turn: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    telemetry = app[TELEMETRY]
    async with AsyncExitStack() as parts:
        app[KEYS] = keys = Keys(settings.home / "keys.db")
        parts.callback(keys.close)
        app[CALLERS] = Callers(keys)
        app[TOKENS] = tokens = Tokens(installation_secret(settings.home / "secret"))
        opened = models if models is not None else await asyncio.to_thread(assemble.open_models, settings)
        app[ENGINE] = engine = await parts.enter_async_context(assemble.open_engine(settings, opened))
        app[BASES] = await parts.enter_async_context(open_bases(settings, opened))
        await turn()  # all that takes long is done; from here on the predecessor is gone
        app[LOG] = store = await SqliteLog.open(settings.log_file, committed=telemetry.metrics.committed)
        parts.push_async_callback(store.close)
        app[WEBHOOKS] = webhooks = await parts.enter_async_context(running_webhooks(store, settings))
        bot = EngineBot(engine)

        def stored(head: Head, events: Sequence[Event]) -> None:
            telemetry.turns.stored(head, events)
            webhooks.relay.hint()

        app[CONVERSATIONS] = conversations = Conversations(store, Hub(), bot, _waiting(settings), stored=stored)
        parts.push_async_callback(conversations.close)
        app[CONNECTIONS] = connections = Connections(
            conversations, WidgetGate(keys, tokens), access=_access(settings), may_show=keys.may_show
        )
        watch = asyncio.create_task(connections.watch(), name="heartbeats")
        parts.push_async_callback(_end, watch)
        following = asyncio.create_task(follow_revocations(keys, connections), name="revocations")
        parts.push_async_callback(_end, following)
        stalls = asyncio.create_task(telemetry.stalls.run(), name="stalls")
        parts.push_async_callback(_end, stalls)
        telemetry.watch(
            ready=app[READY], engine=engine, log=store, conversations=conversations, connections=connections
        )
        _follow_settings(app)
        recovered = await conversations.recover()
        if recovered:
            log.info("%d turns that were left unanswered are answered now", recovered)
        app[READY].set(True)
        yield


def _follow_settings(app: web.Application) -> None:
    """Let the parts take over what of the configuration can change while they run."""
    live, webhooks = app[LIVE], app[WEBHOOKS]
    conversations, connections = app[CONVERSATIONS], app[CONNECTIONS]
    live.follow(("server.quiet_s", "server.patience_s"), lambda now: conversations.configure(_waiting(now)))
    live.follow(("server.webhook_allow",), lambda now: webhooks.allow(Guard.allowing(now.server.webhook_allow)))
    live.follow(_OF_ACCESS, lambda now: connections.configure(_access(now)))


async def drain(app: web.Application, settings: Installation) -> None:
    """Send everybody away before the process ends; new connections are refused from now on."""
    app[READY].set(False)
    await app[CONNECTIONS].drain(within_s=settings.server.drain_s)


async def _connect(request: web.Request) -> web.StreamResponse:
    return await request.app[CONNECTIONS].serve(request)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _waiting(settings: Installation) -> ConversationSettings:
    return ConversationSettings(quiet_s=settings.server.quiet_s, patience_s=settings.server.patience_s)


def _access(settings: Installation) -> AccessSettings:
    server = settings.server
    return AccessSettings(
        connections=server.connections,
        origins=server.origins,
        messages=Rate(burst=20, per_minute=server.messages_per_minute),
    )
