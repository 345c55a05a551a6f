"""The SQLite file of webhooks: who wants what, and what is on its way to them."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from knowledge import schema
from server.errors import ServerError

STEPS: schema.Steps = (  # numbered; a released one never changes
    (
        "CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, body TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS changes (number INTEGER NOT NULL)",
        "INSERT INTO changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changes)",
        # The text of a message stays in the conversation log, where a person's erasure finds it.
        # next_at is NULL while an earlier message of the same conversation is on its way.
        """CREATE TABLE IF NOT EXISTS deliveries (
            subscription TEXT NOT NULL,
            id BLOB NOT NULL,
            position INTEGER NOT NULL,
            conversation BLOB NOT NULL,
            kind TEXT NOT NULL,
            state INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            queued INTEGER NOT NULL,
            next_at INTEGER,
            settled INTEGER,
            reason TEXT NOT NULL,
            PRIMARY KEY (subscription, id)
        ) WITHOUT ROWID""",
        "CREATE INDEX IF NOT EXISTS due ON deliveries (subscription, next_at, position) "
        "WHERE state = 0 AND next_at IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS lanes ON deliveries (subscription, conversation, position) WHERE state = 0",
        "CREATE INDEX IF NOT EXISTS waiting ON deliveries (subscription, queued) WHERE state = 0",
        "CREATE INDEX IF NOT EXISTS dead ON deliveries (subscription, position) WHERE state = 2",
        "CREATE INDEX IF NOT EXISTS messages ON deliveries (id)",
    ),
)


class WebhooksUnavailable(ServerError):
    """The webhooks' file cannot be read or written; trying again may work."""


class WebhookFile:
    """A connection to the file. Safe to call from several threads; several processes may each have theirs."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        """Take the file's path; it is made when first used.

        Args:
            path: of the file.
            synchronous: FULL if a change has to survive a power cut; NORMAL if the last ones may be undone by it.
        """
        self._path = path
        self._synchronous = synchronous
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection.

        Raises:
            WebhooksUnavailable: the file cannot be used.
        """
        with self._lock, self._mapped():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction, which is undone by an error.

        Raises:
            WebhooksUnavailable: the file cannot be used.
        """
        with self._lock, self._mapped():
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def close(self) -> None:
        """Release the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except schema.SchemaIsNewer as error:
            raise WebhooksUnavailable(str(error)) from error
        except (sqlite3.Error, OSError) as error:
            raise WebhooksUnavailable(f"The webhooks in {self._path} cannot be used ({error}).") from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)  # it holds the secrets that messages are signed with
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(f"PRAGMA synchronous={self._synchronous}")
                schema.migrate(db, STEPS, what=f"The file of webhooks {self._path}")
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db
