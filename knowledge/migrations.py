"""The catalog's tables, one numbered step after the other; a step that was released never changes."""

import sqlite3
from pathlib import Path

from knowledge import schema
from knowledge.errors import CatalogUnavailable

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE workspaces (name TEXT PRIMARY KEY, created TEXT NOT NULL) WITHOUT ROWID",
        """CREATE TABLE bases (
            workspace TEXT NOT NULL REFERENCES workspaces (name),
            name TEXT NOT NULL,
            created TEXT NOT NULL,
            live_version TEXT,
            PRIMARY KEY (workspace, name)
        ) WITHOUT ROWID""",
        """CREATE TABLE entries (
            workspace TEXT NOT NULL,
            kb TEXT NOT NULL,
            id TEXT NOT NULL,
            question TEXT NOT NULL,
            content_hash TEXT NOT NULL,
            body TEXT NOT NULL,
            edited_by_hand INTEGER NOT NULL DEFAULT 0,
            updated TEXT NOT NULL,
            PRIMARY KEY (workspace, kb, id),
            FOREIGN KEY (workspace, kb) REFERENCES bases (workspace, name)
        )""",
        """CREATE TABLE versions (
            workspace TEXT NOT NULL,
            kb TEXT NOT NULL,
            id TEXT NOT NULL,
            created TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('building', 'live', 'kept')),
            manifest TEXT NOT NULL,
            PRIMARY KEY (workspace, kb, id),
            FOREIGN KEY (workspace, kb) REFERENCES bases (workspace, name)
        )""",
        "CREATE UNIQUE INDEX one_live_version ON versions (workspace, kb) WHERE state = 'live'",
        """CREATE TABLE unknown_questions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            workspace TEXT NOT NULL,
            kb TEXT NOT NULL,
            text TEXT NOT NULL,
            decision TEXT NOT NULL,
            asked_at TEXT NOT NULL
        )""",
        "CREATE INDEX unknown_by_base ON unknown_questions (workspace, kb, id)",
        "CREATE INDEX unknown_by_date ON unknown_questions (asked_at)",
    ),
    (
        # Which documents a base was read from, so that one that vanished can be told from one that was not named.
        """CREATE TABLE documents (
            workspace TEXT NOT NULL,
            kb TEXT NOT NULL,
            root TEXT NOT NULL,
            name TEXT NOT NULL,
            PRIMARY KEY (workspace, kb, root, name),
            FOREIGN KEY (workspace, kb) REFERENCES bases (workspace, name)
        ) WITHOUT ROWID""",
        # Entries that a person took out: a document that still has them does not bring them back unasked.
        """CREATE TABLE removed_by_hand (
            workspace TEXT NOT NULL,
            kb TEXT NOT NULL,
            id TEXT NOT NULL,
            removed TEXT NOT NULL,
            PRIMARY KEY (workspace, kb, id),
            FOREIGN KEY (workspace, kb) REFERENCES bases (workspace, name)
        ) WITHOUT ROWID""",
    ),
)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the newest step.

    Raises:
        CatalogUnavailable: the database was written by a newer kefu.
    """
    try:
        schema.migrate(db, STEPS, what=f"The catalog {path}")
    except schema.SchemaIsNewer as error:
        raise CatalogUnavailable(str(error)) from error
