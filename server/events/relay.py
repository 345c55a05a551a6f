"""Brings what the log tells the world outside to every receiver that wants it, at least once, and then lets it go.

One task takes messages from the log in its order and queues them for their receivers; each receiver has a courier. A
message stays in the log until every receiver has it, or it was given up for good: only there is its text, so that the
erasure of a person reaches it. When the process is killed between a receiver's answer and our note of it, the message
goes out again under the same id; that is the only way in which a receiver gets one twice.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from random import random as any_random
from time import time_ns

from server.conversations.events import Millis
from server.errors import BadCommand, ServerError
from server.events.courier import Courier, Means, Post, RelaySettings, Result, wait_for
from server.events.deliveries import Deliveries, Place, Wanted
from server.events.subscriptions import Subscription, Subscriptions
from server.stores.protocols import ConversationLog, Onward

log = logging.getLogger(__name__)

GONE = "the receiver said that it is gone (HTTP 410)"


class Relay:
    """Runs beside the server, in the one process that writes the log."""

    def __init__(
        self,
        store: ConversationLog,
        subscriptions: Subscriptions,
        deliveries: Deliveries,
        post: Post,
        settings: RelaySettings | None = None,
        *,
        now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = any_random,
    ) -> None:
        """Take the parts, the time of day, what waits some seconds, and chance in [0, 1)."""
        self._store = store
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._settings = settings or RelaySettings()
        self._now_ms = now_ms
        self._pause = pause
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kefu-webhooks")
        self._means = Means(
            store=store,
            deliveries=deliveries,
            post=post,
            settings=self._settings,
            now_ms=now_ms,
            pause=pause,
            random=random,
            off_loop=self._off_loop,
            let_go=self._let_go,
            gone=self._gone,
        )
        self._hinted = asyncio.Event()
        self._after = 0  # in the log; 0: all of it is looked at again
        self._changes = -1
        self._receivers: dict[str, list[Subscription]] = {}  # that are enabled, by workspace
        self._couriers: dict[str, tuple[Courier, asyncio.Task[None]]] = {}
        self._free: list[Place] = []  # messages that nobody waits for
        self._tidied: Millis = 0
        self._forgot: Millis = 0

    def hint(self) -> None:
        """Tell that something was committed. Without any receiver it can wait."""
        if self._receivers:
            self._hinted.set()

    async def run(self) -> None:
        """Relay until cancelled."""
        try:
            async with asyncio.TaskGroup() as couriers:
                while True:
                    self._hinted.clear()
                    try:
                        more = await self._round(couriers)
                    except ServerError as error:
                        log.warning("webhooks wait: %s", error)
                        more = False
                    except Exception:  # the edge: a defect met once must not end all deliveries
                        log.exception("webhooks wait")
                        more = False
                    if not more:
                        await wait_for(self._hinted, self._settings.poll_s, self._pause)
                        await self._pause(self._settings.gather_s)
        finally:
            self._thread.shutdown(wait=True)

    async def finish(self, *, within_s: float = 2.0) -> None:
        """Start no more calls, and note the answers of those on their way, so that a successor does not repeat them."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await asyncio.gather(*(courier.finish() for courier, _ in self._couriers.values()))

    # -- taking from the log

    async def _round(self, couriers: asyncio.TaskGroup) -> bool:
        """Queue what the log has, and have it forget what nobody waits for; tell whether it has more."""
        rows = await self._store.onward(after=self._after, limit=self._settings.batch)
        if await self._follow_changes(couriers):  # after reading: who is new gets what was committed since
            return True
        now = self._now_ms()
        if rows:
            wanted = [Wanted(message=row, subscriptions=self._wanting(row)) for row in rows]
            self._free += await self._off_loop(lambda: self._deliveries.take(wanted, now))
            self._after = rows[-1].position
            for name in {name for each in wanted for name in each.subscriptions}:
                self._couriers[name][0].wake()
        more = len(rows) == self._settings.batch
        if len(self._free) >= self._settings.batch or now - self._forgot >= self._settings.forget_s * 1000:
            await self._forget(now)
        if now - self._tidied >= self._settings.tidy_s * 1000:
            await self._tidy(now)
        return more

    def _wanting(self, message: Onward) -> tuple[str, ...]:
        return tuple(each.id for each in self._receivers.get(message.workspace, ()) if each.wants(message))

    async def _forget(self, now: Millis) -> None:
        """Have the log forget messages, then forget that they were delivered: in this order none is sent again."""
        self._forgot = now
        free, self._free = self._free, []
        if not free:
            return
        try:
            await self._store.forget_onward([place.position for place in free])
        except ServerError:
            self._free += free
            raise
        await self._off_loop(lambda: self._deliveries.forgotten(free))

    async def _tidy(self, now: Millis) -> None:
        for subscription in await self._off_loop(self._subscriptions.all):
            if await self._off_loop(partial(self._deliveries.tidy, subscription.id, now)):
                self._after = 0  # what was let go is found and forgotten
        self._tidied = now

    # -- receivers

    async def _follow_changes(self, couriers: asyncio.TaskGroup) -> bool:
        """Read who receives what, if somebody changed it; tell whether that was so."""
        changes = await self._off_loop(self._subscriptions.changes)
        if changes == self._changes:
            return False
        receivers: dict[str, list[Subscription]] = defaultdict(list)
        for subscription in await self._off_loop(self._subscriptions.all):
            if subscription.disabled:
                bury = partial(self._deliveries.bury_all, subscription.id, subscription.disabled, self._now_ms())
                await self._off_loop(bury)
            else:
                receivers[subscription.workspace].append(subscription)
        self._receivers = dict(receivers)
        self._employ({each.id: each for there in receivers.values() for each in there}, couriers)
        self._changes = changes
        self._after = 0
        return True

    def _employ(self, live: dict[str, Subscription], couriers: asyncio.TaskGroup) -> None:
        for name in self._couriers.keys() - live.keys():
            self._couriers.pop(name)[1].cancel()
        for name, subscription in live.items():
            if name in self._couriers:
                self._couriers[name][0].subscription = subscription
            else:
                courier = Courier(subscription, self._means)
                self._couriers[name] = (courier, couriers.create_task(courier.run(), name=f"courier {name}"))
        for there in self._receivers.values():
            share = max(1, self._settings.per_workspace // len(there))
            for subscription in there:
                self._couriers[subscription.id][0].concurrency = min(self._settings.concurrency, share)

    async def _gone(self, subscription: Subscription) -> None:
        """Disable a receiver that wants no more; what waits for it goes to the dead letters."""
        log.warning("the webhook %s is disabled: %s", subscription.id, GONE)
        with suppress(BadCommand):  # somebody removed it meanwhile
            await self._off_loop(lambda: self._subscriptions.disable(subscription.workspace, subscription.id, GONE))
        self._hinted.set()

    def _let_go(self, place: Place) -> None:
        self._free.append(place)

    async def _off_loop(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
