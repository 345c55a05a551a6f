"""What is done with webhooks: made after their owner proved to be there, listed, renewed; and one message sent."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from hmac import compare_digest
from time import time_ns

import msgspec

from engine import trace
from server.conversations.events import Millis
from server.errors import BadCommand
from server.events.deliveries import Counts, Deliveries, Delivery
from server.events.guard import AddressRefused
from server.events.outgoing import Answer, CallFailed, Outgoing, checked_url
from server.events.signing import new_secret, signed_headers
from server.events.subscriptions import Subscription, Subscriptions
from server.ids import from_text, new_id, to_text
from server.telemetry.tracing import named_in

KINDS = (
    "conversation.opened",
    "message.created",
    "reply.created",
    "handoff.requested",
    "turn.understood",
    "reply.rated",
    "button.pressed",
    "chat.rated",
    "ticket.created",
    "conversation.moved",
    "conversation.closed",
)
_GONE = 410


@dataclass(frozen=True, slots=True)
class Delivered:
    """The receiver has the message."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The receiver wants no more of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The receiver may not have the message."""

    reason: str
    retry_after_s: float | None = None  # if the receiver asked for it


Outcome = Delivered | Gone | Failed


class Sender:
    """Sends one message once, signed."""

    def __init__(self, outgoing: Outgoing, *, now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000) -> None:
        """Take the client that all such calls go through, and the time of day."""
        self._outgoing = outgoing
        self._now_ms = now_ms

    async def send(self, subscription: Subscription, message: bytes, body: bytes) -> Outcome:
        """Send a message; nothing that a receiver does raises.

        Args:
            subscription: to whom.
            message: its id, the same for each attempt.
            body: JSON.
        """
        try:
            answer = await self.call(subscription, message, body)
        except (CallFailed, AddressRefused) as error:
            return Failed(reason=str(error))
        if 200 <= answer.status < 300:
            return Delivered()
        if answer.status == _GONE:
            return Gone()
        redirected = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        return Failed(
            reason=f"HTTP {answer.status}{redirected}", retry_after_s=_retry_after_s(answer.headers, self._now_ms())
        )

    async def call(self, subscription: Subscription, message: bytes, body: bytes) -> Answer:
        """Send a message and give the answer, whatever it is.

        Raises:
            AddressRefused, CallFailed: there is none.
        """
        at_s = self._now_ms() // 1000
        headers = signed_headers(subscription.secrets, to_text(message), at_s, body)
        with trace.span("kefu.webhook", parent=named_in(body), workspace=subscription.workspace):
            headers |= {"Content-Type": "application/json", **trace.carrier()}
            return await self._outgoing.post(subscription.url, body, headers)


