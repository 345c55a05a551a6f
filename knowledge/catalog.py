"""The catalog: a SQLite database that is the source of truth for entries, versions and the live pointer.

Write-ahead logging lets readers of any process go on while one process writes; a writer waits for another one up to
the busy timeout. Every table carries the workspace.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

from knowledge.entry_codec import content_hash, entry_from_json, entry_to_json
from knowledge.errors import CatalogUnavailable, KnowledgeBaseNotFound, VersionNotFound
from knowledge.migrations import migrate
from knowledge.types import Entry

_PRUNE_EVERY = 64  # recorded questions between two prunings of the log
_OF_ENTRY = "WHERE workspace = ? AND kb = ? AND id = ?"


class VersionState(StrEnum):
    """Where a version stands."""

    BUILDING = "building"  # on its way, or left behind by a process that died
    LIVE = "live"
    KEPT = "kept"  # earlier, for rollback


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A knowledge base."""

    workspace: str
    name: str
    created: datetime
    live_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A version of a knowledge base, as the catalog knows it."""

    id: str
    created: datetime
    state: VersionState
    manifest: Mapping[str, object]  # as in the version's manifest.json


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class KnownDocument:
    """A document that entries of a base were read from."""

    root: str  # the folder that was given, or that holds the file that was given, as an absolute path
    name: str  # below it; `Source.file` of the entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a new version changes in the catalog; taken over in the transaction that makes it live."""

    upserts: Sequence[Entry] = ()
    removals: Sequence[str] = ()  # entry ids
    removals_by_hand: Sequence[str] = ()  # those of `removals` that documents are not to bring back
    documents: Sequence[KnownDocument] = ()  # read for the first time
    vanished: Sequence[KnownDocument] = ()  # not there any more

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.upserts or self.removals or self.documents or self.vanished)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownQuestion:
    """A question that got no answer: material for new entries."""

    workspace: str
    kb: str
    text: str
    decision: str  # "unknown", "clarify", ...
    asked_at: datetime  # aware


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownSettings:
    """How much of what was asked in vain is kept; it is visitors' text, so it does not stay for ever."""

    max_questions: int = 10_000  # per knowledge base; the oldest go first
    max_age_days: int = 90
    max_chars: int = 1_000  # longer questions are cut


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogSettings:
    """How the catalog behaves."""

    busy_timeout_s: float = 10.0  # wait for another writer
    unknown: UnknownSettings = field(default_factory=UnknownSettings)


