"""What receivers of webhooks may count on: a log in memory, receivers on real sockets, a clock that tests turn."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from random import Random

import msgspec
import pytest
from aiohttp import web
from standardwebhooks.webhooks import Webhook

from server.conversations.events import Opened
from server.conversations.state import Drafts, Head, opened
from server.errors import LogUnavailable
from server.events.courier import RelaySettings
from server.events.deliveries import DEAD_MS, EXPIRE_MS, Deliveries
from server.events.guard import Guard
from server.events.outgoing import Outgoing
from server.events.relay import Relay
from server.events.subscriptions import Subscription, Subscriptions
from server.events.webhooks import Sender, Webhooks
from server.ids import derived_id, to_text
from server.stores.memory import MemoryLog
from server.stores.protocols import Append, Onward
from tests.fakes.receiver import Receiver, Time, in_time, refuse

LOCAL = Guard.allowing(["127.0.0.1"])


class World:
    """A log, and what relays it."""

    def __init__(self, folder: Path, *, backlog: int = 1000, dead_letters: int = 1000) -> None:
        self.time = Time()
        self.log = MemoryLog()
        self.subscriptions = Subscriptions(folder / "webhooks.db", now_ms=self.time)
        self.deliveries = Deliveries(folder / "webhooks.db", backlog=backlog, dead_letters=dead_letters)
        self.outgoing = Outgoing(LOCAL, deadline_s=5)
        self.admin = Webhooks(self.subscriptions, self.deliveries, self.outgoing, now_ms=self.time)
        self.relay: Relay | None = None
        self.heads: dict[str, Head] = {}
        self.told: dict[str, int] = defaultdict(int)

    def subscribe(self, receiver: Receiver, workspace: str = "acme", *kinds: str) -> Subscription:
        return self.subscriptions.add(workspace, receiver.url, kinds=kinds)

    async def tell(self, conversation: str, kind: str = "message.created", workspace: str = "acme") -> str:
        """Have something happen in a conversation; give the message's id."""
        number = self.told[conversation] = self.told[conversation] + 1
        key = derived_id(workspace, conversation)
        identifier = derived_id(key, number)
        message = Onward(
            id=identifier, workspace=workspace, conversation=key, kind=kind, at=self.time.now_ms,
            body=msgspec.json.encode({"type": kind, "data": {"conversation": conversation, "number": number}}),
        )  # fmt: skip
        head = self.heads.get(conversation)
        if head is None:
            body = Opened(kb="shop", language="en")
            drafts = Drafts(opened(workspace, key, conversation, body, at=1), at=1)
            drafts.add(derived_id("opened", key), "system", body)
            self.heads[conversation] = drafts.head
            await self.log.append(Append(head=drafts.head, events=tuple(drafts.events), onward=(message,), opens=True))
        else:
            await self.log.append(Append(head=head, events=(), onward=(message,)))
        if self.relay is not None:
            self.relay.hint()
        return to_text(identifier)

    @asynccontextmanager
    async def running(self, **settings: float) -> AsyncIterator[Relay]:
        sender = Sender(self.outgoing, now_ms=self.time)
        self.relay = relay = Relay(
            self.log, self.subscriptions, self.deliveries, sender, RelaySettings(**settings),  # type: ignore[arg-type]
            now_ms=self.time, pause=self.time.pause, random=Random(1).random,
        )  # fmt: skip
        task = asyncio.create_task(relay.run())
        try:
            yield relay
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.relay = None

    async def close(self) -> None:
        await self.outgoing.close()
        self.deliveries.close()
        self.subscriptions.close()

    @property
    def held(self) -> list[int]:
        """Positions that the log still has."""
        return [message.position for message in self.log._onward]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    made = await Receiver().start()
    yield made
    await made.stop()


def numbers(receiver: Receiver, conversation: str) -> list[int]:
    told = (call.json["data"] for call in receiver.taken)
    return [data["number"] for data in told if data["conversation"] == conversation]


def ids(receiver: Receiver) -> list[str]:
    return [call.id for call in receiver.taken]


