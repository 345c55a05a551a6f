"""The conversation log in one SQLite file: write-ahead logging, full synchronisation, many appends in a commit."""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from filelock import FileLock, Timeout

from server.conversations.events import Audience, Event, decode_body, encode_body
from server.conversations.state import Head
from server.errors import BadCommand, Conflict, LogUnavailable
from server.stores.group_commit import Committed, GroupCommit
from server.stores.migrations import migrate
from server.stores.protocols import Append, Mark, Onward, Page
from server.stores.rows import ManyRows
from server.stores.sqlite_cases import SqliteCases, handling_row, put_cases, put_marks, scrub_heads
from server.stores.sqlite_files import FileGone, SqliteFiles, name_files

_LEASE_S = 10.0  # for a predecessor to let go of the file
_FORGOTTEN = 200  # messages in one commit, so that the appends beside them hardly wait

Result = TypeVar("Result")
Row = tuple[Any, ...]  # as SQLite gives it

_AUDIENCES = (Audience.PUBLIC, Audience.INTERNAL)  # by the number in the table
_NUMBER = {audience: number for number, audience in enumerate(_AUDIENCES)}
_EVENT = "id, kind, audience, seq, epoch, turn, author, at, client_msg_id, body, follows"
_OPEN = ManyRows(
    "INSERT INTO conversations (workspace, id, last_at, waits, head, state, owner, department, tags, visitor) VALUES",
    10,
)
_GO_ON = ManyRows(
    "UPDATE conversations SET last_at = column3, waits = column4, head = column5, "
    "state = column6, owner = column7, department = column8, tags = column9 FROM (VALUES",
    9,
    ") WHERE workspace = column1 AND id = column2",
)
_EVENTS = ManyRows("INSERT INTO events VALUES", 13)
_ONWARD = ManyRows("INSERT INTO onward (id, workspace, conversation, kind, at, body) VALUES", 6)
_FORGET = ManyRows("DELETE FROM onward WHERE position IN (VALUES", 1, ")")
_heads_out = msgspec.msgpack.Encoder()
_heads_in = msgspec.msgpack.Decoder(Head)


class _Forgets(msgspec.Struct, frozen=True):
    """Messages for outside that nobody needs any more; they go with the next commit."""

    positions: tuple[int, ...]


_Work = Append | _Forgets | Mark


