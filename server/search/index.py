"""The index: an SQLite file of its own beside the log, so that indexing never holds up a message."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from server.conversations.events import Audience, Millis
from server.conversations.hub import Key
from server.errors import LogUnavailable
from server.search.words import indexed, query

_VERSION = 1  # grows with every change of the tables or of what is indexed: the index is made anew
_SCHEMA = (
    "CREATE TABLE lines (id INTEGER PRIMARY KEY, workspace TEXT NOT NULL, conversation BLOB NOT NULL, "
    "audience INTEGER NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, author TEXT NOT NULL)",
    "CREATE UNIQUE INDEX lines_by_place ON lines (workspace, conversation, audience, seq)",
    "CREATE VIRTUAL TABLE words USING fts5(text, tokenize = 'unicode61 remove_diacritics 0')",
    "CREATE TABLE progress (workspace TEXT NOT NULL, conversation BLOB NOT NULL, seq INTEGER NOT NULL, "
    "internal_seq INTEGER NOT NULL, PRIMARY KEY (workspace, conversation)) WITHOUT ROWID",
    f"PRAGMA user_version = {_VERSION}",
)
_LINES_A_CONVERSATION = 10  # that are looked at to find one
_AUDIENCES = (Audience.PUBLIC, Audience.INTERNAL)

Result = TypeVar("Result")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said."""

    audience: Audience
    seq: int
    at: Millis
    author: str
    text: str


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Up to where a conversation is indexed."""

    seq: int = 0
    internal_seq: int = 0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where something was found."""

    conversation: bytes
    audience: Audience
    seq: int
    at: Millis
    author: str


class SearchIndex:
    """All workspaces in one file. Work is done on a thread of its own, one thing after the other."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; `open` makes it."""
        self._path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kefu-search")
        self._db: sqlite3.Connection | None = None

    async def open(self) -> None:
        """Open the file; one that is broken, or of another version, is made anew.

        Raises:
            LogUnavailable: the folder cannot be used.
        """
        await self._run(self._open)

    async def progress(self, key: Key) -> Progress:
        """Tell up to where a conversation is indexed."""

        def read() -> Progress:
            sql = "SELECT seq, internal_seq FROM progress WHERE workspace = ? AND conversation = ?"
            row = self._open().execute(sql, key).fetchone()
            return Progress(seq=row[0], internal_seq=row[1]) if row is not None else Progress()

        return await self._run(read)

    async def newest(self) -> Millis:
        """Tell when the newest line was said that is indexed; 0 if none is."""
        return await self._run(lambda: self._open().execute("SELECT coalesce(max(at), 0) FROM lines").fetchone()[0])

    async def add(self, key: Key, lines: Sequence[Line], progress: Progress) -> None:
        """Index lines of a conversation that are not indexed yet, and note how far that goes."""

        def write() -> None:
            db = self._open()
            with _transaction(db):
                for line in lines:
                    place = (*key, _AUDIENCES.index(line.audience), line.seq, line.at, line.author)
                    sql = (
                        "INSERT OR IGNORE INTO lines (workspace, conversation, audience, seq, at, author) "
                        "VALUES (?,?,?,?,?,?)"
                    )
                    added = db.execute(sql, place)
                    if added.rowcount:
                        values = (added.lastrowid, indexed(line.text))
                        db.execute("INSERT INTO words (rowid, text) VALUES (?,?)", values)
                _note(db, key, progress)

        await self._run(write)

    async def find(self, workspace: str, text: str, *, limit: int, public_only: bool = False) -> list[Place]:
        """Find lines with all words of a text, the newest first."""
        wanted = query(text)
        if not wanted:
            return []

        def read() -> list[Place]:
            sql = (
                "SELECT conversation, audience, seq, at, author FROM words JOIN lines ON lines.id = words.rowid "
                "WHERE words MATCH ? AND workspace = ? AND audience <= ? ORDER BY words.rowid DESC LIMIT ?"
            )
            rows = self._open().execute(sql, (wanted, workspace, 0 if public_only else 1, limit)).fetchall()
            return [
                Place(conversation=conversation, audience=_AUDIENCES[audience], seq=seq, at=at, author=author)
                for conversation, audience, seq, at, author in rows
            ]

        return await self._run(read)

    async def conversations(self, workspace: str, text: str, *, limit: int) -> list[bytes]:
        """Find conversations with a line that has all words of a text, that with the newest such line first."""
        wanted = query(text)
        if not wanted:
            return []
        # Of a word that is everywhere only the newest lines are looked at: more are no help, and hold up the index.
        sql = (
            "SELECT conversation FROM (SELECT conversation, words.rowid AS line FROM words JOIN lines "
            "ON lines.id = words.rowid WHERE words MATCH ? AND workspace = ? ORDER BY words.rowid DESC LIMIT ?) "
            "GROUP BY conversation ORDER BY max(line) DESC LIMIT ?"
        )
        values = (wanted, workspace, _LINES_A_CONVERSATION * limit, limit)
        return await self._run(lambda: [row[0] for row in self._open().execute(sql, values).fetchall()])

    async def forget(self, key: Key) -> None:
        """Delete a conversation's words; what is left of it in the log may be indexed again."""

        def write() -> None:
            db = self._open()
            with _transaction(db):
                where = "workspace = ? AND conversation = ?"
                db.execute(f"DELETE FROM words WHERE rowid IN (SELECT id FROM lines WHERE {where})", key)
                gone = db.execute(f"DELETE FROM lines WHERE {where}", key).rowcount
                db.execute(f"DELETE FROM progress WHERE {where}", key)
            if gone:  # older segments of the index still hold the words, until they are merged
                db.execute("INSERT INTO words (words) VALUES ('optimize')")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        await self._run(write)

    async def close(self) -> None:
        """Release the file."""
        await asyncio.to_thread(self._thread.shutdown, wait=True)
        if self._db is not None:
            self._db.close()
            self._db = None

    # -- the file

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (sqlite3.Error, OSError) as error:
            raise LogUnavailable(f"The search index {self._path} cannot be used ({error}).") from error

    def _open(self) -> sqlite3.Connection:
        if self._db is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._connection()
            except sqlite3.DatabaseError:  # all of it is in the log, too
                for suffix in ("", "-wal", "-shm"):
                    with suppress(FileNotFoundError):
                        Path(f"{self._path}{suffix}").unlink()
                self._db = self._connection()
        return self._db

    def _connection(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA secure_delete=ON")
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found != _VERSION:
            if db.execute("SELECT 1 FROM sqlite_master").fetchone() is not None:
                db.close()
                raise sqlite3.DatabaseError("another version")
            with _transaction(db):
                for statement in _SCHEMA:
                    db.execute(statement)
        return db


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # a full disk has undone it already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _note(db: sqlite3.Connection, key: Key, progress: Progress) -> None:
    sql = "INSERT OR REPLACE INTO progress (workspace, conversation, seq, internal_seq) VALUES (?,?,?,?)"
    db.execute(sql, (*key, progress.seq, progress.internal_seq))
