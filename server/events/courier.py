"""Brings one receiver its messages: those of a conversation one after the other, those of several side by side."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from server.conversations.events import Millis
from server.errors import ServerError
from server.events.deliveries import Deliveries, Delivery, Place
from server.events.retries import Breaker, Retries
from server.events.subscriptions import Subscription
from server.events.webhooks import Delivered, Failed, Gone, Outcome
from server.stores.protocols import ConversationLog

log = logging.getLogger(__name__)

_FETCHED = 64  # messages

Result = TypeVar("Result")


class Post(Protocol):
    """Sends one message once; see `server.events.webhooks.Sender`."""

    async def send(self, subscription: Subscription, message: bytes, body: bytes) -> Outcome:
        """Send a message; nothing that a receiver does raises."""


class OffLoop(Protocol):
    """Runs what waits for a disk where nobody else waits for it."""

    async def __call__(self, work: Callable[[], Result]) -> Result:
        """Give the result of `work`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySettings:
    """How the relay works."""

    concurrency: int = 8  # messages on their way to one receiver
    per_workspace: int = 32  # and to all receivers of one workspace, so that its slow ones delay no other workspace
    poll_s: float = 5.0  # a look at what other processes changed, and at hints that never came
    gather_s: float = 0.05  # between two looks at the log, so that messages are taken many at a time
    batch: int = 500  # messages taken at once
    forget_s: float = 2.0  # between two times that the log, which has better to do, is asked to forget
    tidy_s: float = 600.0
    retries: Retries = field(default_factory=Retries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What all couriers share."""

    store: ConversationLog
    deliveries: Deliveries
    post: Post
    settings: RelaySettings
    now_ms: Callable[[], Millis]
    pause: Callable[[float], Awaitable[None]]
    random: Callable[[], float]
    off_loop: OffLoop
    let_go: Callable[[Place], None]  # nobody waits for a message any more
    gone: Callable[[Subscription], Awaitable[None]]  # a receiver wants no more


class Courier:
    """Serves one receiver until it is cancelled. A slow or broken one delays nobody else."""

    def __init__(self, subscription: Subscription, means: Means) -> None:
        self.subscription = subscription  # replaced when it changes
        self.closing = False  # no more is sent
        self.concurrency = means.settings.concurrency  # its share of what the workspace may have on its way
        self._means = means
        self._breaker = Breaker()
        self._ready: deque[Delivery] = deque()  # due, and not on their way yet
        self._sending: dict[bytes, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Tell that there may be something to send."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, as it becomes due."""
        async with asyncio.TaskGroup() as sending:
            while True:
                self._woken.clear()
                try:
                    wait_s = await self._round(sending)
                except ServerError as error:
                    log.warning("messages for %s wait: %s", self.subscription.id, error)
                    wait_s = self._means.settings.poll_s
                except Exception:  # the edge, as below
                    log.exception("messages for %s wait", self.subscription.id)
                    wait_s = self._means.settings.poll_s
                await wait_for(self._woken, wait_s, self._means.pause)

    async def finish(self) -> None:
        """Send nothing more, and wait for what is on its way."""
        self.closing = True
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _round(self, sending: asyncio.TaskGroup) -> float:
        """Send what is due now; give the time after which to look again."""
        means, now = self._means, self._means.now_ms()
        allowed = 0 if self.closing else self._breaker.allowed(now, self.concurrency)
        if allowed == 0:
            until_s = (self._breaker.until - now) / 1000
            return until_s if until_s > 0 else means.settings.poll_s
        if not self._ready and len(self._sending) < allowed:
            await self._fetch(now)
        while self._ready and len(self._sending) < allowed:
            delivery = self._ready.popleft()
            self._sending[delivery.id] = sending.create_task(self._deliver(delivery), name="webhook")
        if len(self._sending) >= allowed:
            return means.settings.poll_s  # the first to end wakes us
        next_at = await means.off_loop(lambda: means.deliveries.next_at(self.subscription.id, now))
        wait_s = means.settings.poll_s if next_at is None else (next_at - now) / 1000
        return min(max(wait_s, 0.001), means.settings.poll_s)

    async def _fetch(self, now: Millis) -> None:
        """Read what is due, many at once. Of each conversation it is the first, and stays so until it was sent."""
        limit = _FETCHED + len(self._sending)
        due = await self._means.off_loop(lambda: self._means.deliveries.due(self.subscription.id, now, limit))
        self._ready.extend(delivery for delivery in due if delivery.id not in self._sending)

    async def _deliver(self, delivery: Delivery) -> None:
        try:
            await self._attempt(delivery)
        except ServerError as error:  # our own disk; the message stays where it was
            log.warning("a message for %s waits: %s", delivery.subscription, error)
            self._breaker.hold(self._means.now_ms(), self._means.settings.poll_s)
        except Exception:  # the edge: one message must not end the others
            log.exception("a message for %s was not sent", delivery.subscription)
            self._breaker.hold(self._means.now_ms(), self._means.settings.poll_s)
        finally:
            del self._sending[delivery.id]
            self._woken.set()

    async def _attempt(self, delivery: Delivery) -> None:
        means = self._means
        found = await means.store.onward(after=delivery.position - 1, limit=1)
        if not found or found[0].id != delivery.id:  # its person was erased
            await self._done(delivery)
            return
        match await means.post.send(self.subscription, delivery.id, found[0].body):
            case Delivered():
                await self._done(delivery)
                if self._breaker.succeeded():
                    await means.off_loop(lambda: means.deliveries.hurry(delivery.subscription, means.now_ms()))
            case Gone():
                await means.off_loop(lambda: means.deliveries.bury(delivery, "HTTP 410", means.now_ms()))
                await means.gone(self.subscription)
            case Failed() as failed:
                await self._failed(delivery, failed)

    async def _done(self, delivery: Delivery) -> None:
        means = self._means
        if await means.off_loop(lambda: means.deliveries.done(delivery, means.now_ms())):
            means.let_go(Place(position=delivery.position, id=delivery.id))

    async def _failed(self, delivery: Delivery, failed: Failed) -> None:
        means, now, reason = self._means, self._means.now_ms(), failed.reason
        self._breaker.failed(now, means.random)
        retries = means.settings.retries
        if failed.retry_after_s is not None:
            self._breaker.hold(now, min(failed.retry_after_s, retries.longest_s))
        wait_s = retries.wait_s(delivery.attempts + 1, failed.retry_after_s, means.random)
        if wait_s is None:
            await means.off_loop(lambda: means.deliveries.bury(delivery, reason, now))
            log.warning("gave up on a message for %s: %s", delivery.subscription, reason)
            return
        next_at = now + int(wait_s * 1000)
        await means.off_loop(lambda: means.deliveries.retry(delivery, next_at, reason))


async def wait_for(event: asyncio.Event, seconds: float, pause: Callable[[float], Awaitable[None]]) -> None:
    """Wait for an event, or for some seconds."""
    tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(pause(seconds))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
