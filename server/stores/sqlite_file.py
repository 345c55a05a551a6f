"""A small SQLite file beside the log, such as keys or accounts: written by the server and by commands beside it."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge import schema
from server.errors import ServerError

Row = tuple[Any, ...]


class SqliteFile:
    """A connection to the file. Safe to call from several threads and processes; a call takes a millisecond or two."""

    def __init__(
        self, path: Path, steps: schema.Steps, *, holds: str, unavailable: type[ServerError], synchronous: str = "FULL"
    ) -> None:
        """Take the file's path; it is made when first used, readable for its owner alone.

        Args:
            path: of the file.
            steps: its tables, see `knowledge.schema`.
            holds: what is in it, in the plural: "accounts".
            unavailable: raised where the file cannot be read or written.
            synchronous: FULL if a change has to survive a power cut; NORMAL if the last ones may be undone by it.
        """
        self._path = path
        self._steps = steps
        self._holds = holds
        self._unavailable = unavailable
        self._synchronous = synchronous
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[Row]:
        """Read.

        Raises:
            ServerError: of the kind that was given; the file cannot be read.
        """
        with self.reading() as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give the connection.

        Raises:
            ServerError: of the kind that was given; the file cannot be read.
        """
        with self._lock, self._mapped():
            yield self._open()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Give the connection within a transaction; what the block raises undoes it.

        Raises:
            ServerError: of the kind that was given; the file cannot be written.
            sqlite3.IntegrityError: a rule of the tables was broken; whoever wrote knows which.
        """
        with self._lock, self._mapped():
            db = self._open()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:  # a full disk has undone it already
                    db.execute("ROLLBACK")
                raise

    def change_counter(self) -> int:
        """Give a number that changes when something was written, here or by another process."""
        with self.reading() as db:
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
            raise self._unavailable(str(error)) from error
        except sqlite3.IntegrityError:
            raise
        except (sqlite3.Error, OSError) as error:
            raise self._unavailable(f"The {self._holds} in {self._path} cannot be used ({error}).") from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.touch(mode=0o600)
            db = sqlite3.connect(self._path, timeout=10, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(f"PRAGMA synchronous={self._synchronous}")
                schema.migrate(db, self._steps, what=f"The file of {self._holds} {self._path}")
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db