async def test_a_message_arrives_signed_and_the_log_lets_go_of_it(world, receiver):
    world.time.now_ms = time.time_ns() // 1_000_000  # the scheme's library looks at the clock on the wall
    secret = world.subscribe(receiver).secrets[0]
    async with world.running():
        sent = await world.tell("ann")
        await in_time(world.time, lambda: not world.held)

    (call,) = receiver.taken
    assert call.id == sent
    assert Webhook(secret).verify(call.body.decode(), call.headers) == call.json
    assert call.headers["content-type"] == "application/json"
    assert "authorization" not in call.headers


async def test_messages_that_nobody_wants_are_let_go(world, receiver):
    async with world.running():
        for _ in range(3):
            await world.tell("ann")
        await in_time(world.time, lambda: not world.held)
    assert receiver.calls == []


async def test_a_receiver_gets_its_own_workspaces_messages_of_the_kinds_that_it_asked_for(world, receiver, other):
    world.subscribe(receiver, "acme", "reply.created")
    world.subscribe(other, "globex")
    async with world.running():
        await world.tell("ann")
        wanted = await world.tell("ann", "reply.created")
        theirs = await world.tell("bob", workspace="globex")
        await in_time(world.time, lambda: not world.held)
    assert (ids(receiver), ids(other)) == ([wanted], [theirs])


async def test_what_happened_before_somebody_subscribed_is_not_sent(world, receiver, other):
    other.answer = refuse()
    world.subscribe(other)  # keeps the log from letting go
    await world.tell("ann")
    world.time.advance(1)
    async with world.running():
        await in_time(world.time, lambda: other.calls)
        world.subscribe(receiver)
        sent = await world.tell("ann")
        await in_time(world.time, lambda: receiver.calls)
    assert ids(receiver) == [sent]


async def test_after_an_outage_all_messages_arrive_once_and_in_order_within_each_conversation(world, receiver):
    world.subscribe(receiver)
    receiver.answer = refuse(503)
    everything = []
    async with world.running():
        for round_ in range(6):
            everything += [await world.tell(name) for name in ("ann", "bob", "eve")]
            await in_time(world.time, lambda seen=round_: len(receiver.calls) > seen, step_s=5)
        await receiver.stop()  # and then nobody listens at all
        for _ in range(40):
            world.time.advance(30)
            await asyncio.sleep(0.002)
        receiver.answer = Receiver().answer
        await receiver.start()
        await in_time(world.time, lambda: not world.held, step_s=10)

    assert sorted(ids(receiver)) == sorted(everything)
    for name in ("ann", "bob", "eve"):
        assert numbers(receiver, name) == [1, 2, 3, 4, 5, 6]


async def test_a_message_that_fails_holds_back_only_its_own_conversation(world, receiver):
    world.subscribe(receiver)

    async def poisoned(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=400 if b'"conversation":"ann","number":1}' in body else 200)

    receiver.answer = poisoned
    async with world.running():
        for name in ("ann", "bob", "ann", "bob"):
            await world.tell(name)
        await in_time(world.time, lambda: len(numbers(receiver, "bob")) == 2)
        assert numbers(receiver, "ann") == []
        receiver.answer = (Receiver()).answer
        await in_time(world.time, lambda: not world.held, step_s=2)
    assert numbers(receiver, "ann") == [1, 2]


async def test_after_eight_attempts_over_a_day_a_message_is_a_dead_letter_and_the_next_one_goes(world, receiver):
    subscription = world.subscribe(receiver)
    began = world.time.now_ms

    async def poisoned(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=500 if b'"number":1}' in body else 200)

    receiver.answer = poisoned
    async with world.running():
        dead = await world.tell("ann")
        await world.tell("ann")
        await in_time(world.time, lambda: receiver.taken, step_s=600)
        hours = (world.time.now_ms - began) / 3_600_000

        (letter,) = world.admin.dead("acme", subscription.id)
        assert (to_text(letter.id), letter.attempts, letter.reason) == (dead, 8, "HTTP 500")
        assert [call.id for call in receiver.calls].count(dead) == 8
        assert 21 < hours < 28
        await in_time(world.time, lambda: world.held == [1])  # the log keeps the text

        receiver.answer = Receiver().answer
        assert world.admin.redeliver("acme", subscription.id, dead) == 1
        await in_time(world.time, lambda: not world.held)
    assert numbers(receiver, "ann") == [2, 1]
    assert world.admin.dead("acme", subscription.id) == []


