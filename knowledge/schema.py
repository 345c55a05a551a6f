"""SQLite tables that grow by numbered steps.

A step that was released never changes; what is new is a step of its own at the end. The file's `user_version` says how
many of them it has. Files from before there were steps say 0, so a first step that makes tables which such files have
already says `IF NOT EXISTS`.
"""

import sqlite3
from collections.abc import Sequence

Steps = Sequence[Sequence[str]]  # of each step, its statements


class SchemaIsNewer(Exception):
    """The file was written by a newer kefu. Trying again cannot help; the message says what does."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} was written by a newer kefu (schema {found}, this one knows {known}); "
            "install that version or restore an older copy."
        )


def migrate(db: sqlite3.Connection, steps: Steps, *, what: str) -> None:
    """Bring a file's tables to the newest step, all missing ones in one transaction; two processes may try at once.

    Args:
        db: a connection without an open transaction.
        steps: all there are.
        what: the file, as the beginning of a sentence.

    Raises:
        SchemaIsNewer: the file has steps that are not known here; it is left as it is.
        sqlite3.Error: a step failed; the file is as it was.
    """
    if _step_of(db) == len(steps):
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        done = _step_of(db)  # again, now that no other process can be migrating
        if done > len(steps):
            raise SchemaIsNewer(what, done, len(steps))
        for step in steps[done:]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(steps)}")
    except BaseException:
        if db.in_transaction:  # a full disk has undone it already
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _step_of(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])
