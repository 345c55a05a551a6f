"""Webhooks: who is told what happens, what is on its way to them, and what was given up."""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
from msgspec import Meta

from server.access.keys import Scope
from server.api.operation import Call, Handler, Operation, Reply, Request
from server.api.paging import Slice, links
from server.api.problems import Kind, Refusal
from server.conversations.events import Millis
from server.events.deliveries import Counts, Delivery
from server.events.guard import AddressRefused
from server.events.subscriptions import PER_WORKSPACE, Subscription
from server.events.webhooks import KINDS, Webhooks
from server.ids import to_text
from server.parts import WEBHOOKS

Done = TypeVar("Done")
_KIND = Annotated[str, Meta(pattern=f"^({'|'.join(kind.replace('.', '[.]') for kind in KINDS)})$")]
_MessageId = Annotated[str, Meta(max_length=22, pattern="^([A-Za-z0-9_-]{21}[AQgw])?$")]


class DeliveryState(StrEnum):
    """Which messages."""

    WAITING = "waiting"
    DEAD = "dead"


class NewWebhook(Request, frozen=True):
    """A receiver; it has to echo a challenge before it is added."""

    url: Annotated[str, Meta(min_length=1, max_length=2_000, description="https, on port 443 of a public host")]
    kinds: Annotated[
        tuple[_KIND, ...], Meta(max_length=len(KINDS), description=f"of {', '.join(KINDS)}; none: all")
    ] = ()


class Redelivery(Request, frozen=True):
    """Which dead letters are sent again."""

    message: Annotated[_MessageId, Meta(description="its webhook-id; none: all of them")] = ""


class DeliveryFilter(Slice, frozen=True):
    """Which messages of a receiver."""

    state: Annotated[DeliveryState, Meta(description="waiting: on their way; dead: given up")] = DeliveryState.WAITING


class WebhookFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver, without its secrets."""

    id: str
    url: str
    kinds: tuple[str, ...]  # none: all
    created: Millis
    disabled: str  # why nothing is sent; "": it is
    secrets: int  # that messages are signed with: 2 during a rotation
    waiting: int  # messages on their way
    dead: int  # that were given up
    oldest: Millis | None  # when the message that waits longest was queued


class WebhookList(msgspec.Struct, frozen=True, kw_only=True):
    """Receivers, the oldest first."""

    items: tuple[WebhookFacts, ...]
    total: int
    limit: int
    offset: int


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver's newest secret, shown this once."""

    id: str
    secret: str