async def test_all_dead_letters_can_be_sent_again_in_the_order_of_their_conversations(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse(410)
    async with world.running():
        for name in ("ann", "bob", "ann", "bob", "ann"):
            await world.tell(name)
        await in_time(world.time, lambda: world.admin.get("acme", subscription.id).disabled)
        await in_time(world.time, lambda: len(world.admin.dead("acme", subscription.id)) == 5)
        world.admin.enable("acme", subscription.id)
        receiver.answer = Receiver().answer
        assert world.admin.redeliver("acme", subscription.id) == 5
        await in_time(world.time, lambda: not world.held)
    assert (numbers(receiver, "ann"), numbers(receiver, "bob")) == ([1, 2, 3], [1, 2])


async def test_a_receiver_that_says_it_is_gone_is_not_called_again(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse(410)
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: world.admin.get("acme", subscription.id).disabled)
        await in_time(world.time, lambda: not world.relay._couriers)
        await world.tell("ann")
        await in_time(world.time, lambda: world.held == [1])  # the second is nobody's
    assert len(receiver.calls) == 1
    assert "410" in world.admin.get("acme", subscription.id).disabled


async def test_retry_after_is_honoured(world, receiver):
    world.subscribe(receiver)
    receiver.answer = refuse(429, Retry_After="3600")
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: receiver.calls)
        receiver.answer = Receiver().answer
        began = world.time.now_ms
        await world.tell("bob")  # is for the same receiver, which is busy
        await in_time(world.time, lambda: receiver.taken, step_s=60)
        assert 3500 <= (world.time.now_ms - began) / 1000 < 4200


async def test_a_receiver_that_is_down_is_tried_rarely_and_caught_up_with_when_it_is_back(world, receiver):
    world.subscribe(receiver)
    receiver.answer = refuse(502)
    async with world.running():
        for number in range(40):
            await world.tell(f"visitor-{number}")
        await in_time(world.time, lambda: len(receiver.calls) >= 5)
        tried, began = len(receiver.calls), world.time.now_ms
        await in_time(world.time, lambda: world.time.now_ms - began > 3_600_000, step_s=30)
        assert len(receiver.calls) - tried < 25  # 40 messages with attempts of their own would have made 160

        receiver.answer = Receiver().answer
        began = world.time.now_ms
        await in_time(world.time, lambda: len(receiver.taken) == 40, step_s=5)
        assert world.time.now_ms - began < 20 * 60_000


async def test_a_slow_receiver_delays_nobody_else_and_is_not_flooded(world, receiver, other):
    release = asyncio.Event()

    async def slow(request: web.Request, body: bytes) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    receiver.answer = slow
    world.subscribe(receiver)
    world.subscribe(other)
    async with world.running(concurrency=3):
        for number in range(20):
            await world.tell(f"visitor-{number}")
        await in_time(world.time, lambda: len(other.taken) == 20)
        assert (len(receiver.taken), receiver.busiest) == (0, 3)
        assert len(world.held) == 20
        release.set()
        await in_time(world.time, lambda: not world.held)
    assert len(receiver.taken) == 20
    assert receiver.busiest == 3


async def test_two_messages_of_one_conversation_are_never_on_their_way_at_once(world, receiver):
    world.subscribe(receiver)

    async def waiting(request: web.Request, body: bytes) -> web.StreamResponse:
        await asyncio.sleep(0.002)
        return web.Response()

    receiver.answer = waiting
    async with world.running():
        for _ in range(10):
            await world.tell("ann")
        await in_time(world.time, lambda: len(receiver.taken) == 10)
    assert receiver.busiest == 1
    assert numbers(receiver, "ann") == list(range(1, 11))


