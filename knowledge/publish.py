"""Publishing: build the next version beside the live one, verify it, switch at once, keep earlier ones for rollback.

A process that is killed at any moment leaves the old version answering: the new folder has its final name only when it
is complete and on disk, and it answers only from the catalog's transaction on. What a killed process leaves behind is
swept by the next one that publishes.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

from filelock import FileLock, Timeout

from knowledge.building import Body, Draft, Lost, Recipe, build_version, find_lost, lost_of, version_id
from knowledge.catalog import Catalog, Changes, VersionState
from knowledge.errors import StoreUnavailable, VersionCorrupt, VersionNotFound, WriterBusy
from knowledge.layout import Layout
from knowledge.reuse import StoredVectors
from knowledge.snapshot import Entries, Manifest, Snapshot, digest_of
from knowledge.types import Entry

__all__ = [
    "Body",
    "Draft",
    "Lost",
    "PublishSettings",
    "PublishedVersion",
    "Publisher",
    "Recipe",
    "find_lost",
    "version_id",
]

log = logging.getLogger(__name__)

Check = Callable[[Snapshot], None]  # looks at a version before it goes live; what it raises keeps it from that


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """How versions are kept and how writers wait."""

    keep_versions: int = 3  # earlier ones, for rollback
    lock_wait_s: float = 600.0  # for another process that publishes the same base


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedVersion:
    """A version that is live now."""

    id: str
    folder: Path
    entries: int
    passages: int
    built: bool  # false: the same content was still there and was made live again
    lost: tuple[Lost, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Publisher:
    """Builds and switches the versions of knowledge bases."""

    layout: Layout
    catalog: Catalog
    recipe: Recipe
    settings: PublishSettings = field(default_factory=PublishSettings)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None

    @contextmanager
    def writing(self, workspace: str, kb: str) -> Iterator[None]:
        """Be the only process that publishes this base, from reading the catalog to the switch.

        The operating system gives the lock up when a process dies. What a dead one left is swept here.

        Raises:
            WriterBusy: another process kept the lock for longer than the settings allow to wait.
            InvalidName: a name cannot be a folder.
        """
        path = self.layout.lock(workspace, kb)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, timeout=self.settings.lock_wait_s)
        try:
            lock.acquire()
        except Timeout as exc:
            raise WriterBusy(
                f"Another process has been publishing {kb!r} for {self.settings.lock_wait_s:.0f} s; try again later."
            ) from exc
        try:
            self._sweep(workspace, kb)
            yield
        finally:
            lock.release()

    def publish(self, draft: Draft, changes: Changes, *, check: Check | None = None) -> PublishedVersion:
        """Make a draft the live version. To be called within `writing()`.

        Args:
            draft: the whole content.
            changes: what the draft changes against the catalog.
            check: called with the finished version before it goes live, or stays so. If it raises, the version is
                removed again (unless it was there before), everything stays as it was, and the caller gets the
                exception.

        Returns:
            The version, live for every process, with the entries that do not find themselves.

        Raises:
            StoreUnavailable, CatalogUnavailable: nothing was changed; trying again may work.
        """
        workspace, kb = draft.workspace, draft.kb
        version = version_id(draft, self.recipe)
        live = next((v.id for v in self.catalog.versions(workspace, kb) if v.state == VersionState.LIVE), None)
        finished = self._finished(workspace, kb, version)
        built = finished is None
        snapshot = finished or self._build(draft, version)
        try:
            self._look(snapshot, check, built=built)
            manifest, lost = snapshot.manifest, lost_of(snapshot)
        finally:
            snapshot.close()
        if built or changes or live != version:
            self.progress("switch", 0, 1)
            self.catalog.switch(workspace, kb, version, changes=changes, now=self.now(), manifest=manifest.to_dict())
            self._prune(workspace, kb)
        return PublishedVersion(
            id=version,
            folder=snapshot.folder,
            entries=manifest.entries,
            passages=manifest.passages,
            built=built,
            lost=lost,
        )

    def _finished(self, workspace: str, kb: str, version: str) -> Snapshot | None:
        """Open a version if it is complete on disk and can be opened with the recipe's store."""
        if version not in {v.id for v in self.catalog.versions(workspace, kb) if v.state != VersionState.BUILDING}:
            return None
        try:
            return self.open(workspace, kb, version)
        except VersionCorrupt as exc:
            log.warning("version %s of %s is built again: %s", version, kb, exc)
            return None

    def _look(self, snapshot: Snapshot, check: Check | None, *, built: bool) -> None:
        """Let a finished version be looked at; one that was just built and fails is removed."""
        if check is None:
            return
        try:
            check(snapshot)
        except BaseException:
            if built:
                self._give_up(snapshot.manifest.workspace, snapshot.manifest.kb, snapshot.version, snapshot.folder)
            raise

    def open(self, workspace: str, kb: str, version: str) -> Snapshot:
        """Open a version.

        Raises:
            VersionCorrupt: its folder is incomplete or was changed.
        """
        folder = self.layout.version(workspace, kb, version)
        return Snapshot.open(folder, backend=self.recipe.backend, analyse=self.recipe.analyse)

    def entries_of(self, workspace: str, kb: str, version: str) -> Mapping[str, Entry]:
        """Give the entries of a version that is kept, by id, without opening its indexes.

        Raises:
            VersionNotFound: no such version is kept.
            VersionCorrupt: its file of entries was changed.
        """
        kept = [v.id for v in self.catalog.versions(workspace, kb) if v.state != VersionState.BUILDING]
        if version not in kept:
            raise VersionNotFound(f"{kb!r} keeps no version {version!r}; kept are: {', '.join(kept) or 'none'}.")
        folder = self.layout.version(workspace, kb, version)
        path = folder / "entries.jsonl"
        if digest_of(path) != Manifest.read(folder).sha256.get(path.name):
            raise VersionCorrupt(f"{path} does not match its manifest; publish the knowledge base again.")
        return Entries(path)

    def stored_vectors(self, workspace: str, kb: str, *, encoder_version: str) -> StoredVectors | None:
        """Open the newest vectors of this base that the encoder made."""
        for version in self.catalog.versions(workspace, kb):
            if version.state != VersionState.BUILDING:
                folder = self.layout.version(workspace, kb, version.id)
                found = StoredVectors.open(folder, encoder_version=encoder_version)
                if found is not None:
                    return found
        return None

    def rollback(self, workspace: str, kb: str, version: str | None = None) -> PublishedVersion:
        """Make an earlier version live again, with the entries that it had.

        Args:
            workspace: of the base.
            kb: the base.
            version: one that is kept; by default the newest before the live one.

        Raises:
            VersionNotFound: no such version is kept.
            VersionCorrupt: its folder was changed; nothing is switched.
        """
        with self.writing(workspace, kb):
            kept = [v.id for v in self.catalog.versions(workspace, kb) if v.state == VersionState.KEPT]
            wanted = version or (kept[0] if kept else "")
            if wanted not in kept:
                asked = f" {wanted!r}" if wanted else ""
                raise VersionNotFound(f"{kb!r} keeps no earlier version{asked}; kept are: {', '.join(kept) or 'none'}.")
            snapshot = self.open(workspace, kb, wanted)
            entries = list(snapshot.entries.values())
            gone = {entry.id for entry in self.catalog.entries(workspace, kb)} - snapshot.entries.keys()
            changes = Changes(upserts=entries, removals=sorted(gone))
            self.catalog.switch(workspace, kb, wanted, changes=changes, now=self.now())
            return PublishedVersion(
                id=wanted,
                folder=self.layout.version(workspace, kb, wanted),
                entries=len(entries),
                passages=len(snapshot.passages),
                built=False,
            )

    # -- building

    def remove(self, workspace: str, kb: str) -> None:
        """Remove a base with all its versions. Running processes notice within a second.

        First from the catalog, so that none is listed without its folders; what a crash leaves of those is swept when
        a base of the same name is made.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
            WriterBusy, CatalogUnavailable: nothing was removed; trying again may work.
        """
        self.catalog.live_version(workspace, kb)
        with self.writing(workspace, kb):
            self.catalog.remove_base(workspace, kb)
            self._sweep(workspace, kb)
            shutil.rmtree(self.layout.intents(workspace, kb), ignore_errors=True)

    def _build(self, draft: Draft, version: str) -> Snapshot:
        workspace, kb = draft.workspace, draft.kb
        folder = self.layout.version(workspace, kb, version)
        beside = folder.parent / f".building-{version}-{token_hex(4)}"
        try:
            self.catalog.ensure_base(workspace, kb, now=self.now())
            self.catalog.begin_version(workspace, kb, version, now=self.now())
            beside.mkdir(parents=True)
            build_version(draft, version, beside, recipe=self.recipe, created=self.now(), progress=self.progress)
            _sync_tree(beside)
            if folder.exists():  # there, but found corrupt
                self._discard(folder)
            beside.rename(folder)
            _sync(folder.parent)
            return self.open(workspace, kb, version)
        except BaseException:
            self._give_up(workspace, kb, version, beside)
            raise

    def _give_up(self, workspace: str, kb: str, version: str, folder: Path) -> None:
        """Leave nothing of a version that does not go live, nor of a base that was made for it."""
        self._discard(folder)
        self.catalog.forget_versions(workspace, kb, [version])
        self.catalog.forget_empty_base(workspace, kb)

    # -- clearing up

    def _prune(self, workspace: str, kb: str) -> None:
        """Let go of versions beyond those kept: first in the catalog, so that none is listed without its folder."""
        kept = [v.id for v in self.catalog.versions(workspace, kb) if v.state == VersionState.KEPT]
        gone = kept[self.settings.keep_versions :]
        self.catalog.forget_versions(workspace, kb, gone)
        for version in gone:
            self._discard(self.layout.version(workspace, kb, version))

    def _sweep(self, workspace: str, kb: str) -> None:
        """Remove what killed processes left: half-built versions, and folders that the catalog does not know."""
        versions = self.catalog.versions(workspace, kb)
        self.catalog.forget_versions(workspace, kb, [v.id for v in versions if v.state == VersionState.BUILDING])
        known = {v.id for v in versions if v.state != VersionState.BUILDING}
        folder = self.layout.versions(workspace, kb)
        for path in sorted(folder.iterdir()) if folder.exists() else ():
            if path.name not in known:
                log.info("removing %s, left by an ingest that did not finish", path)
                self._discard(path)

    def _discard(self, folder: Path) -> None:
        """Remove a version's folder and what it has elsewhere; if the server is away, the next sweep tries again."""
        try:
            self.recipe.backend.drop(folder / "store")
        except (StoreUnavailable, VersionCorrupt) as exc:
            log.warning("%s stays until the next publish: %s", folder, exc)
            return
        shutil.rmtree(folder, ignore_errors=True)


def _sync_tree(folder: Path) -> None:
    for path in folder.rglob("*"):
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    """Bring a file, or a folder's list of names, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
