"""Webhooks in a server that runs: all their parts, started and ended together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from server.connections.rates import Limiter, Rate
from server.events.deliveries import Deliveries
from server.events.figures import Figures
from server.events.guard import Guard
from server.events.listeners import Listeners
from server.events.outgoing import Outgoing
from server.events.relay import Relay
from server.events.subscriptions import Subscriptions
from server.events.webhooks import Sender, Webhooks
from server.settings import Installation
from server.stores.protocols import ConversationLog

CHALLENGES = Rate(burst=10, per_minute=10)  # calls that programs may have us make to addresses nobody vouched for


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWebhooks:
    """What others need of them."""

    relay: Relay
    listeners: Listeners
    admin: Webhooks
    allow: Callable[[Guard], None]  # decide by other rules where may be called
    figures: Figures
    challenges: Limiter = field(default_factory=lambda: Limiter(CHALLENGES))  # by workspace


@asynccontextmanager
async def running_webhooks(store: ConversationLog, settings: Installation) -> AsyncIterator[RunningWebhooks]:
    """Relay what the log tells the world outside, until the end; then let the calls on their way end."""
    subscriptions = Subscriptions(settings.webhooks_file)
    deliveries = Deliveries(settings.webhooks_file)
    outgoing = Outgoing(Guard.allowing(settings.server.webhook_allow))
    relay = Relay(store, subscriptions, deliveries, Sender(outgoing))
    figures = Figures(subscriptions, deliveries)
    admin = Webhooks(subscriptions, deliveries, outgoing)
    tasks: list[asyncio.Task[None]] = []
    try:
        await asyncio.to_thread(figures.look)  # a file that cannot be used is found at the start
        tasks.append(asyncio.create_task(relay.run(), name="webhooks"))
        tasks.append(asyncio.create_task(figures.run(), name="webhook figures"))
        yield RunningWebhooks(
            relay=relay, listeners=Listeners(subscriptions), admin=admin, allow=outgoing.allow, figures=figures
        )
    finally:
        await relay.finish()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await outgoing.close()
        deliveries.close()
        subscriptions.close()
