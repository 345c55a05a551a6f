"""Who is told of what: the webhooks of each workspace."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from secrets import token_urlsafe
from time import time_ns

import msgspec

from server.conversations.events import Millis
from server.errors import BadCommand
from server.events.signing import new_secret
from server.events.webhook_file import WebhookFile
from server.stores.protocols import Onward

LIVE_SECRETS = 2  # a new one, and the one that receivers still check with
PER_WORKSPACE = 20


class WebhookNotFound(BadCommand):
    """The workspace has no such webhook."""


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver of messages."""

    id: str
    workspace: str
    url: str
    kinds: tuple[str, ...]  # of messages; none: all
    secrets: tuple[str, ...]  # the newest first; each message is signed with all of them
    created: Millis
    since: Millis  # of what happened before, nothing is sent
    disabled: str = ""  # why nothing is sent

    def wants(self, message: Onward) -> bool:
        """Tell whether a message is for this receiver."""
        return (
            not self.disabled
            and message.workspace == self.workspace
            and message.at >= self.since
            and (not self.kinds or message.kind in self.kinds)
        )


class Subscriptions:
    """All subscriptions of an installation. Safe to call from several threads and processes."""

    def __init__(self, path: Path, *, now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000) -> None:
        """Take the file's path; it is made when first used."""
        self._file = WebhookFile(path)
        self._read_file = WebhookFile(path)  # the event loop reads: it must not wait for who waits to write
        self._now_ms = now_ms
        self.written = 0  # changes made through this object

    def add(
        self, workspace: str, url: str, *, kinds: Sequence[str] = (), secret: str = "", disabled: str = ""
    ) -> Subscription:
        """Add a receiver; what happens from now on is sent to it.

        Raises:
            BadCommand: the workspace has too many, or this one already.
        """
        now = self._now_ms()
        added = Subscription(
            id=f"wh_{token_urlsafe(12)}",
            workspace=workspace,
            url=url,
            kinds=tuple(dict.fromkeys(kinds)),
            secrets=(secret or new_secret(),),
            created=now,
            since=now,
            disabled=disabled,
        )
        with self._file.writing() as db:
            there = _read(db, "workspace = ?", (workspace,))
            if any((each.url, each.kinds) == (added.url, added.kinds) for each in there):
                raise BadCommand(f"the workspace {workspace!r} sends these messages to {url} already.")
            if len(there) >= PER_WORKSPACE:
                raise BadCommand(f"a workspace has at most {PER_WORKSPACE} webhooks; remove one first.")
            _write(db, added)
        self.written += 1
        return added

    def get(self, workspace: str, subscription_id: str) -> Subscription:
        """Find a subscription.

        Raises:
            BadCommand: the workspace has no such one.
        """
        with self._read_file.reading() as db:
            return _one(db, workspace, subscription_id)

    def all(self, workspace: str | None = None) -> list[Subscription]:
        """List subscriptions, the oldest first."""
        with self._read_file.reading() as db:
            return _read(db, "?1 IS NULL OR workspace = ?1", (workspace,))

    def rotate(self, workspace: str, subscription_id: str) -> Subscription:
        """Give it a new secret. The one before stays live until `retire` or the next rotation."""
        return self._change(
            workspace,
            subscription_id,
            lambda found: {"secrets": (new_secret(), *found.secrets)[:LIVE_SECRETS]},
        )

    def retire(self, workspace: str, subscription_id: str) -> Subscription:
        """Sign with the newest secret only."""
        return self._change(workspace, subscription_id, lambda found: {"secrets": found.secrets[:1]})

    def disable(self, workspace: str, subscription_id: str, reason: str) -> Subscription:
        """Send nothing any more."""
        return self._change(workspace, subscription_id, lambda _: {"disabled": reason})

    def enable(self, workspace: str, subscription_id: str) -> Subscription:
        """Send again; what happened since it was disabled is not sent."""
        return self._change(
            workspace,
            subscription_id,
            lambda found: {"disabled": "", "since": self._now_ms()} if found.disabled else {},
        )

    def remove(self, workspace: str, subscription_id: str) -> None:
        """Forget a receiver, and all that was on its way to it.

        Raises:
            BadCommand: the workspace has no such one.
        """
        with self._file.writing() as db:
            _one(db, workspace, subscription_id)
            db.execute("DELETE FROM subscriptions WHERE id = ?", (subscription_id,))
            db.execute("DELETE FROM deliveries WHERE subscription = ?", (subscription_id,))
            _count(db)
        self.written += 1

    def changes(self) -> int:
        """Give a number that grows with every change, whoever made it."""
        with self._read_file.reading() as db:
            return int(db.execute("SELECT number FROM changes").fetchone()[0])

    def close(self) -> None:
        """Release the file."""
        self._file.close()
        self._read_file.close()

    def _change(
        self, workspace: str, subscription_id: str, change: Callable[[Subscription], dict[str, object]]
    ) -> Subscription:
        with self._file.writing() as db:
            found = _one(db, workspace, subscription_id)
            changed = msgspec.structs.replace(found, **change(found))
            if changed != found:
                _write(db, changed)
        self.written += 1
        return changed


def _one(db: sqlite3.Connection, workspace: str, subscription_id: str) -> Subscription:
    found = _read(db, "workspace = ? AND id = ?", (workspace, subscription_id))
    if not found:
        raise WebhookNotFound(f"the workspace {workspace!r} has no webhook {subscription_id!r}.")
    return found[0]


def _read(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Subscription]:
    rows = db.execute(f"SELECT body FROM subscriptions WHERE {where} ORDER BY rowid", values)
    return [msgspec.json.decode(row[0], type=Subscription) for row in rows]


def _write(db: sqlite3.Connection, subscription: Subscription) -> None:
    db.execute(
        "INSERT INTO subscriptions (id, workspace, body) VALUES (?,?,?) "
        "ON CONFLICT (id) DO UPDATE SET body = excluded.body",
        (subscription.id, subscription.workspace, msgspec.json.encode(subscription).decode()),
    )
    _count(db)


def _count(db: sqlite3.Connection) -> None:
    db.execute("UPDATE changes SET number = number + 1")
