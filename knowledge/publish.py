"""Publishing: build the next version beside the live one, verify it, switch at once, keep earlier ones for rollback.

A process that is killed at any moment leaves the old version answering: the new folder has its final name only when it
is complete and on disk, and it answers only from the catalog's transaction on. What a killed process leaves behind is
swept by the next one that publishes.
"""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from knowledge.backends import StoreBackend
from knowledge.catalog import Catalog, Changes, VersionState
from knowledge.centring import Centring
from knowledge.columns import BoolArray, EntryColumns
from knowledge.entry_codec import entry_to_json
from knowledge.errors import StoreUnavailable, VersionCorrupt, VersionNotFound, WriterBusy
from knowledge.layout import Layout
from knowledge.lexical import Analyzer, LexicalIndex
from knowledge.reuse import StoredVectors
from knowledge.snapshot import KINDS, MANIFEST, EncoderStamp, Manifest, Snapshot, digests, write_lines
from knowledge.store import FloatMatrix, KnowledgeStore
from knowledge.types import Entry, Passage, PassageKind

log = logging.getLogger(__name__)

_BUILDER = "2"  # raised when the same draft and recipe give other files
_SAMPLED = 500  # entries that are searched for whatever the store says
_VERIFY_ROWS = 256  # searches between two reports of progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How all of a version besides its entries and vectors is made; knowledge knows neither models nor engine."""

    version: str  # changes whenever analyse or derive would give something else for the same entries
    backend: StoreBackend
    analyse: Analyzer  # the terms of a text, for the lexical index
    derive: Callable[[Snapshot], Mapping[str, bytes]] = lambda _: {}
    """Makes further files from the nearly finished version, by name: calibration, spelling words, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """What an encoder makes of the entries: the costly part of a version."""

    passages: Sequence[Passage]  # by id from 0; each of an entry of the draft
    vectors: NDArray[np.float16]  # (passages, dim), as the encoder gave them


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The content of a version to be."""

    workspace: str
    kb: str
    entries: Sequence[Entry]  # by id, ascending
    encoder: EncoderStamp
    encode: Callable[[], Body]  # called only if there is no such version yet


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishSettings:
    """How versions are kept and how writers wait."""

    keep_versions: int = 3  # earlier ones, for rollback
    lock_wait_s: float = 600.0  # for another process that publishes the same base


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An entry that its own question does not find at rank 1."""

    entry_id: str
    found: str  # the entry found instead; "" if none


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

    def publish(self, draft: Draft, changes: Changes) -> PublishedVersion:
        """Make a draft the live version. To be called within `writing()`.

        Args:
            draft: the whole content.
            changes: what the draft changes against the catalog's entries.

        Returns:
            The version, live for every process, with the entries that do not find themselves.

        Raises:
            StoreUnavailable, CatalogUnavailable: nothing was changed; trying again may work.
        """
        workspace, kb = draft.workspace, draft.kb
        self.catalog.ensure_base(workspace, kb, now=self.now())
        version = version_id(draft, self.recipe)
        folder = self.layout.version(workspace, kb, version)
        lost: tuple[Lost, ...] = ()
        built = not self.has(workspace, kb, version)
        if built:
            self.catalog.begin_version(workspace, kb, version, now=self.now())
            manifest, lost = self._build(draft, version, folder)
        else:
            manifest = Manifest.read(folder)
        if built or changes.upserts or changes.removals or self.catalog.live_version(workspace, kb) != version:
            self.catalog.switch(workspace, kb, version, changes=changes, now=self.now(), manifest=manifest.to_dict())
            self._prune(workspace, kb)
        return PublishedVersion(
            id=version,
            folder=folder,
            entries=manifest.entries,
            passages=manifest.passages,
            built=built,
            lost=lost,
        )

    def has(self, workspace: str, kb: str, version: str) -> bool:
        """Tell whether a version is complete on disk and can be opened with the recipe's store."""
        if version not in {v.id for v in self.catalog.versions(workspace, kb) if v.state != VersionState.BUILDING}:
            return False
        try:
            self.open(workspace, kb, version).close()
        except VersionCorrupt as exc:
            log.warning("version %s of %s is built again: %s", version, kb, exc)
            return False
        return True

    def open(self, workspace: str, kb: str, version: str) -> Snapshot:
        """Open a version.

        Raises:
            VersionCorrupt: its folder is incomplete or was changed.
        """
        folder = self.layout.version(workspace, kb, version)
        return Snapshot.open(folder, backend=self.recipe.backend, analyse=self.recipe.analyse)

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

    def _build(self, draft: Draft, version: str, folder: Path) -> tuple[Manifest, tuple[Lost, ...]]:
        beside = folder.parent / f".building-{version}-{token_hex(4)}"
        try:
            beside.mkdir(parents=True)
            manifest, lost = self._fill(draft, version, beside)
            _sync_tree(beside)
            if folder.exists():  # there, but found corrupt
                self._discard(folder)
            beside.rename(folder)
            _sync(folder.parent)
        except BaseException:
            self._discard(beside)
            self.catalog.forget_versions(draft.workspace, draft.kb, [version])
            raise
        return manifest, lost

    def _fill(self, draft: Draft, version: str, folder: Path) -> tuple[Manifest, tuple[Lost, ...]]:
        """Write all files of a version; the manifest, which names the others, comes last."""
        body = draft.encode()
        _write_content(draft, body, folder)
        vectors, answers = body.vectors.astype(np.float32), _answers(body.passages)
        centring = Centring.fit(vectors, draft.encoder.blocks or None, answers)
        np.save(folder / "mean.npy", centring.mean)
        self.progress("words", 0, 1)
        texts = [passage.text for passage in body.passages]
        lexical = LexicalIndex.build(texts, self.recipe.analyse, _entry_numbers(draft.entries, body.passages))
        (folder / "lexical").mkdir()
        lexical.save(folder / "lexical")
        self.progress("index", 0, 1)
        (folder / "store").mkdir()
        centred = centring.apply(vectors, answers)
        store = self.recipe.backend.build(folder / "store", version, centred, body.passages, draft.entries)
        lost = find_lost(store, body.passages, centred, self.progress)
        manifest = self._manifest(draft, version, len(body.passages))
        snapshot = Snapshot.assemble(folder, manifest, store=store, lexical=lexical)
        self.progress("calibration", 0, 1)
        (folder / "derived").mkdir()
        for name, content in self.recipe.derive(snapshot).items():
            (folder / "derived" / name).write_bytes(content)
        snapshot.close()
        manifest = replace(manifest, sha256=digests(folder))
        (folder / MANIFEST).write_text(json.dumps(manifest.to_dict(), ensure_ascii=False, indent=2), encoding="utf-8")
        return manifest, lost

    def _manifest(self, draft: Draft, version: str, passages: int) -> Manifest:
        return Manifest(
            version=version,
            workspace=draft.workspace,
            kb=draft.kb,
            created=self.now(),
            encoder=draft.encoder,
            store=self.recipe.backend.name,
            recipe=self.recipe.version,
            entries=len(draft.entries),
            passages=passages,
            sha256={},
        )

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