async def test_what_was_under_way_when_the_process_was_killed_goes_out_again_under_the_same_id(world, receiver):
    world.subscribe(receiver)
    never = asyncio.Event()

    async def taken_but_never_answered(request: web.Request, body: bytes) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    receiver.answer = taken_but_never_answered
    async with world.running():
        first = await world.tell("ann")
        second = await world.tell("ann")
        await in_time(world.time, lambda: receiver.calls)
    receiver.answer = Receiver().answer
    async with world.running():
        await in_time(world.time, lambda: not world.held)
    never.set()

    assert [call.id for call in receiver.calls] == [first, first, second]


async def test_what_was_delivered_but_not_yet_let_go_is_not_sent_again_by_the_next_process(world, receiver):
    world.subscribe(receiver)
    async with world.running(forget_s=10**6):  # the first look at the log lets go of nothing; no second comes
        await world.tell("ann")
        await in_time(world.time, lambda: receiver.taken)
        await in_time(world.time, lambda: world.relay._free)
    assert len(world.held) == 1
    async with world.running():
        await in_time(world.time, lambda: not world.held)
    assert len(receiver.calls) == 1


async def test_where_the_log_cannot_forget_a_message_it_is_not_sent_again_either(world, receiver):
    class Remembering(MemoryLog):
        refused = 0
        full = True

        async def forget_onward(self, positions: Sequence[int]) -> None:
            if self.full:
                self.refused += 1
                raise LogUnavailable("the disk is full.")
            await super().forget_onward(positions)

    world.log = Remembering()
    world.subscribe(receiver)
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: world.log.refused >= 2)
    world.log.full = False
    async with world.running():
        await in_time(world.time, lambda: not world.held)
    assert len(receiver.calls) == 1


async def test_a_new_message_does_not_hasten_the_retry_of_the_one_before_it(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse(500)
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: world.deliveries.next_at(subscription.id, world.time.now_ms))
        due = world.deliveries.next_at(subscription.id, world.time.now_ms)
        for _ in range(3):
            await world.tell("ann")
        await in_time(world.time, lambda: world.deliveries.counts(subscription.id).waiting == 4, step_s=0.05)
        assert world.deliveries.next_at(subscription.id, world.time.now_ms) == due
        assert len(receiver.calls) == 1


async def test_the_words_of_an_erased_person_are_not_sent_any_more(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse()
    async with world.running():
        await world.tell("ann")
        other = await world.tell("bob")
        await in_time(world.time, lambda: len(receiver.calls) >= 2)
        await world.log.erase_visitor("acme", "ann")
        receiver.answer = Receiver().answer
        await in_time(world.time, lambda: not world.deliveries.counts(subscription.id).waiting, step_s=2)
    assert [(call.id, call.json["data"]["conversation"]) for call in receiver.taken] == [(other, "bob")]


async def test_a_rotated_secret_is_used_at_once_and_the_old_one_until_it_is_retired(world, receiver):
    subscription = world.subscribe(receiver)
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: len(receiver.taken) == 1)
        world.admin.rotate("acme", subscription.id)
        world.admin.rotate("acme", subscription.id)
        await world.tell("ann")
        await in_time(world.time, lambda: len(receiver.taken) == 2)
        world.admin.retire("acme", subscription.id)
        await world.tell("ann")
        await in_time(world.time, lambda: len(receiver.taken) == 3)
    assert [len(call.signature.split(" ")) for call in receiver.taken] == [1, 2, 1]


async def test_a_removed_receiver_gets_nothing_more_and_nothing_is_kept_for_it(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse()
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: receiver.calls)
        world.admin.remove("acme", subscription.id)
        await in_time(world.time, lambda: not world.held)


