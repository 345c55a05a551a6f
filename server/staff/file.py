"""The file of accounts: one SQLite file, written by the server and by commands beside it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge import schema
from server.staff.errors import StaffUnavailable

Row = tuple[Any, ...]

STEPS: schema.Steps = (  # numbered; a released one never changes
    (
        # A password is an argon2id hash; "" until one was set: nobody signs in with that.
        """CREATE TABLE agents (
            workspace TEXT NOT NULL,
            id TEXT NOT NULL,
            login TEXT NOT NULL,
            password TEXT NOT NULL,
            disabled INTEGER NOT NULL DEFAULT 0,
            body TEXT NOT NULL,
            PRIMARY KEY (workspace, id)
        ) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX agents_by_login ON agents (workspace, login)",
        """CREATE TABLE departments (
            workspace TEXT NOT NULL,
            id TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (workspace, id)
        ) WITHOUT ROWID""",
        # Of a session only the hash of its token is kept.
        """CREATE TABLE sessions (
            token BLOB PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            workspace TEXT NOT NULL,
            agent TEXT NOT NULL,
            begun_at INTEGER NOT NULL,
            seen_at INTEGER NOT NULL,
            client TEXT NOT NULL
        ) WITHOUT ROWID""",
        "CREATE INDEX sessions_by_agent ON sessions (workspace, agent)",
        """CREATE TABLE failures (
            key TEXT PRIMARY KEY,
            times INTEGER NOT NULL,
            last_at INTEGER NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE canned (
            workspace TEXT NOT NULL,
            id TEXT NOT NULL,
            owner TEXT NOT NULL,
            body TEXT NOT NULL,
            PRIMARY KEY (workspace, id)
        ) WITHOUT ROWID""",
        """CREATE TABLE audit (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            workspace TEXT NOT NULL,
            at INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            about TEXT NOT NULL,
            change TEXT NOT NULL
        )""",
        "CREATE INDEX audit_by_workspace ON audit (workspace, position)",
    ),
)


class StaffFile:
    """Connections to the file. Safe to call from several threads and processes; a call takes a millisecond or two."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it is made when first used."""
        self._path = path
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """Read.

        Raises:
            StaffUnavailable: the file cannot be read.
        """
        with self._lock, self._mapped():
            return self._open().execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction; what the block raises undoes it.

        Raises:
            StaffUnavailable: the file cannot be written.
        """
        with self._lock, self._mapped():
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                if db.in_transaction:  # a full disk has undone it already
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def change_counter(self) -> int:
        """Give a number that changes when something was written, here or by another process."""
        with self._lock, self._mapped():
            db = self._open()
            return int(db.execute("PRAGMA data_version").fetchone()[0]) + db.total_changes

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
            raise StaffUnavailable(str(error)) from error
        except sqlite3.IntegrityError:
            raise  # a rule of ours; whoever wrote knows which
        except (sqlite3.Error, OSError) as error:
            raise StaffUnavailable(f"The accounts in {self._path} cannot be used ({error}).") from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")
                schema.migrate(db, STEPS, what=f"The file of accounts {self._path}")
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db
