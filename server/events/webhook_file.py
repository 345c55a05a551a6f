"""The SQLite file of webhooks: who wants what, and what is on its way to them."""

from pathlib import Path

from knowledge import schema
from server.errors import ServerError
from server.stores.sqlite_file import SqliteFile

STEPS: schema.Steps = (  # numbered; a released one never changes
    (
        "CREATE TABLE IF NOT EXISTS subscriptions (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, body TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS changes (number INTEGER NOT NULL)",
        "INSERT INTO changes SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM changes)",
        # The text of a message stays in the conversation log, where a person's erasure finds it.
        # next_at is NULL while an earlier message of the same conversation is on its way.
        """CREATE TABLE IF NOT EXISTS deliveries (
            subscription TEXT NOT NULL,
            id BLOB NOT NULL,
            position INTEGER NOT NULL,
            conversation BLOB NOT NULL,
            kind TEXT NOT NULL,
            state INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            queued INTEGER NOT NULL,
            next_at INTEGER,
            settled INTEGER,
            reason TEXT NOT NULL,
            PRIMARY KEY (subscription, id)
        ) WITHOUT ROWID""",
        "CREATE INDEX IF NOT EXISTS due ON deliveries (subscription, next_at, position) "
        "WHERE state = 0 AND next_at IS NOT NULL",
        "CREATE INDEX IF NOT EXISTS lanes ON deliveries (subscription, conversation, position) WHERE state = 0",
        "CREATE INDEX IF NOT EXISTS waiting ON deliveries (subscription, queued) WHERE state = 0",
        "CREATE INDEX IF NOT EXISTS dead ON deliveries (subscription, position) WHERE state = 2",
        "CREATE INDEX IF NOT EXISTS messages ON deliveries (id)",
    ),
)


class WebhooksUnavailable(ServerError):
    """The webhooks' file cannot be read or written; trying again may work."""


class WebhookFile(SqliteFile):
    """Connections to the file, which holds the secrets that messages are signed with."""

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        """Take the file's path, and whether the last changes may be undone by a power cut: FULL if not, else NORMAL."""
        super().__init__(path, STEPS, holds="webhooks", unavailable=WebhooksUnavailable, synchronous=synchronous)