def version_id(draft: Draft, recipe: Recipe) -> str:
    """Name a version by what it is made of: the same content, encoder and recipe give the same id."""
    facts = (draft.workspace, draft.kb, draft.encoder.version, recipe.version, recipe.backend.name, _BUILDER)
    digest = hashlib.sha256(json.dumps(facts).encode())
    for entry in draft.entries:
        digest.update(entry_to_json(entry).encode() + b"\n")
    return digest.hexdigest()[:16]


def find_lost(
    store: KnowledgeStore,
    passages: Sequence[Passage],
    centred: FloatMatrix,
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> tuple[Lost, ...]:
    """Find the entries that are not found at rank 1 by their own question.

    Entries with the same question share rank 1. A store that can rule out misses (`doubtful`) is asked first; what it
    doubts is searched, and so is a sample of the others, the whole way.
    """
    rows = np.array([p.id for p in passages if p.kind is PassageKind.QUESTION], dtype=np.int64)
    check: Callable[[FloatMatrix, NDArray[np.int64]], NDArray[np.int64]] | None = getattr(store, "doubtful", None)
    if check is not None and len(rows) > _SAMPLED:
        rows = np.union1d(check(centred[rows], rows), rows[:: len(rows) // _SAMPLED])
    lost: list[Lost] = []
    for start in range(0, len(rows), _VERIFY_ROWS):
        progress("verify", start, len(rows))
        some = rows[start : start + _VERIFY_ROWS]
        for row, hits in zip(some.tolist(), store.search(centred[some], k=10), strict=True):
            wanted = passages[row].entry_id
            top = [passages[hit.passage_id].entry_id for hit in hits if hit.score >= hits[0].score - 1e-6]
            if wanted not in top:
                lost.append(Lost(entry_id=wanted, found=top[0] if top else ""))
    progress("verify", len(rows), len(rows))
    return tuple(lost)


def _write_content(draft: Draft, body: Body, folder: Path) -> None:
    write_lines(folder / "entries.jsonl", [entry_to_json(entry) for entry in draft.entries])
    ids = [entry.id for entry in draft.entries]
    (folder / "entries.ids.json").write_text(json.dumps(ids, ensure_ascii=False), encoding="utf-8")
    write_lines(folder / "passages.jsonl", [json.dumps(p.text, ensure_ascii=False) for p in body.passages])
    kinds = np.fromiter((KINDS.index(p.kind) for p in body.passages), dtype=np.uint8, count=len(body.passages))
    np.save(folder / "passages.kinds.npy", kinds)
    np.save(folder / "vectors.npy", body.vectors)
    EntryColumns.build(body.passages, draft.entries).save(folder)


def _answers(passages: Sequence[Passage]) -> BoolArray:
    """Tell which passages are of answers: these are centred on a mean of their own."""
    return np.fromiter((p.kind is PassageKind.ANSWER for p in passages), dtype=np.bool_, count=len(passages))


def _entry_numbers(entries: Sequence[Entry], passages: Sequence[Passage]) -> list[int]:
    numbers = {entry.id: number for number, entry in enumerate(entries)}
    return [numbers[passage.entry_id] for passage in passages]


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
