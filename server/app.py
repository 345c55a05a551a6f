"""The composition root: the only place that knows every part of the server, in the order in which they start."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial

from aiohttp import web

from engine import assemble
from engine.engine import DialogEngine
from engine.pipeline import Models
from knowledge.errors import KnowledgeError
from server.access.gate import WidgetGate
from server.access.guests import Guests
from server.access.keys import Keys
from server.access.request import Callers
from server.access.revocation import follow_revocations
from server.access.tokens import Tokens, installation_secret
from server.api import health, rest
from server.api.bases import open_bases
from server.api.problems import REFUSED
from server.connections import http_endpoint
from server.connections.address import proxies_of
from server.connections.addressing import addressing
from server.connections.endpoint import AccessSettings, Connections
from server.connections.rates import Rate
from server.console import routes as console
from server.console.advice import Advice
from server.console.door import AgentDoor
from server.console.parts import ADVICE, CONSOLE_TICKETS, RECEIPTS, STAFF
from server.console.receipts import Receipts
from server.console.room import Room
from server.console.tickets import Tickets
from server.conversations.bot import EngineBot
from server.conversations.events import Event
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.conversations.state import Head
from server.events.guard import Guard
from server.events.running import running_webhooks
from server.handoff.desk import Desk
from server.handoff.running import running_desk, running_search
from server.parts import (
    BASES,
    CALLERS,
    CONNECTIONS,
    CONVERSATIONS,
    DESK,
    ENGINE,
    GUESTS,
    HTTP,
    KEYS,
    LIVE,
    LOG,
    READY,
    TELEMETRY,
    TOKENS,
    UPLOADS,
    WEBHOOKS,
)
from server.recurring import for_ever
from server.reload import Live
from server.settings import Installation
from server.staff.running import follow_staff, running_staff, trim_audit
from server.stores.sqlite import SqliteLog
from server.telemetry.logging import Output
from server.telemetry.telemetry import Telemetry
from server.uploads.running import max_upload, running_uploads
from server.widget import routes as widget

log = logging.getLogger(__name__)


_OPENED_BEFORE = 20  # bases, before the first visitor comes; others are opened when they are asked
_OF_ACCESS = tuple(
    f"server.{name}"
    for name in (
        "connections", "origins", "messages_per_minute", "address_messages_per_minute",
        "workspace_messages_per_minute", "address_connections", "proxies", "upload_mb",
    )
)  # fmt: skip


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
    app.middlewares.append(addressing(lambda: live.now.server.proxies))
    app[TELEMETRY] = telemetry = Telemetry(live, output)
    telemetry.add_routes(app)
    app.cleanup_ctx.append(lambda app: _parts(app, settings, models, turn))
    app.router.add_get("/v1/ws", _connect)
    http_endpoint.add_routes(app, lambda request: request.app[HTTP])
    health.add_routes(app, READY)
    rest.add_routes(app)
    widget.add_routes(app, demo_kb=settings.server.demo_kb)
    console.add_routes(app)
    return app


async def _parts(
    app: web.Application, settings: Installation, models: Models | None, turn: Callable[[], Awaitable[None]]
) -> AsyncIterator[None]:
    """Start what needs no log, wait for our turn to write it, and start the rest; all ends in the opposite order."""
    async with AsyncExitStack() as parts:
        await _start_access(app, parts, settings)
        await _start_engine(app, parts, settings, models)
        await turn()  # all that takes long is done; from here on the predecessor is gone
        store = await _start_log(app, parts, settings)
        await _start_conversations(app, parts, settings)
        _start_connections(app, parts, settings)
        _start_watching(app, parts, store)
        _follow_settings(app)
        await parts.enter_async_context(running_desk(app[DESK], app[CONVERSATIONS]))
        recovered = await app[CONVERSATIONS].recover()
        if recovered:
            log.info("%d turns that were left unanswered are answered now", recovered)
        app[READY].set(True)
        yield


async def _start_access(app: web.Application, parts: AsyncExitStack, settings: Installation) -> None:
    """Know who may come in."""
    app[KEYS] = keys = Keys(settings.home / "keys.db")
    parts.callback(keys.close)
    app[CALLERS] = Callers(keys)
    app[TOKENS] = Tokens(installation_secret(settings.home / "secret"))
    app[STAFF] = await parts.enter_async_context(running_staff(settings))
    app[CONSOLE_TICKETS] = Tickets()


async def _start_engine(
    app: web.Application, parts: AsyncExitStack, settings: Installation, models: Models | None
) -> None:
    """Open the models and the bases: what takes long."""
    opened = models if models is not None else await asyncio.to_thread(assemble.open_models, settings)
    app[ENGINE] = engine = await parts.enter_async_context(assemble.open_engine(settings, opened))
    app[BASES] = await parts.enter_async_context(open_bases(settings, opened))
    await _open_bases(engine, app[KEYS])


async def _start_log(app: web.Application, parts: AsyncExitStack, settings: Installation) -> SqliteLog:
    """Open the log, and what is kept and sent beside it."""
    app[LOG] = store = await SqliteLog.open(settings.log_file, committed=app[TELEMETRY].metrics.committed)
    parts.push_async_callback(store.close)
    app[WEBHOOKS] = await parts.enter_async_context(running_webhooks(store, settings))
    app[UPLOADS] = await parts.enter_async_context(running_uploads(store, settings))
    return store


async def _start_conversations(app: web.Application, parts: AsyncExitStack, settings: Installation) -> None:
    """Let the bot and the staff answer what is said."""
    store, webhooks, telemetry, hub = app[LOG], app[WEBHOOKS], app[TELEMETRY], Hub()

    def stored(head: Head, events: Sequence[Event]) -> None:
        telemetry.turns.stored(head, events)
        webhooks.relay.hint()

    search = await parts.enter_async_context(running_search(store, settings))
    app[DESK] = desk = Desk(app[STAFF].accounts, store, hub, search)
    app[CONVERSATIONS] = conversations = Conversations(
        store, hub, EngineBot(app[ENGINE]), _waiting(settings), stored=stored, rules=desk.rules,
        listened=webhooks.listeners.has,
    )  # fmt: skip
    parts.push_async_callback(conversations.close)


def _start_connections(app: web.Application, parts: AsyncExitStack, settings: Installation) -> None:
    """Let visitors and agents in."""
    keys, staff, conversations = app[KEYS], app[STAFF], app[CONVERSATIONS]
    app[RECEIPTS] = receipts = Receipts(app[ENGINE])
    app[ADVICE] = Advice(app[ENGINE])
    room = Room(accounts=staff.accounts, conversations=conversations, desk=app[DESK], receipts=receipts)
    parts.push_async_callback(room.close)
    gate, agents = WidgetGate(keys, app[TOKENS]), AgentDoor(room, app[CONSOLE_TICKETS], staff.sessions)
    app[CONNECTIONS] = connections = Connections(
        conversations, gate, access=_access(settings), may_show=keys.may_show, agents=agents
    )
    app[GUESTS] = Guests(gate, app[UPLOADS].tickets, connections.may_come_from)
    app[HTTP] = http = http_endpoint.HttpEndpoint(connections)
    parts.push_async_callback(http.close)


def _start_watching(app: web.Application, parts: AsyncExitStack, store: SqliteLog) -> None:
    """Follow what changes elsewhere, and how things go."""
    telemetry, connections = app[TELEMETRY], app[CONNECTIONS]
    _keep_running(parts, connections.watch, "heartbeats")
    _keep_running(parts, partial(follow_revocations, app[KEYS], connections), "revocations")
    _keep_running(parts, partial(follow_staff, app[STAFF], connections), "staff")
    _keep_running(parts, partial(trim_audit, app[STAFF].audit, lambda: app[LIVE].now.server.audit_days), "audit")
    _keep_running(parts, telemetry.stalls.run, "stalls")
    telemetry.watch(
        ready=app[READY], engine=app[ENGINE], log=store, conversations=app[CONVERSATIONS], connections=connections,
        webhooks=app[WEBHOOKS].figures, api_refused=app[REFUSED], uploads=app[UPLOADS],
    )  # fmt: skip


def _keep_running(parts: AsyncExitStack, work: Callable[[], Awaitable[None]], name: str) -> None:
    """Do something beside all else until the parts end."""
    parts.push_async_callback(_end, asyncio.create_task(for_ever(work, name), name=name))


def _follow_settings(app: web.Application) -> None:
    """Let the parts take over what of the configuration can change while they run."""
    live, webhooks = app[LIVE], app[WEBHOOKS]
    conversations, connections = app[CONVERSATIONS], app[CONNECTIONS]
    live.follow(("server.quiet_s", "server.patience_s"), lambda now: conversations.configure(_waiting(now)))
    live.follow(("server.webhook_allow",), lambda now: webhooks.allow(Guard.allowing(now.server.webhook_allow)))
    live.follow(("server.upload_mb",), app[UPLOADS].configure)
    live.follow(("server.audit_days",), lambda now: None)  # looked up whenever old lines are looked for
    live.follow(_OF_ACCESS, lambda now: connections.configure(_access(now)))


async def _open_bases(engine: DialogEngine, keys: Keys) -> None:
    """Open the bases that widgets ask, the newest widgets' first, so that no visitor waits for that."""
    widgets = [key for key in await asyncio.to_thread(keys.all) if key.kind == "widget" and not key.revoked]
    for workspace, kb in list(dict.fromkeys((key.workspace, key.kb) for key in widgets))[:_OPENED_BEFORE]:
        with suppress(KnowledgeError):  # told to whoever asks it
            await engine.open(workspace=workspace, kb=kb)


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
        max_upload=max_upload(settings),
        messages=Rate(burst=20, per_minute=server.messages_per_minute),
        per_address=server.address_connections,
        from_address=_crowd(server.address_messages_per_minute, 3),
        of_workspace=_crowd(server.workspace_messages_per_minute, 30),
        proxies=proxies_of(server.proxies),
    )


def _crowd(per_minute: float, bursts: int) -> Rate:
    """Give the rate of many: each may speak at the same moment as others, so a good part of a minute comes at once."""
    return Rate(burst=int(per_minute) // bursts, per_minute=per_minute)
