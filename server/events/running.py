"""Webhooks in a server that runs: all their parts, started and ended together."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from server.events.deliveries import Deliveries
from server.events.guard import Guard
from server.events.outgoing import Outgoing
from server.events.relay import Relay
from server.events.subscriptions import Subscriptions
from server.events.webhooks import Sender, Webhooks
from server.settings import Installation
from server.stores.protocols import ConversationLog


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningWebhooks:
    """What others need of them."""

    relay: Relay
    admin: Webhooks
    allow: Callable[[Guard], None]  # decide by other rules where may be called


@asynccontextmanager
async def running_webhooks(store: ConversationLog, settings: Installation) -> AsyncIterator[RunningWebhooks]:
    """Relay what the log tells the world outside, until the end; then let the calls on their way end."""
    subscriptions = Subscriptions(settings.webhooks_file)
    deliveries = Deliveries(settings.webhooks_file)
    outgoing = Outgoing(Guard.allowing(settings.server.webhook_allow))
    relay = Relay(store, subscriptions, deliveries, Sender(outgoing))
    task = asyncio.create_task(relay.run(), name="webhooks")
    try:
        yield RunningWebhooks(relay=relay, admin=Webhooks(subscriptions, deliveries, outgoing), allow=outgoing.allow)
    finally:
        await relay.finish()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await outgoing.close()
        deliveries.close()
        subscriptions.close()
