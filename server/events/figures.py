"""How much waits for webhooks: looked up now and then beside the event loop, so that a scrape costs nothing."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

from server.events.deliveries import Counts, Deliveries
from server.events.subscriptions import Subscriptions
from server.events.webhook_file import WebhooksUnavailable

log = logging.getLogger(__name__)

_EVERY_S = 10.0


class Figures:
    """The counts of each workspace that has webhooks, as of the last look."""

    def __init__(self, subscriptions: Subscriptions, deliveries: Deliveries) -> None:
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._counts: Mapping[str, Counts] = {}

    @property
    def by_workspace(self) -> Mapping[str, Counts]:
        """Messages that wait, that were given up, and since when the oldest waits."""
        return self._counts

    def look(self) -> None:
        """Count now. Reads a file; call it off the loop."""
        counts: dict[str, Counts] = {}
        for each in self._subscriptions.all():
            counts[each.workspace] = added(counts.get(each.workspace, Counts()), self._deliveries.counts(each.id))
        self._counts = counts

    async def run(self, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Count for ever."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except WebhooksUnavailable as error:
                log.warning("webhooks cannot be counted: %s", error)
            await pause(_EVERY_S)


def added(one: Counts, other: Counts) -> Counts:
    """Give the counts of both."""
    oldest = [counts.oldest for counts in (one, other) if counts.oldest is not None]
    return Counts(waiting=one.waiting + other.waiting, dead=one.dead + other.dead, oldest=min(oldest, default=None))
