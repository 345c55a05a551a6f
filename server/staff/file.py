"""The file of accounts: one SQLite file, written by the server and by commands beside it."""

from pathlib import Path

from knowledge import schema
from server.staff.errors import StaffUnavailable
from server.stores.sqlite_file import SqliteFile

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


class StaffFile(SqliteFile):
    """Connections to the file."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it is made when first used."""
        super().__init__(path, STEPS, holds="accounts", unavailable=StaffUnavailable)