class Catalog:
    """Entries, versions and recorded questions of all workspaces. Safe to call from several threads and processes."""

    def __init__(self, path: Path, settings: CatalogSettings | None = None) -> None:
        """Take the database's path; it is made or migrated when first written to.

        Reading where there is no database yet finds nothing, and writes nothing.
        """
        self._path = path
        self._settings = settings or CatalogSettings()
        self._lock = threading.RLock()
        self._recorded = 0
        self._connection: sqlite3.Connection | None = None

    def close(self) -> None:
        """Close the database; calling the catalog again would open it anew."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @property
    def _db(self) -> sqlite3.Connection:
        """The connection, opened when first needed."""
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(
                self._path, timeout=self._settings.busy_timeout_s, isolation_level=None, check_same_thread=False
            )
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=FULL")  # a switch that was reported survives a power cut
                db.execute("PRAGMA foreign_keys=ON")
                migrate(db, self._path)
            except BaseException:
                db.close()
                raise
            self._connection = db
        return self._connection

    # -- knowledge bases

    def ensure_base(self, workspace: str, kb: str, *, now: datetime) -> None:
        """Make the workspace and the base unless they exist."""
        with self._writing():
            self._db.execute("INSERT OR IGNORE INTO workspaces VALUES (?, ?)", (workspace, now.isoformat()))
            self._db.execute(
                "INSERT OR IGNORE INTO bases (workspace, name, created) VALUES (?, ?, ?)",
                (workspace, kb, now.isoformat()),
            )

    def forget_empty_base(self, workspace: str, kb: str) -> None:
        """Drop a base that has no version, such as one whose first version was given up."""
        with self._writing():
            self._db.execute(
                "DELETE FROM bases WHERE workspace = ?1 AND name = ?2 AND live_version IS NULL AND NOT EXISTS "
                "(SELECT 1 FROM versions WHERE versions.workspace = ?1 AND kb = ?2)",
                (workspace, kb),
            )

    def remove_base(self, workspace: str, kb: str) -> None:
        """Forget a base with all that belongs to it, in one transaction; its folders are left to the caller."""
        with self._writing():
            for table in ("entries", "versions", "documents", "removed_by_hand", "unknown_questions"):
                self._db.execute(f"DELETE FROM {table} WHERE workspace = ? AND kb = ?", (workspace, kb))
            self._db.execute("DELETE FROM bases WHERE workspace = ? AND name = ?", (workspace, kb))

    def bases(self, workspace: str | None = None) -> list[Base]:
        """List the bases of one workspace, or of all, by name."""
        rows = self._read(
            "SELECT workspace, name, created, live_version FROM bases WHERE ?1 IS NULL OR workspace = ?1 "
            "ORDER BY workspace, name",
            (workspace,),
        )
        return [
            Base(workspace=row[0], name=row[1], created=datetime.fromisoformat(row[2]), live_version=row[3])
            for row in rows
        ]

    def live_version(self, workspace: str, kb: str) -> str | None:
        """Give the id of the version that answers, None when nothing is published yet.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
        """
        rows = self._read("SELECT live_version FROM bases WHERE workspace = ? AND name = ?", (workspace, kb))
        if not rows:
            raise KnowledgeBaseNotFound(
                f"There is no knowledge base {kb!r} in the workspace {workspace!r}; "
                f"`kefu ingest FILE --kb {kb}` makes it."
            )
        live: str | None = rows[0][0]
        return live

    # -- entries

    def entries(self, workspace: str, kb: str) -> list[Entry]:
        """Read all entries of a base, by id."""
        rows = self._read("SELECT body FROM entries WHERE workspace = ? AND kb = ? ORDER BY id", (workspace, kb))
        return [entry_from_json(row[0]) for row in rows]

    def entry(self, workspace: str, kb: str, entry_id: str) -> Entry | None:
        """Read one entry."""
        rows = self._read(
            "SELECT body FROM entries WHERE workspace = ? AND kb = ? AND id = ?", (workspace, kb, entry_id)
        )
        return entry_from_json(rows[0][0]) if rows else None

    def removed_by_hand(self, workspace: str, kb: str) -> frozenset[str]:
        """Give the ids of entries that a person took out and that have not come back since."""
        rows = self._read("SELECT id FROM removed_by_hand WHERE workspace = ? AND kb = ?", (workspace, kb))
        return frozenset(row[0] for row in rows)

    def documents(self, workspace: str, kb: str) -> list[KnownDocument]:
        """List the documents that the base was read from, by folder and name."""
        rows = self._read(
            "SELECT root, name FROM documents WHERE workspace = ? AND kb = ? ORDER BY root, name", (workspace, kb)
        )
        return [KnownDocument(root=row[0], name=row[1]) for row in rows]

    # -- versions

    def versions(self, workspace: str, kb: str) -> list[Version]:
        """List the versions of a base, newest first."""
        rows = self._read(
            "SELECT id, created, state, manifest FROM versions WHERE workspace = ? AND kb = ? "
            "ORDER BY created DESC, rowid DESC",
            (workspace, kb),
        )
        return [
            Version(
                id=row[0],
                created=datetime.fromisoformat(row[1]),
                state=VersionState(row[2]),
                manifest=json.loads(row[3]),
            )
            for row in rows
        ]

    def begin_version(self, workspace: str, kb: str, version: str, *, now: datetime) -> None:
        """Note that a version is being built."""
        with self._writing():
            self._db.execute(
                "INSERT OR REPLACE INTO versions (workspace, kb, id, created, state, manifest) VALUES (?,?,?,?,?,'{}')",
                (workspace, kb, version, now.isoformat(), VersionState.BUILDING),
            )

    def switch(
        self,
        workspace: str,
        kb: str,
        version: str,
        *,
        changes: Changes,
        now: datetime,
        manifest: Mapping[str, object] | None = None,
    ) -> None:
        """Make a version live and take over its changes, in one transaction.

        Args:
            workspace: of the base.
            kb: the base.
            version: its folder is complete on disk.
            changes: against what the catalog holds.
            now: becomes the version's date, so that a version made live again counts as the newest.
            manifest: of a version that was just built; None leaves what is known.

        Raises:
            VersionNotFound: the version was never begun.
        """
        with self._writing():
            self._apply(workspace, kb, changes, now)
            self._db.execute(
                "UPDATE versions SET state = ? WHERE workspace = ? AND kb = ? AND state = ?",
                (VersionState.KEPT, workspace, kb, VersionState.LIVE),
            )
            text = None if manifest is None else json.dumps(manifest, ensure_ascii=False)
            changed = self._db.execute(
                "UPDATE versions SET state = ?, created = ?, manifest = coalesce(?, manifest) "
                "WHERE workspace = ? AND kb = ? AND id = ?",
                (VersionState.LIVE, now.isoformat(), text, workspace, kb, version),
            )
            if changed.rowcount != 1:
                raise VersionNotFound(
                    f"{kb!r} has no version {version!r}; `kefu kb history` lists those that are kept."
                )
            self._db.execute(
                "UPDATE bases SET live_version = ? WHERE workspace = ? AND name = ?", (version, workspace, kb)
            )

    def _apply(self, workspace: str, kb: str, changes: Changes, now: datetime) -> None:
        base, date = (workspace, kb), now.isoformat()
        many = self._db.executemany
        many(f"DELETE FROM entries {_OF_ENTRY}", ((*base, entry_id) for entry_id in changes.removals))
        many(f"DELETE FROM removed_by_hand {_OF_ENTRY}", ((*base, entry.id) for entry in changes.upserts))
        many(
            "INSERT OR REPLACE INTO removed_by_hand (workspace, kb, id, removed) VALUES (?,?,?,?)",
            ((*base, entry_id, date) for entry_id in changes.removals_by_hand),
        )
        many(
            "INSERT INTO entries (workspace, kb, id, question, content_hash, body, edited_by_hand, updated) "
            "VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET question = excluded.question, "
            "content_hash = excluded.content_hash, body = excluded.body, edited_by_hand = excluded.edited_by_hand, "
            "updated = excluded.updated",
            ((*base, e.id, e.question, content_hash(e), entry_to_json(e), e.edited, date) for e in changes.upserts),
        )
        many(
            "DELETE FROM documents WHERE workspace = ? AND kb = ? AND root = ? AND name = ?",
            ((*base, document.root, document.name) for document in changes.vanished),
        )
        many(
            "INSERT OR IGNORE INTO documents (workspace, kb, root, name) VALUES (?,?,?,?)",
            ((*base, document.root, document.name) for document in changes.documents),
        )

    def forget_versions(self, workspace: str, kb: str, versions: Iterable[str]) -> None:
        """Drop versions from the list; the live one stays whatever is asked."""
        with self._writing():
            self._db.executemany(
                "DELETE FROM versions WHERE workspace = ? AND kb = ? AND id = ? AND state <> ?",
                ((workspace, kb, version, VersionState.LIVE) for version in versions),
            )

    def change_counter(self) -> int:
        """Give a number that changes when another connection wrote to the database; costs microseconds."""
        rows = self._read("PRAGMA data_version", ())
        return int(rows[0][0]) if rows else 0

    # -- questions asked in vain

    def record_unknown(self, question: UnknownQuestion) -> None:
        """Keep a question that got no answer, and now and then let go of those beyond the limits."""
        with self._writing():
            self._db.execute(
                "INSERT INTO unknown_questions (workspace, kb, text, decision, asked_at) VALUES (?, ?, ?, ?, ?)",
                (
                    question.workspace,
                    question.kb,
                    question.text[: self._settings.unknown.max_chars],
                    question.decision,
                    question.asked_at.astimezone(UTC).isoformat(),
                ),
            )
            self._recorded += 1
            if self._recorded % _PRUNE_EVERY == 1:
                self._prune_unknown(question)

    def _prune_unknown(self, newest: UnknownQuestion) -> None:
        limits = self._settings.unknown
        oldest = (newest.asked_at - timedelta(days=limits.max_age_days)).astimezone(UTC).isoformat()
        self._db.execute("DELETE FROM unknown_questions WHERE asked_at < ?", (oldest,))
        self._db.execute(
            "DELETE FROM unknown_questions WHERE workspace = ?1 AND kb = ?2 AND id <= "
            "(SELECT id FROM unknown_questions WHERE workspace = ?1 AND kb = ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)",
            (newest.workspace, newest.kb, limits.max_questions),
        )

    def unknown_questions(self, workspace: str, kb: str, *, limit: int = 1_000) -> list[UnknownQuestion]:
        """List questions that got no answer, newest first."""
        rows = self._read(
            "SELECT text, decision, asked_at FROM unknown_questions WHERE workspace = ? AND kb = ? "
            "ORDER BY id DESC LIMIT ?",
            (workspace, kb, limit),
        )
        return [
            UnknownQuestion(
                workspace=workspace, kb=kb, text=row[0], decision=row[1], asked_at=datetime.fromisoformat(row[2])
            )
            for row in rows
        ]

    # -- the database

    def _read(self, sql: str, values: Sequence[object]) -> list[tuple[str, ...]]:
        with self._lock, self._mapped():
            if self._connection is None and not self._path.exists():
                return []
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the database's one write transaction; whatever is raised inside undoes it."""
        with self._lock, self._mapped():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _mapped(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as exc:
            raise CatalogUnavailable(
                f"The catalog {self._path} cannot be used ({exc}); check the folder's rights and free space, "
                "or wait for another kefu that writes to it."
            ) from exc
