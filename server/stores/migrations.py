"""The log's tables, one numbered step after the other; a step that was released never changes."""

import sqlite3
from pathlib import Path

from knowledge import schema
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
    (
        # Files that visitors and agents uploaded; their bytes lie in the folder `files`. A row is what makes a file be
        # served: one without a row is nobody's. `named` says whether a message names it; one that none does expires.
        """CREATE TABLE uploads (
            id BLOB PRIMARY KEY,
            workspace TEXT NOT NULL,
            conversation BLOB NOT NULL,
            author TEXT NOT NULL,
            name TEXT NOT NULL,
            media_type TEXT NOT NULL,
            size INTEGER NOT NULL,
            at INTEGER NOT NULL,
            named INTEGER NOT NULL DEFAULT 0
        ) WITHOUT ROWID""",
        "CREATE INDEX uploads_by_conversation ON uploads (workspace, conversation, at)",
        "CREATE INDEX uploads_unnamed ON uploads (at) WHERE named = 0",
    ),
    (
        # Who handles a conversation: copies of what its head says, for lists.
        "ALTER TABLE conversations ADD COLUMN state TEXT NOT NULL DEFAULT 'bot'",
        "ALTER TABLE conversations ADD COLUMN owner TEXT NOT NULL DEFAULT 'bot'",
        "ALTER TABLE conversations ADD COLUMN department TEXT NOT NULL DEFAULT 'general'",
        "ALTER TABLE conversations ADD COLUMN tags TEXT NOT NULL DEFAULT ''",
        # Only of those that somebody handles, so that chats with the bot alone write nothing here.
        "CREATE INDEX handled ON conversations (workspace, state, owner, department) "
        "WHERE state NOT IN ('bot', 'closed')",
        # The public event that an internal one follows.
        "ALTER TABLE events ADD COLUMN follows INTEGER NOT NULL DEFAULT 0",
        "UPDATE events SET follows = COALESCE((SELECT reply.seq FROM events AS reply "
        "WHERE reply.workspace = events.workspace AND reply.conversation = events.conversation "
        "AND reply.turn = events.turn AND reply.author = 'bot' AND reply.audience = 0), 0) WHERE audience = 1",
        """CREATE TABLE timers (
            workspace TEXT NOT NULL,
            conversation BLOB NOT NULL,
            kind TEXT NOT NULL,
            epoch INTEGER NOT NULL,
            fire_at INTEGER NOT NULL,
            PRIMARY KEY (workspace, conversation, kind)
        ) WITHOUT ROWID""",
        "CREATE INDEX timers_by_time ON timers (fire_at)",
        """CREATE TABLE episodes (
            workspace TEXT NOT NULL,
            conversation BLOB NOT NULL,
            number INTEGER NOT NULL,
            opened_at INTEGER NOT NULL,
            closed_at INTEGER NOT NULL,
            department TEXT NOT NULL,
            agent TEXT NOT NULL,
            reason TEXT NOT NULL,
            close_reason TEXT NOT NULL,
            resolution TEXT NOT NULL,
            tags TEXT NOT NULL,
            rating INTEGER NOT NULL,
            PRIMARY KEY (workspace, conversation, number)
        ) WITHOUT ROWID""",
        # What agents leave at their desks: presence, unsent drafts, what they have read.
        """CREATE TABLE marks (
            workspace TEXT NOT NULL,
            agent TEXT NOT NULL,
            kind TEXT NOT NULL,
            conversation BLOB NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (workspace, agent, kind, conversation)
        ) WITHOUT ROWID""",
    ),
)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the newest step.

    Raises:
        LogUnavailable: the file was written by a newer kefu.
    """
    try:
        schema.migrate(db, STEPS, what=f"The conversation log {path}")
    except schema.SchemaIsNewer as error:
        raise LogUnavailable(str(error)) from error