class Webhooks:
    """All that a workspace's administrators do with webhooks. Reads and writes a small file; call it off the loop.

    `add` alone talks to the network, and is a coroutine.
    """

    def __init__(
        self,
        subscriptions: Subscriptions,
        deliveries: Deliveries,
        outgoing: Outgoing,
        *,
        now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
        challenge: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        """Take the parts, the time of day, and what makes up challenges."""
        self._subscriptions = subscriptions
        self._deliveries = deliveries
        self._outgoing = outgoing
        self._now_ms = now_ms
        self._challenge = challenge

    async def add(self, workspace: str, url: str, *, kinds: Sequence[str] = (), challenge: bool = True) -> Subscription:
        """Add a receiver. Its secret is to be shown to whoever added it, this once.

        Args:
            workspace: whose messages.
            url: `https://…`, or a host that the operator allowed.
            kinds: of messages; none: all.
            challenge: have the receiver prove first that it expects messages from here.

        Raises:
            BadCommand: a kind is unknown, the receiver failed the challenge, or there is no room for it.
            AddressRefused: the address must not be called.
        """
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown:
            raise BadCommand(f"{unknown[0]!r} is no kind of message; there are {', '.join(KINDS)}.")
        address = str(checked_url(url, self._outgoing.guard))
        secret = new_secret()
        if challenge:
            await self._require_echo(workspace, address, secret)
        return await asyncio.to_thread(self._subscriptions.add, workspace, address, kinds=kinds, secret=secret)

    def all(self, workspace: str) -> list[tuple[Subscription, Counts]]:
        """List a workspace's receivers, and how many messages wait for each and were given up."""
        return [(each, self._deliveries.counts(each.id)) for each in self._subscriptions.all(workspace)]

    def get(self, workspace: str, subscription_id: str) -> Subscription:
        """Find a receiver.

        Raises:
            BadCommand: the workspace has no such one. So do all methods below.
        """
        return self._subscriptions.get(workspace, subscription_id)

    def remove(self, workspace: str, subscription_id: str) -> None:
        """Forget a receiver, and all that was on its way to it."""
        self._subscriptions.remove(workspace, subscription_id)

    def rotate(self, workspace: str, subscription_id: str) -> Subscription:
        """Give it a new secret, the first of `secrets`; messages are signed with the one before, too."""
        return self._subscriptions.rotate(workspace, subscription_id)

    def retire(self, workspace: str, subscription_id: str) -> Subscription:
        """Stop signing with the secret before the newest."""
        return self._subscriptions.retire(workspace, subscription_id)

    def disable(self, workspace: str, subscription_id: str) -> Subscription:
        """Send nothing any more; what waits goes to the dead letters."""
        return self._subscriptions.disable(workspace, subscription_id, "disabled by hand")

    def enable(self, workspace: str, subscription_id: str) -> Subscription:
        """Send again to a receiver that was disabled, or had said that it is gone."""
        return self._subscriptions.enable(workspace, subscription_id)

    def dead(self, workspace: str, subscription_id: str, *, offset: int = 0, limit: int = 100) -> list[Delivery]:
        """List messages that were given up, the newest first, with the reason."""
        self._subscriptions.get(workspace, subscription_id)
        return self._deliveries.dead(subscription_id, offset=offset, limit=limit)

    def waiting(self, workspace: str, subscription_id: str, *, offset: int = 0, limit: int = 100) -> list[Delivery]:
        """List messages that are on their way, the one that waits longest first."""
        self._subscriptions.get(workspace, subscription_id)
        return self._deliveries.waiting(subscription_id, offset=offset, limit=limit)

    def counts(self, workspace: str, subscription_id: str) -> Counts:
        """Count what waits for a receiver, and what was given up."""
        self._subscriptions.get(workspace, subscription_id)
        return self._deliveries.counts(subscription_id)

    def redeliver(self, workspace: str, subscription_id: str, message: str = "") -> int:
        """Send messages again that were given up: one, by its `webhook-id`, or all; give how many."""
        found = self._subscriptions.get(workspace, subscription_id)
        if found.disabled:
            raise BadCommand(f"{subscription_id} is disabled ({found.disabled}); enable it first.")
        try:
            identifier = from_text(message) if message else None
        except ValueError as error:
            raise BadCommand(f"{message!r} is no message id ({error}).") from error
        revived = self._deliveries.redeliver(subscription_id, identifier, self._now_ms())
        if message and not revived:
            raise BadCommand(f"{message} is not among the dead letters of {subscription_id}.")
        return revived

    async def _require_echo(self, workspace: str, url: str, secret: str) -> None:
        """Have a receiver send back what we make up: nobody is sent messages who does not know of it."""
        now = self._now_ms()
        word = self._challenge()
        candidate = Subscription(
            id="", workspace=workspace, url=url, kinds=(), secrets=(secret,), created=now, since=now
        )
        body = msgspec.json.encode({"type": "webhook.challenge", "challenge": word})
        try:
            answer = await Sender(self._outgoing, now_ms=self._now_ms).call(candidate, new_id(), body)
        except CallFailed as error:
            raise BadCommand(f"{url} did not answer the challenge: {error}.") from error
        if answer.status != 200 or not _echoes(answer.body, word):
            raise BadCommand(
                f"{url} did not pass the challenge (HTTP {answer.status}): it has to answer 200 with the value of "
                '"challenge" from the JSON that it gets, as plain text or as {"challenge": "…"}.'
            )


def _echoes(body: bytes, word: str) -> bool:
    said = body.strip()
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        said = msgspec.json.decode(said, type=_Echo).challenge.encode()
    return compare_digest(said, word.encode())


class _Echo(msgspec.Struct):
    challenge: str


def _retry_after_s(headers: Mapping[str, str], now: Millis) -> float | None:
    """Read Retry-After: seconds, or a date (RFC 9110, section 10.2.3)."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now / 1000)
