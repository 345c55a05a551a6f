"""The log's tables, one numbered step after the other; a step that was released never changes."""

import sqlite3

from server.errors import LogUnavailable

STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversations (
            workspace TEXT NOT NULL,
            id BLOB NOT NULL,
            visitor TEXT NOT NULL,
            last_at INTEGER NOT NULL,
            waits INTEGER NOT NULL,
            head BLOB NOT NULL,
            PRIMARY KEY (workspace, id)
        ) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX one_conversation_a_visitor ON conversations (workspace, visitor)",
        "CREATE INDEX waiting ON conversations (last_at) WHERE waits",
        "CREATE INDEX newest ON conversations (workspace, last_at DESC, id)",
        # A body is NULL once its person was erased; the row stays, so that no number is missing.
        """CREATE TABLE events (
            workspace TEXT NOT NULL,
            conversation BLOB NOT NULL,
            audience INTEGER NOT NULL,
            seq INTEGER NOT NULL,
            id BLOB NOT NULL,
            kind TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            turn INTEGER NOT NULL,
            author TEXT NOT NULL,
            at INTEGER NOT NULL,
            client_msg_id TEXT,
            body BLOB,
            PRIMARY KEY (workspace, conversation, audience, seq)
        ) WITHOUT ROWID""",
        "CREATE UNIQUE INDEX events_by_client ON events (workspace, conversation, author, client_msg_id) "
        "WHERE client_msg_id IS NOT NULL",
        # Replies carry an id that follows from their turn: a second answer to the same turn cannot be stored.
        "CREATE UNIQUE INDEX one_reply_a_turn ON events (workspace, conversation, turn) "
        "WHERE author = 'bot' AND audience = 0",
        """CREATE TABLE onward (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            id BLOB NOT NULL,
            workspace TEXT NOT NULL,
            conversation BLOB NOT NULL,
            kind TEXT NOT NULL,
            at INTEGER NOT NULL,
            body BLOB NOT NULL
        )""",
        "CREATE INDEX onward_by_conversation ON onward (workspace, conversation)",
    ),
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables to the newest step, all missing steps in one transaction.

    Raises:
        LogUnavailable: the file was written by a newer kefu.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        done = int(db.execute("PRAGMA user_version").fetchone()[0])
        if done > len(STEPS):
            raise LogUnavailable(
                f"The conversation log was written by a newer kefu (schema {done}, this one knows {len(STEPS)}); "
                "install that version or restore an older copy."
            )
        for step in STEPS[done:]:
            for statement in step:
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {len(STEPS)}")
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
