"""What `kefu webhooks` does."""

import argparse
import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from server.events.deliveries import Deliveries
from server.events.guard import Guard
from server.events.outgoing import Outgoing
from server.events.subscriptions import Subscription, Subscriptions
from server.events.webhooks import Webhooks
from server.ids import to_text
from server.settings import Installation


def add(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Add a receiver, and show its secret this once."""
    with _webhooks(settings) as webhooks:
        added = asyncio.run(_add(webhooks, arguments))
    console.print(f"webhook {added.id}", highlight=False, soft_wrap=True)
    _show_secret(added, console)
    return 0


def show(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """List the receivers of a workspace."""
    table = Table("webhook", "address", "messages", "made", "waiting", "dead", "state")
    with _webhooks(settings) as webhooks:
        for each, counts in webhooks.all(arguments.workspace):
            secrets = " (2 secrets)" if len(each.secrets) > 1 else ""
            table.add_row(
                each.id, each.url, ", ".join(each.kinds) or "all", _time(each.created), str(counts.waiting),
                str(counts.dead), each.disabled or f"live{secrets}",
            )  # fmt: skip
    console.print(table if table.rows else "no webhooks yet; `kefu webhooks add https://…` makes one")
    return 0


def remove(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Forget a receiver; a running server follows within seconds."""
    with _webhooks(settings) as webhooks:
        webhooks.remove(arguments.workspace, arguments.id)
    console.print(f"{arguments.id} is removed")
    return 0


def rotate(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Make a new secret, or let go of the old one."""
    with _webhooks(settings) as webhooks:
        if arguments.retire:
            webhooks.retire(arguments.workspace, arguments.id)
            console.print("messages are signed with the newest secret only")
            return 0
        _show_secret(webhooks.rotate(arguments.workspace, arguments.id), console)
    console.print("Messages carry both signatures until `kefu webhooks rotate --retire`.", style="dim")
    return 0


def disable(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Send nothing more to a receiver, and keep it."""
    with _webhooks(settings) as webhooks:
        webhooks.disable(arguments.workspace, arguments.id)
    console.print(f"{arguments.id} is disabled; what waits for it goes to the dead letters")
    return 0


def enable(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Send again to a receiver that was disabled."""
    with _webhooks(settings) as webhooks:
        webhooks.enable(arguments.workspace, arguments.id)
    console.print(f"{arguments.id} is enabled")
    return 0


def dead(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """List messages that were given up."""
    table = Table("message", "kind", "queued", "given up", "attempts", "reason")
    with _webhooks(settings) as webhooks:
        for each in webhooks.dead(arguments.workspace, arguments.id, limit=arguments.limit):
            table.add_row(
                to_text(each.id), each.kind, _time(each.queued), _time(each.settled or each.queued),
                str(each.attempts), each.reason,
            )  # fmt: skip
    console.print(table if table.rows else "no message was given up")
    return 0


def redeliver(settings: Installation, arguments: argparse.Namespace, console: Console) -> int:
    """Send messages again that were given up; a running server does so within seconds, another when it starts."""
    with _webhooks(settings) as webhooks:
        count = webhooks.redeliver(arguments.workspace, arguments.id, arguments.message)
    console.print(f"{count} {'message is' if count == 1 else 'messages are'} sent again")
    return 0


async def _add(webhooks: "_Opened", arguments: argparse.Namespace) -> Subscription:
    try:
        return await webhooks.add(
            arguments.workspace, arguments.url, kinds=arguments.kind, challenge=not arguments.no_challenge
        )
    finally:
        await webhooks.outgoing.close()


class _Opened(Webhooks):
    """Webhooks with the client that belongs to them alone."""

    def __init__(self, subscriptions: Subscriptions, deliveries: Deliveries, outgoing: Outgoing) -> None:
        super().__init__(subscriptions, deliveries, outgoing)
        self.outgoing = outgoing


@contextmanager
def _webhooks(settings: Installation) -> Iterator[_Opened]:
    subscriptions = Subscriptions(settings.webhooks_file)
    deliveries = Deliveries(settings.webhooks_file)
    try:
        yield _Opened(subscriptions, deliveries, Outgoing(Guard.allowing(settings.server.webhook_allow)))
    finally:
        subscriptions.close()
        deliveries.close()


def _show_secret(subscription: Subscription, console: Console) -> None:
    console.print(f"secret {subscription.secrets[0]}", highlight=False, soft_wrap=True)
    console.print("Keep it: it is not shown again.", style="dim")


def _time(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")
