"""Keys: secret ones for programs, publishable ones for widgets. Of secret ones only the hash is kept."""

import hashlib
import secrets
from enum import StrEnum
from pathlib import Path
from time import time_ns
from urllib.parse import urlsplit

import msgspec

from knowledge import schema
from server.conversations.events import Millis
from server.errors import ServerError
from server.stores.sqlite_file import SqliteFile

_KEPT = 16  # characters of a secret key that are kept to find it by

STEPS: schema.Steps = (  # numbered; a released one never changes
    (
        "CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, workspace TEXT NOT NULL, kind TEXT NOT NULL, "
        "hash BLOB UNIQUE, body TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0)",
    ),
)


class Scope(StrEnum):
    """What a secret key may be used for."""

    ASK = "ask"
    READ = "conversations:read"
    WRITE = "conversations:write"
    KNOWLEDGE = "knowledge"
    WEBHOOKS = "webhooks"  # who has it can have all that is said sent to an address of their choice
    ADMIN = "admin"  # all of it, keys and webhooks included


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what makes it secret."""

    id: str
    workspace: str
    kind: str  # "secret" or "widget"
    name: str
    kb: str  # of widgets: the knowledge base that answers
    scopes: tuple[Scope, ...]  # of secret keys
    origins: tuple[str, ...]  # of widgets: pages that may show it; none: any
    identity_secret: str  # of widgets: signs who a visitor is, on the site's own server
    created: Millis
    revoked: bool


class KeyStoreUnavailable(ServerError):
    """The keys cannot be read or written; trying again may work."""


class Keys:
    """All keys of an installation, in one SQLite file. Safe to call from several threads and processes."""

    def __init__(self, path: Path) -> None:
        """Take the file's path; it is made when first used."""
        self._file = SqliteFile(path, STEPS, holds="keys", unavailable=KeyStoreUnavailable)
        self._listed: frozenset[str] = frozenset()  # pages of live widgets, as of a change counter
        self._any_page = False
        self._listed_at = -1

    def add_widget(self, workspace: str, *, kb: str, name: str = "", origins: tuple[str, ...] = ()) -> Key:
        """Make a publishable key; its id is the key."""
        return self._add(workspace, kind="widget", name=name, kb=kb, origins=origins, prefix="wk_")

    def add_secret(self, workspace: str, *, scopes: tuple[Scope, ...], name: str = "") -> tuple[Key, str]:
        """Make a secret key; give it and, this once, its secret."""
        secret = f"sk_{secrets.token_urlsafe(32)}"
        key = self._add(workspace, kind="secret", name=name, scopes=scopes, secret=secret, prefix=secret[:_KEPT])
        return key, secret

    def widget(self, key: str) -> Key | None:
        """Find a live widget key."""
        found = self._rows("SELECT body FROM keys WHERE id = ? AND kind = 'widget' AND NOT revoked", (key,))
        return found[0] if found else None

    def secret(self, secret: str) -> Key | None:
        """Find the live key of a secret."""
        sql = "SELECT body FROM keys WHERE hash = ? AND kind = 'secret' AND NOT revoked"
        found = self._rows(sql, (_hash(secret),))
        return found[0] if found else None

    def all(self, workspace: str | None = None) -> list[Key]:
        """List keys, newest first."""
        return self._rows("SELECT body FROM keys WHERE ?1 IS NULL OR workspace = ?1 ORDER BY rowid DESC", (workspace,))

    def revoke(self, workspace: str, key_id: str) -> bool:
        """Withdraw a key; False if the workspace has no such live one."""
        with self._file.writing() as db:
            sql = (
                "UPDATE keys SET revoked = 1, body = json_set(body, '$.revoked', json('true')) "
                "WHERE workspace = ? AND id = ? AND NOT revoked"
            )
            return db.execute(sql, (workspace, key_id)).rowcount == 1

    def may_show(self, origin: str) -> bool:
        """Tell whether some live widget may be shown on a page, by its key's list; remembered until a key changes."""
        counter = self.change_counter()
        if counter != self._listed_at:
            widgets = self._rows("SELECT body FROM keys WHERE kind = 'widget' AND NOT revoked", ())
            self._any_page = any(not widget.origins for widget in widgets)
            self._listed = frozenset(page for widget in widgets for page in widget.origins)
            self._listed_at = counter
        return self._any_page or origin in self._listed or urlsplit(origin).netloc in self._listed

    def change_counter(self) -> int:
        """Give a number that changes when a key was made or revoked, here or by another process."""
        return self._file.change_counter()

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _add(
        self,
        workspace: str,
        *,
        kind: str,
        name: str,
        prefix: str,
        kb: str = "",
        scopes: tuple[Scope, ...] = (),
        origins: tuple[str, ...] = (),
        secret: str = "",
    ) -> Key:
        key = Key(
            id=prefix if secret else f"{prefix}{secrets.token_urlsafe(16)}",
            workspace=workspace,
            kind=kind,
            name=name,
            kb=kb,
            scopes=scopes,
            origins=origins,
            identity_secret="" if secret else secrets.token_urlsafe(32),
            created=time_ns() // 1_000_000,
            revoked=False,
        )
        body = msgspec.json.encode(key).decode()
        with self._file.writing() as db:
            db.execute(
                "INSERT INTO keys (id, workspace, kind, hash, body) VALUES (?,?,?,?,?)",
                (key.id, workspace, kind, _hash(secret) if secret else None, body),
            )
        return key

    def _rows(self, sql: str, values: tuple[object, ...]) -> list[Key]:
        return [msgspec.json.decode(row[0], type=Key) for row in self._file.rows(sql, values)]


def _hash(secret: str) -> bytes:
    """Hash a secret of 256 random bits: there is nothing to guess, so a fast hash does."""
    return hashlib.sha256(secret.encode()).digest()