class WebhookRemoved(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver that is forgotten, with what waited for it."""

    id: str


class DeliveryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one receiver, or given up. Its text stays in the conversation."""

    message: str  # its webhook-id
    kind: str
    conversation: str
    attempts: int
    queued: Millis
    next_at: Millis | None  # of the next attempt; none: given up, or after an earlier one of the conversation
    settled: Millis | None  # when it was given up
    reason: str  # of the last failure


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """Messages: those that wait longest first; of dead letters the newest."""

    items: tuple[DeliveryFacts, ...]
    total: int
    limit: int
    offset: int


class Redelivered(msgspec.Struct, frozen=True, kw_only=True):
    """What is sent again."""

    messages: int


async def show_list(call: Call) -> Reply:
    """List receivers."""
    wanted = call.query(Slice)
    found = await _off_loop(call, lambda webhooks: webhooks.all(call.workspace))
    part = found[wanted.offset : wanted.offset + wanted.limit]
    listed = WebhookList(
        items=tuple(_facts(*each) for each in part), total=len(found), limit=wanted.limit, offset=wanted.offset
    )
    return Reply(body=listed, headers=links(call.request, wanted, len(found)))


async def show(call: Call) -> Reply:
    """Show a receiver."""
    return await _changed(call, Webhooks.get)


async def add(call: Call) -> Reply:
    """Add a receiver that passes the challenge."""
    wanted, running = call.body(NewWebhook), call.app[WEBHOOKS]
    wait_s = running.challenges.wait_s(call.workspace)
    if wait_s:
        later = {"Retry-After": str(int(wait_s) + 1)}
        raise Refusal(Kind.TOO_MANY, "the workspace adds webhooks too often; come back later.", headers=later)
    try:
        added = await running.admin.add(call.workspace, wanted.url, kinds=wanted.kinds)
    except AddressRefused as error:  # its own sentence may name addresses of our network
        allowed = "a webhook's address is https, on port 443 of a public host, or one that server.webhook_allow lists."
        raise Refusal(Kind.INVALID, allowed, field="url") from error
    location = {"Location": f"/v1/webhooks/{quote(added.id)}"}
    return Reply(body=WebhookSecret(id=added.id, secret=added.secrets[0]), headers=location)


async def remove(call: Call) -> Reply:
    """Forget a receiver."""
    name = call.path("webhook")
    await _off_loop(call, lambda webhooks: webhooks.remove(call.workspace, name))
    return Reply(body=WebhookRemoved(id=name))


async def rotate(call: Call) -> Reply:
    """Give a receiver a new secret."""
    name = call.path("webhook")
    changed = await _off_loop(call, lambda webhooks: webhooks.rotate(call.workspace, name))
    return Reply(body=WebhookSecret(id=name, secret=changed.secrets[0]))


async def retire(call: Call) -> Reply:
    """Sign with the newest secret only."""
    return await _changed(call, Webhooks.retire)


async def disable(call: Call) -> Reply:
    """Send nothing any more."""
    return await _changed(call, Webhooks.disable)


async def enable(call: Call) -> Reply:
    """Send again."""
    return await _changed(call, Webhooks.enable)


async def show_deliveries(call: Call) -> Reply:
    """List messages on their way to a receiver, or its dead letters."""
    wanted, name = call.query(DeliveryFilter), call.path("webhook")
    part = {"offset": wanted.offset, "limit": wanted.limit}

    def read(webhooks: Webhooks) -> tuple[Sequence[Delivery], int]:
        counts = webhooks.counts(call.workspace, name)
        if wanted.state is DeliveryState.DEAD:
            return webhooks.dead(call.workspace, name, **part), counts.dead
        return webhooks.waiting(call.workspace, name, **part), counts.waiting

    found, total = await _off_loop(call, read)
    listed = DeliveryList(items=tuple(map(_delivery, found)), total=total, **part)
    return Reply(body=listed, headers=links(call.request, wanted, total))


async def redeliver(call: Call) -> Reply:
    """Send dead letters again."""
    name, message = call.path("webhook"), call.body(Redelivery).message
    count = await _off_loop(call, lambda webhooks: webhooks.redeliver(call.workspace, name, message))
    return Reply(body=Redelivered(messages=count))


async def _changed(call: Call, act: Callable[[Webhooks, str, str], Subscription]) -> Reply:
    """Do something with a receiver, and show what it is then."""
    name = call.path("webhook")

    def run(webhooks: Webhooks) -> WebhookFacts:
        return _facts(act(webhooks, call.workspace, name), webhooks.counts(call.workspace, name))

    return Reply(body=await _off_loop(call, run))


async def _off_loop(call: Call, work: Callable[[Webhooks], Done]) -> Done:
    return await asyncio.to_thread(work, call.app[WEBHOOKS].admin)


def _facts(subscription: Subscription, counts: Counts) -> WebhookFacts:
    return WebhookFacts(
        id=subscription.id,
        url=subscription.url,
        kinds=subscription.kinds,
        created=subscription.created,
        disabled=subscription.disabled,
        secrets=len(subscription.secrets),
        waiting=counts.waiting,
        dead=counts.dead,
        oldest=counts.oldest,
    )


def _delivery(delivery: Delivery) -> DeliveryFacts:
    return DeliveryFacts(
        message=to_text(delivery.id),
        kind=delivery.kind,
        conversation=to_text(delivery.conversation),
        attempts=delivery.attempts,
        queued=delivery.queued,
        next_at=delivery.next_at,
        settled=delivery.settled,
        reason=delivery.reason,
    )


def _operation(
    method: str, path: str, name: str, handler: Handler, reply: type[msgspec.Struct], summary: str, **more: Any
) -> Operation:
    return Operation(
        method=method, path=path, name=name, tag="Webhooks", scope=Scope.WEBHOOKS, handler=handler, reply=reply,
        summary=summary, **more,
    )  # fmt: skip


_ONE = "/v1/webhooks/{webhook}"
OPERATIONS = (
    _operation(
        "GET", "/v1/webhooks", "listWebhooks", show_list, WebhookList, "List receivers.", query=Slice, pages=True
    ),
    _operation(
        "POST", "/v1/webhooks", "addWebhook", add, WebhookSecret,
        f"Add a receiver that echoes a challenge; {PER_WORKSPACE} at most. Its secret is shown this once.",
        body=NewWebhook, status=201, problems=(Kind.CONFLICT,),
    ),
    _operation("GET", _ONE, "getWebhook", show, WebhookFacts, "Show a receiver."),
    _operation(
        "POST", f"{_ONE}/rotate", "rotateWebhook", rotate, WebhookSecret,
        "Make a new secret; messages are signed with the one before, too, until it is retired.",
    ),
    _operation("POST", f"{_ONE}/retire", "retireWebhook", retire, WebhookFacts, "Sign with the newest secret only."),
    _operation(
        "POST", f"{_ONE}/disable", "disableWebhook", disable, WebhookFacts,
        "Send nothing any more; what waits goes to the dead letters.",
    ),
    _operation(
        "POST", f"{_ONE}/enable", "enableWebhook", enable, WebhookFacts,
        "Send again; what happened meanwhile is not sent.",
    ),
    _operation(
        "GET", f"{_ONE}/deliveries", "listDeliveries", show_deliveries, DeliveryList,
        "List messages that are on their way, or dead letters.", query=DeliveryFilter, pages=True,
    ),
    _operation(
        "POST", f"{_ONE}/redeliver", "redeliver", redeliver, Redelivered, "Send dead letters again: one, or all.",
        body=Redelivery, problems=(Kind.CONFLICT,),
    ),
    _operation("DELETE", _ONE, "removeWebhook", remove, WebhookRemoved, "Forget a receiver and what waits for it."),
)  # fmt: skip