async def test_what_waited_for_two_days_is_a_dead_letter_and_dead_letters_are_kept_for_a_month(world, receiver):
    subscription = world.subscribe(receiver)
    receiver.answer = refuse(503)
    async with world.running():
        for number in range(12):
            await world.tell(f"visitor-{number}")
        await in_time(world.time, lambda: len(receiver.calls) >= 5)
        world.time.advance(EXPIRE_MS / 1000 + 1000)
        await in_time(world.time, lambda: world.deliveries.counts(subscription.id).dead == 12, step_s=30)
        assert len(world.held) == 12
        world.time.advance(DEAD_MS / 1000 + 1000)
        await in_time(world.time, lambda: not world.held, step_s=30)
    assert world.deliveries.counts(subscription.id).dead == 0


async def test_more_than_fits_becomes_dead_letters_at_once_and_the_oldest_of_those_are_let_go(tmp_path, receiver):
    world = World(tmp_path, backlog=5, dead_letters=3)
    subscription = world.subscribe(receiver)
    receiver.answer = refuse()
    async with world.running(tidy_s=60):
        told = [await world.tell("ann") for _ in range(12)]
        await in_time(world.time, lambda: len(world.held) == 8, step_s=2)
        letters = world.admin.dead("acme", subscription.id)
    assert world.deliveries.counts(subscription.id).waiting == 5
    assert [to_text(letter.id) for letter in letters] == told[:-4:-1]
    assert {letter.reason for letter in letters} == {"too many messages wait for this receiver"}
    await world.close()


async def test_a_log_that_cannot_be_read_for_a_while_only_delays(world, receiver):
    class Failing(MemoryLog):
        failures = 3

        async def onward(self, *, after: int = 0, limit: int = 100) -> list[Onward]:
            if self.failures:
                self.failures -= 1
                raise LogUnavailable("the disk is full.")
            return await super().onward(after=after, limit=limit)

    world.log = Failing()
    world.subscribe(receiver)
    async with world.running():
        await world.tell("ann")
        await in_time(world.time, lambda: not world.held)
    assert len(receiver.taken) == 1


async def test_a_hint_is_enough_and_no_time_has_to_pass(world, receiver):
    world.subscribe(receiver)
    async with world.running(gather_s=0.0) as relay:
        await in_time(world.time, lambda: relay._couriers and len(world.time.pauses) >= 2)
        began = world.time.now_ms
        await world.tell("ann")
        await in_time(world.time, lambda: receiver.taken, step_s=0.001)
        assert world.time.now_ms - began < 4_000


async def test_before_a_successor_takes_over_the_calls_on_their_way_are_noted(world, receiver):
    world.subscribe(receiver)
    release = asyncio.Event()

    async def slow(request: web.Request, body: bytes) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    receiver.answer = slow
    async with world.running() as relay:
        await world.tell("ann")
        await world.tell("bob")
        await in_time(world.time, lambda: len(receiver.calls) == 2)
        finishing = asyncio.create_task(relay.finish())
        await asyncio.sleep(0)
        release.set()
        await world.tell("eve")
        await finishing
    async with world.running():
        await in_time(world.time, lambda: not world.held)
    assert len(receiver.calls) == 3


async def test_receivers_of_one_workspace_share_what_it_may_have_on_its_way(world, receiver):
    """Slow receivers of one company take up to so many connections, and leave the others theirs."""
    never = asyncio.Event()

    async def hold(request: web.Request, body: bytes) -> web.StreamResponse:
        await never.wait()
        return web.Response()

    receiver.answer = hold
    for number in range(5):
        world.subscriptions.add("acme", f"{receiver.url}/{number}")
    quick = await Receiver().start()
    world.subscribe(quick, "globex")
    for number in range(8):
        await world.tell(f"slow-{number}")
    async with world.running(per_workspace=10) as relay:
        await in_time(world.time, lambda: receiver.busy >= 10)
        await world.tell("hello", workspace="globex")
        await in_time(world.time, lambda: quick.taken)
        assert (receiver.busy, {courier.concurrency for courier, _ in relay._couriers.values()}) == (10, {2, 8})
        never.set()
    await quick.stop()
