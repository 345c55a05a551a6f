"""What is on its way to whom: one row for each message and receiver, until the log has let go of the message.

The rows order, count and remember; the text of a message is read from the log when it is sent. Written without waiting
for the disk: what a power cut undoes is sent again under the same id.
"""

import sqlite3
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import msgspec

from server.conversations.events import Millis
from server.events.webhook_file import WebhookFile
from server.stores.protocols import Onward

_DAY = 24 * 3600 * 1000
EXPIRE_MS = 2 * _DAY  # a receiver that was down for longer finds what it missed among the dead letters
DEAD_MS = 30 * _DAY  # for which dead letters are kept
_DONE_MS = DEAD_MS + 7 * _DAY  # longer than any letter is kept: a message that the log has is not sent again
_COLUMNS = "subscription, id, position, conversation, kind, attempts, queued, next_at, settled, reason"


class State(IntEnum):
    """Of a message on its way to one receiver."""

    WAITING = 0
    DONE = 1
    DEAD = 2


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message on its way to one receiver."""

    subscription: str
    id: bytes
    position: int
    conversation: bytes
    kind: str
    attempts: int  # made
    queued: Millis
    next_at: Millis | None  # None: after an earlier one of the conversation
    settled: Millis | None
    reason: str  # of the last failure


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and who gets it."""

    message: Onward
    subscriptions: tuple[str, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the log has a message."""

    position: int
    id: bytes


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Of one receiver."""

    waiting: int = 0
    dead: int = 0
    oldest: Millis | None = None  # when the message that waits longest was queued; None: none waits


class Deliveries:
    """The queue of every receiver. Safe to call from several threads and processes."""

    def __init__(self, path: Path, *, backlog: int = 100_000, dead_letters: int = 100_000) -> None:
        """Take the file's path.

        Args:
            path: the file that the subscriptions are in, too.
            backlog: messages that wait for one receiver; more become dead letters at once.
            dead_letters: of one receiver; the oldest are forgotten.
        """
        self._file = WebhookFile(path, synchronous="NORMAL")
        self._backlog = backlog
        self._dead_letters = dead_letters

    # -- what the relay does

    def take(self, messages: Sequence[Wanted], now: Millis) -> list[Place]:
        """Queue messages, in the log's order; those that are known already stay as they are.

        Returns:
            the messages that nobody waits for.
        """
        with self._file.writing() as db:
            room = {name: self._room(db, name) for name in {name for each in messages for name in each.subscriptions}}
            for wanted in messages:
                for name in wanted.subscriptions:
                    room[name] -= self._queue(db, name, wanted.message, now, full=room[name] <= 0)
            places = [Place(position=each.message.position, id=each.message.id) for each in messages]
            return [place for place in places if not _is_held(db, place.id)]

    def due(self, subscription: str, now: Millis, limit: int) -> list[Delivery]:
        """List messages that can be sent now, at most one of each conversation, the longest due first."""
        where = "subscription = ? AND state = 0 AND next_at IS NOT NULL AND next_at <= ? "
        order = "ORDER BY next_at, position LIMIT ?"  # the index has them in this order
        with self._file.reading() as db:
            return _read(db, where + order, (subscription, now, limit))

    def next_at(self, subscription: str, after: Millis) -> Millis | None:
        """Tell when the next message that is not due yet will be."""
        sql = "SELECT min(next_at) FROM deliveries WHERE subscription = ? AND state = 0 AND next_at > ?"
        with self._file.reading() as db:
            found: Millis | None = db.execute(sql, (subscription, after)).fetchone()[0]
            return found

    def done(self, delivery: Delivery, now: Millis) -> bool:
        """Note that the receiver has a message; tell whether nobody waits for it any more."""
        return self._settle(delivery, State.DONE, "", now)

    def bury(self, delivery: Delivery, reason: str, now: Millis) -> None:
        """Give up on a message; it stays to be sent again by hand."""
        self._settle(delivery, State.DEAD, reason, now)

    def retry(self, delivery: Delivery, next_at: Millis, reason: str) -> None:
        """Note that an attempt failed, and when to make the next."""
        with self._file.writing() as db:
            db.execute(
                "UPDATE deliveries SET attempts = attempts + 1, next_at = ?, reason = ? "
                "WHERE subscription = ? AND id = ? AND state = 0",
                (next_at, reason, delivery.subscription, delivery.id),
            )

    def hurry(self, subscription: str, now: Millis) -> None:
        """Try now what failed while the receiver was down."""
        with self._file.writing() as db:
            db.execute(
                "UPDATE deliveries SET next_at = ? WHERE subscription = ? AND state = 0 AND next_at > ?",
                (now, subscription, now),
            )

    def bury_all(self, subscription: str, reason: str, now: Millis) -> None:
        """Give up on all that waits for a receiver."""
        with self._file.writing() as db:
            db.execute(
                "UPDATE deliveries SET state = 2, reason = ?, settled = ?, next_at = NULL "
                "WHERE subscription = ? AND state = 0",
                (reason, now, subscription),
            )

    def forgotten(self, places: Sequence[Place]) -> None:
        """Let go of messages that the log has let go of."""
        with self._file.writing() as db:
            db.executemany("DELETE FROM deliveries WHERE id = ? AND state = 1", ((place.id,) for place in places))

    def tidy(self, subscription: str, now: Millis) -> bool:
        """Give up on what waited too long, and let go of dead letters that are too old or too many; tell if any."""
        with self._file.writing() as db:
            late = db.execute(
                "UPDATE deliveries SET state = 2, reason = CASE reason WHEN '' THEN 'not delivered in time' "
                "ELSE 'not delivered in time; last: ' || reason END, settled = ?, next_at = NULL "
                "WHERE subscription = ? AND state = 0 AND queued < ? RETURNING conversation",
                (now, subscription, now - EXPIRE_MS),
            ).fetchall()
            for (conversation,) in set(late):
                _promote(db, subscription, conversation, now)
            # Done, not deleted: the log may still have the message, and must not be asked to send it anew.
            freed = db.execute(
                "UPDATE deliveries SET state = 1 WHERE subscription = ?1 AND state = 2 AND (settled < ?2 OR id IN ("
                "SELECT id FROM deliveries WHERE subscription = ?1 AND state = 2 ORDER BY position DESC "
                "LIMIT -1 OFFSET ?3))",
                (subscription, now - DEAD_MS, self._dead_letters),
            ).rowcount
            sql = "DELETE FROM deliveries WHERE subscription = ? AND state = 1 AND settled < ?"
            db.execute(sql, (subscription, now - _DONE_MS))
            return freed > 0

    # -- what people do

    def dead(self, subscription: str, *, offset: int = 0, limit: int = 100) -> list[Delivery]:
        """List the messages that were given up, the newest first."""
        where = "subscription = ? AND state = 2 ORDER BY position DESC LIMIT ? OFFSET ?"
        with self._file.reading() as db:
            return _read(db, where, (subscription, limit, offset))

    def waiting(self, subscription: str, *, offset: int = 0, limit: int = 100) -> list[Delivery]:
        """List the messages that are on their way, the one that waits longest first."""
        where = "subscription = ? AND state = 0 ORDER BY queued, position LIMIT ? OFFSET ?"
        with self._file.reading() as db:
            return _read(db, where, (subscription, limit, offset))

    def counts(self, subscription: str) -> Counts:
        """Count what waits, and what was given up."""
        where = "WHERE subscription = ? AND state = "
        with self._file.reading() as db:
            waiting, oldest = db.execute(
                f"SELECT count(*), min(queued) FROM deliveries {where}0", (subscription,)
            ).fetchone()
            dead = db.execute(f"SELECT count(*) FROM deliveries {where}2", (subscription,)).fetchone()[0]
            return Counts(waiting=waiting, dead=dead, oldest=oldest)

    def redeliver(self, subscription: str, message: bytes | None, now: Millis) -> int:
        """Send dead letters again, one of them or all, with all attempts before them; give how many."""
        with self._file.writing() as db:
            revived = db.execute(
                "UPDATE deliveries SET state = 0, attempts = 0, queued = ?1, next_at = NULL, settled = NULL, "
                "reason = '' WHERE subscription = ?2 AND state = 2 AND (?3 IS NULL OR id = ?3) RETURNING conversation",
                (now, subscription, message),
            ).fetchall()
            for (conversation,) in set(revived):
                _promote(db, subscription, conversation, now)
            return len(revived)

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    # -- the table

    def _room(self, db: sqlite3.Connection, subscription: str) -> int:
        sql = "SELECT count(*) FROM deliveries WHERE subscription = ? AND state = 0"
        return self._backlog - int(db.execute(sql, (subscription,)).fetchone()[0])

    def _queue(self, db: sqlite3.Connection, name: str, message: Onward, now: Millis, *, full: bool) -> int:
        state, reason = (State.DEAD, "too many messages wait for this receiver") if full else (State.WAITING, "")
        added = db.execute(
            "INSERT OR IGNORE INTO deliveries VALUES (?,?,?,?,?,?,0,?,NULL,?,?)",
            (
                name,
                message.id,
                message.position,
                message.conversation,
                message.kind,
                state,
                now,
                now if full else None,
                reason,
            ),
        ).rowcount
        if added and not full:
            _promote(db, name, message.conversation, now)
        return added

    def _settle(self, delivery: Delivery, state: State, reason: str, now: Millis) -> bool:
        with self._file.writing() as db:
            db.execute(
                "UPDATE deliveries SET state = ?, attempts = attempts + 1, reason = ?, settled = ?, next_at = NULL "
                "WHERE subscription = ? AND id = ? AND state = 0",
                (state, reason, now, delivery.subscription, delivery.id),
            )
            _promote(db, delivery.subscription, delivery.conversation, now)
            return not _is_held(db, delivery.id)


def _promote(db: sqlite3.Connection, subscription: str, conversation: bytes, now: Millis) -> None:
    """Make the first waiting message of a conversation due, unless one is on its way."""
    sql = (
        "SELECT id, next_at FROM deliveries WHERE subscription = ? AND conversation = ? AND state = 0 "
        "ORDER BY next_at IS NULL, position LIMIT 1"
    )
    first = db.execute(sql, (subscription, conversation)).fetchone()
    if first is not None and first[1] is None:
        db.execute("UPDATE deliveries SET next_at = ? WHERE subscription = ? AND id = ?", (now, subscription, first[0]))


def _is_held(db: sqlite3.Connection, message: bytes) -> bool:
    found = db.execute("SELECT 1 FROM deliveries WHERE id = ? AND state <> 1 LIMIT 1", (message,)).fetchone()
    return found is not None


def _read(db: sqlite3.Connection, where: str, values: tuple[object, ...]) -> list[Delivery]:
    rows = db.execute(f"SELECT {_COLUMNS} FROM deliveries WHERE {where}", values)
    return [Delivery(**dict(zip(Delivery.__struct_fields__, row, strict=True))) for row in rows]
