"""Who changed which setting, and when. What happens in conversations is in their log."""

import sqlite3
from collections.abc import Callable, Mapping
from time import time_ns
from typing import Any

import msgspec

from server.conversations.events import Millis
from server.staff.file import StaffFile

COMMAND = "command"  # the actor of what is done on the server's command line


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the audit log."""

    position: int
    at: Millis
    actor: str  # "agent:ID", or "command"
    action: str  # "agent.added", "department.changed", ...
    about: str  # the id of what was changed
    change: dict[str, Any]  # field -> [before, after]; passwords are never among them


class Audit:
    """Writes and reads the audit log."""

    def __init__(self, file: StaffFile, now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000) -> None:
        self._file = file
        self._now_ms = now_ms

    def note(
        self, db: sqlite3.Connection, workspace: str, actor: str, action: str, about: str, change: Mapping[str, Any]
    ) -> None:
        """Write a line, in the transaction of what it tells of."""
        db.execute(
            "INSERT INTO audit (workspace, at, actor, action, about, change) VALUES (?,?,?,?,?,?)",
            (workspace, self._now_ms(), actor, action, about, msgspec.json.encode(change).decode()),
        )

    def trim(self, *, before: Millis) -> int:
        """Delete the lines of all workspaces that are older than a moment; give how many.

        Raises:
            StaffUnavailable: nothing was deleted.
        """
        with self._file.writing() as db:
            return db.execute("DELETE FROM audit WHERE at < ?", (before,)).rowcount

    def lines(self, workspace: str, *, limit: int, offset: int) -> tuple[list[Change], int]:
        """Give a part of the log, newest first, and how many lines it has."""
        sql = "SELECT position, at, actor, action, about, change FROM audit WHERE workspace = ? "
        rows = self._file.rows(sql + "ORDER BY position DESC LIMIT ? OFFSET ?", (workspace, limit, offset))
        total = self._file.rows("SELECT count(*) FROM audit WHERE workspace = ?", (workspace,))[0][0]
        lines = [
            Change(
                position=row[0],
                at=row[1],
                actor=row[2],
                action=row[3],
                about=row[4],
                change=msgspec.json.decode(row[5]),
            )
            for row in rows
        ]
        return lines, total


def difference(before: msgspec.Struct | None, after: msgspec.Struct | None) -> dict[str, list[Any]]:
    """Give the fields that differ, each as [before, after]."""
    old: dict[str, Any] = msgspec.to_builtins(before) if before is not None else {}
    new: dict[str, Any] = msgspec.to_builtins(after) if after is not None else {}
    names = dict.fromkeys((*old, *new))
    return {name: [old.get(name), new.get(name)] for name in names if old.get(name) != new.get(name)}