class SqliteLog:
    """See `server.stores.protocols.ConversationLog`. One process at a time writes: it holds a lock beside the file."""

    def __init__(
        self, path: Path, *, busy_timeout_s: float = 5.0, committed: Committed = lambda appends, seconds: None
    ) -> None:
        """Take the file's path; `open` makes or migrates it."""
        self._path = path
        self._timeout_s = busy_timeout_s
        self._lease = FileLock(f"{path}.lock", timeout=_LEASE_S, thread_local=False)
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kefu-log-reader")
        self.files = SqliteFiles(self._beside, self._rows)
        self.cases = SqliteCases(self._rows, lambda mark: self._commits.submit(mark))
        self._commits: GroupCommit[_Work] = GroupCommit(self._write, committed=committed)

    @classmethod
    async def open(cls, path: Path, *, committed: Committed = lambda appends, seconds: None) -> "SqliteLog":
        """Open a log, and start its writer.

        Raises:
            LogUnavailable: the file cannot be used, or was written by a newer kefu.
        """
        log = cls(path, committed=committed)
        try:
            await asyncio.to_thread(log._connect)
        except LogUnavailable:
            log._release()
            raise
        except Timeout as error:
            raise LogUnavailable(
                f"Another process writes to {path}; end it, or set server.log to another file."
            ) from error
        except (sqlite3.Error, OSError) as error:
            log._release()
            raise LogUnavailable(
                f"The conversation log {path} cannot be opened ({error}); check the folder's rights and free space."
            ) from error
        log._commits.start()
        return log

    def _connect(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lease.acquire()
        self._writer = self._connection()
        migrate(self._writer, self._path)
        self._reader = self._connection()
        self._reader.execute("PRAGMA query_only=ON")

    def _connection(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=self._timeout_s, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")  # a commit returns when the disk has it
        db.execute("PRAGMA secure_delete=ON")  # what a person had erased is overwritten
        return db

    # -- writing

    @property
    def waiting(self) -> int:
        """Appends that no commit has taken yet."""
        return self._commits.waiting

    async def append(self, append: Append) -> None:
        """Store events; they are on disk when this returns."""
        await self._commits.submit(append)

    def _write(self, items: Sequence[_Work]) -> Sequence[Exception | None]:
        """Commit items together; where one of them is refused, each by itself, so that it fails alone."""
        try:
            self._commit(items)
        except sqlite3.IntegrityError:
            return [self._alone(item) for item in items]
        except sqlite3.Error as error:
            return [_unavailable(self._path, error)] * len(items)
        return [None] * len(items)

    def _alone(self, item: _Work) -> Exception | None:
        try:
            self._commit([item])
        except FileGone as error:
            return BadCommand(str(error))
        except sqlite3.IntegrityError as error:
            return Conflict(f"somebody else appended first ({error}).")
        except sqlite3.Error as error:
            return _unavailable(self._path, error)
        return None

    def _commit(self, items: Sequence[_Work]) -> None:
        db, appends = self._open(self._writer), [item for item in items if isinstance(item, Append)]
        forgotten = [(position,) for item in items if isinstance(item, _Forgets) for position in item.positions]
        db.execute("BEGIN IMMEDIATE")
        try:
            _put_heads(db, appends)
            for append in appends:
                name_files(db, append)
            _EVENTS.run(db, [_event_row(append.head, event) for append in appends for event in append.events])
            put_cases(db, appends)
            _ONWARD.run(db, [_onward_row(each) for append in appends for each in append.onward])
            _FORGET.run(db, forgotten)
            put_marks(db, [item for item in items if isinstance(item, Mark)])
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")

    # -- reading

    async def head(self, workspace: str, conversation: bytes) -> Head | None:
        """Give a conversation's state."""
        sql = "SELECT head FROM conversations WHERE workspace = ? AND id = ?"
        return _first(await self._heads(sql, (workspace, conversation)))

    async def current(self, workspace: str, visitor: str) -> Head | None:
        """Give the visitor's conversation."""
        sql = "SELECT head FROM conversations WHERE workspace = ? AND visitor = ?"
        return _first(await self._heads(sql, (workspace, visitor)))

    async def events(
        self,
        workspace: str,
        conversation: bytes,
        *,
        audience: Audience = Audience.PUBLIC,
        after: int = 0,
        before: int | None = None,
        limit: int = 200,
        newest: bool = False,
    ) -> list[Event]:
        """Read events."""
        order = "DESC" if newest else "ASC"
        sql = (
            f"SELECT {_EVENT} FROM events WHERE workspace = ? AND conversation = ? AND audience = ? "
            f"AND seq > ? AND seq < ? ORDER BY seq {order} LIMIT ?"
        )
        stop = 1 << 62 if before is None else before
        values = (workspace, conversation, _NUMBER[audience], after, stop, limit)
        found = [_event_of(row) for row in await self._rows(sql, values)]
        return found[::-1] if newest else found

    async def by_client_msg_id(
        self, workspace: str, conversation: bytes, author: str, client_msg_id: str
    ) -> Event | None:
        """Find an event by its client's id."""
        sql = (
            f"SELECT {_EVENT} FROM events WHERE workspace = ? AND conversation = ? AND author = ? AND client_msg_id = ?"
        )
        rows = await self._rows(sql, (workspace, conversation, author, client_msg_id))
        return _event_of(rows[0]) if rows else None

    async def unanswered(self, *, limit: int = 1000) -> list[Head]:
        """List conversations that wait for the bot."""
        return await self._heads("SELECT head FROM conversations WHERE waits ORDER BY last_at LIMIT ?", (limit,))

    async def conversations(
        self, workspace: str, *, visitor: str | None = None, offset: int = 0, limit: int = 20
    ) -> Page:
        """List conversations."""
        where = "WHERE workspace = ?1 AND (?2 IS NULL OR visitor = ?2)"
        total = await self._rows(f"SELECT count(*) FROM conversations {where}", (workspace, visitor))
        items = await self._heads(
            f"SELECT head FROM conversations {where} ORDER BY last_at DESC, id LIMIT ?3 OFFSET ?4",
            (workspace, visitor, limit, offset),
        )
        return Page(items=tuple(items), total=total[0][0])

    async def onward(self, *, after: int = 0, limit: int = 100) -> list[Onward]:
        """Read messages for the world outside."""
        sql = "SELECT id, workspace, conversation, kind, at, body, position FROM onward WHERE position > ? "
        rows = await self._rows(sql + "ORDER BY position LIMIT ?", (after, limit))
        return [msgspec.convert(dict(zip(Onward.__struct_fields__, row, strict=True)), Onward) for row in rows]

    # -- forgetting

    async def erase_visitor(self, workspace: str, visitor: str) -> int:
        """Empty the visitor's events, forget the files."""
        mine = "workspace = ?1 AND conversation IN (SELECT id FROM conversations WHERE workspace = ?1 AND visitor = ?2)"

        def erase(db: sqlite3.Connection) -> int:
            values = (workspace, visitor)
            erased = db.execute(f"UPDATE events SET body = NULL WHERE body IS NOT NULL AND {mine}", values).rowcount
            db.execute(f"DELETE FROM onward WHERE {mine}", values)
            db.execute(f"DELETE FROM uploads WHERE {mine}", values)
            scrub_heads(db, workspace, visitor)
            return erased

        return await self._beside(erase)

    async def forget_onward(self, positions: Sequence[int]) -> None:
        """Let go of messages, with the commits of appends: a second writer would have them wait for its own."""
        for start in range(0, len(positions), _FORGOTTEN):
            await self._commits.submit(_Forgets(tuple(positions[start : start + _FORGOTTEN])))

    async def close(self) -> None:
        """Store what waits, then release the files."""
        await self._commits.close()
        self._reading.shutdown(wait=True)
        self._release()

    def _release(self) -> None:
        for db in (self._reader, self._writer):
            if db is not None:
                db.close()
        self._reader = self._writer = None
        self._lease.release()

    # -- the database

    async def _beside(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a transaction of its own beside the appends, which wait for it as for any other writer."""

        def run() -> Result:
            db = self._connection()
            try:
                db.execute("BEGIN IMMEDIATE")
                result = work(db)
                db.execute("COMMIT")
            finally:
                db.close()  # undoes what was not committed
            return result

        try:
            return await asyncio.to_thread(run)
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    async def _heads(self, sql: str, values: Sequence[object]) -> list[Head]:
        return [_heads_in.decode(row[0]) for row in await self._rows(sql, values)]

    async def _rows(self, sql: str, values: Sequence[object]) -> list[Row]:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(
                self._reading, lambda: self._open(self._reader).execute(sql, values).fetchall()
            )
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def _open(self, db: sqlite3.Connection | None) -> sqlite3.Connection:
        if db is None:
            raise LogUnavailable("the conversation log is closed.")
        return db


def _put_heads(db: sqlite3.Connection, appends: Sequence[Append]) -> None:
    """Store the states after the events; those of conversations that go on must have been there."""
    _OPEN.run(db, [(*_head_row(append.head), append.head.visitor) for append in appends if append.opens])
    rows = {row[:2]: row for row in (_head_row(append.head) for append in appends if not append.opens)}
    if _GO_ON.run(db, list(rows.values())) != len(rows):  # of a conversation that gained twice the last state counts
        raise sqlite3.IntegrityError("the conversation is unknown")


def _head_row(head: Head) -> Row:
    raw = _heads_out.encode(head)
    return (head.workspace, head.conversation, head.last_at, head.waits_for_bot, raw, *handling_row(head))


def _onward_row(onward: Onward) -> Row:
    return (onward.id, onward.workspace, onward.conversation, onward.kind, onward.at, onward.body)


def _event_row(head: Head, event: Event) -> Row:
    return (
        head.workspace,
        head.conversation,
        _NUMBER[event.audience],
        event.seq,
        event.id,
        event.kind,
        event.epoch,
        event.turn,
        event.author,
        event.at,
        event.client_msg_id or None,
        None if event.body is None else encode_body(event.body),
        event.after,
    )


def _event_of(row: Row) -> Event:
    identifier, kind, audience, seq, epoch, turn, author, at, client_msg_id, body, after = row
    return Event(
        id=identifier,
        kind=kind,
        audience=_AUDIENCES[audience],
        seq=seq,
        epoch=epoch,
        turn=turn,
        author=author,
        at=at,
        body=None if body is None else decode_body(body),
        client_msg_id=client_msg_id or "",
        after=after,
    )


def _first(heads: Sequence[Head]) -> Head | None:
    return heads[0] if heads else None


def _unavailable(path: Path, error: Exception) -> LogUnavailable:
    return LogUnavailable(f"The conversation log {path} cannot be used ({error}); check its folder and the free space.")
