"""The rows of files in the SQLite log. A row and the message that names it are written in one transaction."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from server.conversations.events import Millis, Spoke
from server.ids import from_text
from server.stores.protocols import Append, Upload

_ROW = "id, workspace, conversation, author, name, media_type, size, at, named"
_AT_ONCE = 500  # values in one statement

Result = TypeVar("Result")


class FileGone(sqlite3.IntegrityError):
    """A message names a file that is not there, or no longer."""


class Beside(Protocol):
    """Runs a transaction of its own."""

    def __call__(self, work: Callable[[sqlite3.Connection], Result]) -> Awaitable[Result]:
        """Give what the work gives; it is on disk."""


def name_files(db: sqlite3.Connection, append: Append) -> None:
    """Note that messages name files, within the transaction that stores them.

    Raises:
        FileGone: one of them is not among those of the conversation.
    """
    for event in append.events:
        if isinstance(event.body, Spoke):
            for file in event.body.files:
                values = (from_text(file.id), append.head.workspace, append.head.conversation)
                sql = "UPDATE uploads SET named = 1 WHERE id = ? AND workspace = ? AND conversation = ?"
                if db.execute(sql, values).rowcount != 1:
                    raise FileGone("a file of this message is gone; upload it again.")


class SqliteFiles:
    """See `server.stores.protocols.FileTable`."""

    def __init__(self, beside: Beside, rows: Callable[[str, Sequence[object]], Awaitable[list[Any]]]) -> None:
        """Take what writes and what reads."""
        self._beside = beside
        self._rows = rows

    async def add(self, upload: Upload, *, since: Millis, most_bytes: int, most_files: int) -> bool:
        """Add a file, within bounds."""

        def add(db: sqlite3.Connection) -> bool:
            sql = (
                "SELECT COALESCE(SUM(size), 0), COUNT(*) FROM uploads "
                "WHERE workspace = ? AND conversation = ? AND author = ? AND at > ?"
            )
            size, files = db.execute(sql, (upload.workspace, upload.conversation, upload.author, since)).fetchone()
            if size + upload.size > most_bytes or files >= most_files:
                return False
            db.execute(f"INSERT INTO uploads ({_ROW}) VALUES (?,?,?,?,?,?,?,?,?)", _row(upload))
            return True

        return await self._beside(add)

    async def find(self, workspace: str, upload: bytes) -> Upload | None:
        """Give a file."""
        rows = await self._rows(f"SELECT {_ROW} FROM uploads WHERE id = ? AND workspace = ?", (upload, workspace))
        return _upload(rows[0]) if rows else None

    async def of_conversation(self, workspace: str, conversation: bytes) -> list[Upload]:
        """List the files of a conversation."""
        sql = f"SELECT {_ROW} FROM uploads WHERE workspace = ? AND conversation = ? ORDER BY at, id"
        return [_upload(row) for row in await self._rows(sql, (workspace, conversation))]

    async def expire(self, *, before: Millis) -> list[bytes]:
        """Forget the files that no message names."""
        sql = "DELETE FROM uploads WHERE named = 0 AND at < ? RETURNING id"
        return await self._beside(lambda db: [row[0] for row in db.execute(sql, (before,)).fetchall()])

    async def known(self, uploads: Sequence[bytes]) -> set[bytes]:
        """Tell which files there are."""
        found: set[bytes] = set()
        for start in range(0, len(uploads), _AT_ONCE):
            some = uploads[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            found |= {row[0] for row in await self._rows(f"SELECT id FROM uploads WHERE id IN ({marks})", some)}
        return found


def _row(upload: Upload) -> tuple[object, ...]:
    return (
        upload.id, upload.workspace, upload.conversation, upload.author, upload.name, upload.media_type, upload.size,
        upload.at, upload.named,
    )  # fmt: skip


def _upload(row: Sequence[Any]) -> Upload:
    identifier, workspace, conversation, author, name, media_type, size, at, named = row
    return Upload(
        id=identifier, workspace=workspace, conversation=conversation, author=author, name=name, media_type=media_type,
        size=size, at=at, named=bool(named),
    )  # fmt: skip
