"""The indexer: documents in, a published version out."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path

from ingest.documents import Reading, Whereabouts, locate, read_documents
from ingest.errors import BaseExists
from ingest.gate import Gate, GateFailed, GateResult
from ingest.limits import Limits
from ingest.near import Nearness, NearSettings, find_near
from ingest.plan import Plan, Scope, make_plan
from ingest.preview import preview_near
from ingest.report import IngestReport
from ingest.sources.document import ReadOptions
from ingest.split import VERSION as SPLIT_VERSION
from ingest.split import SplitSettings, passages_of
from ingest.vectors import Encoding
from knowledge.catalog import Changes
from knowledge.errors import KnowledgeBaseNotFound, VersionCorrupt
from knowledge.publish import Body, Draft, PublishedVersion, Publisher
from knowledge.snapshot import EncoderStamp, Snapshot
from knowledge.types import Entry
from models.protocols import Encoder

Progress = Callable[[str, int, int], None]  # stage, done, total; total 0: not known
Revision = Callable[[Mapping[str, Entry]], Changes]  # entries by id -> what is to change


def _silent(stage: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """How documents are read and cut."""

    limits: Limits = field(default_factory=Limits)
    split: SplitSettings = field(default_factory=SplitSettings)
    zone: tzinfo = UTC  # of dates in documents that name none
    batch: int = 32  # texts the encoder is given at once; more hold no gain on a CPU
    near: NearSettings = field(default_factory=NearSettings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What one ingest may do to what is there."""

    sync: bool = False  # remove what the documents no longer have
    force: bool = False  # also if little could be read
    overwrite_edited: bool = False  # take the documents' word where a person edited or removed an entry
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> the column or key that holds it


class Indexer:
    """Reads documents into knowledge bases and publishes them. Not for several threads at once."""

    def __init__(
        self,
        publisher: Publisher,
        encoder: Encoder,
        *,
        language_of: Callable[[str], str],
        settings: IngestSettings | None = None,
        gate: Gate | None = None,
    ) -> None:
        """Take the parts.

        Args:
            publisher: of the installation.
            encoder: makes the vectors; one with `blocks` (columns of its parts) is centred part by part.
            language_of: tells a question's language ("zh", "en", "mixed", "other") where its file does not.
            settings: of reading and cutting.
            gate: looks at every version before it goes live.
        """
        self._settings = settings or IngestSettings()
        split = self._settings.split
        recipe = publisher.recipe
        version = f"{recipe.version}/{SPLIT_VERSION}:{split.piece_chars}:{split.pieces}"
        self._publisher = replace(publisher, recipe=replace(recipe, version=version))
        self._encoder = encoder
        self._language_of = language_of
        self._gate = gate

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        kb: str,
        workspace: str = "default",
        dry_run: bool = False,
        require_answers: bool = True,
        rules: Rules | None = None,
        progress: Progress = _silent,
    ) -> IngestReport:
        """Read documents, publish the base with them and report; what cannot be read is in the report.

        The catalog and the live version change together at the very end, so that an interruption at any moment leaves
        both as they were.

        Args:
            paths: files, or folders with files below.
            kb: the knowledge base, made if it is new and anything was read for it.
            workspace: that it belongs to.
            dry_run: report the same, write nothing. The gate is not asked: there is no version to ask.
            require_answers: reject records without an answer.
            rules: what may become of entries that are there; by default nothing is removed.
            progress: told how far each stage is.

        Raises:
            InvalidName: the base or workspace cannot be named so.
            WriterBusy, CatalogUnavailable, StoreUnavailable: nothing was changed; trying again may work.
            ModelUnavailable: the encoder failed; nothing was changed.
            SuiteError: the gate's suite names entries that were never there; nothing was changed.
        """
        start = time.monotonic()
        rules = rules or Rules()
        self._publisher.layout.base(workspace, kb)  # refuses a bad name before anything is read
        options = ReadOptions(limits=self._settings.limits, zone=self._settings.zone, columns=rules.columns)
        progress("read", 0, 0)
        reading = read_documents(paths, options, lambda done: progress("read", done, 0))
        run = _Run(workspace=workspace, kb=kb, dry_run=dry_run, start=start)
        if dry_run:
            plan = self._plan(run, reading, rules, require_answers=require_answers)
            near, embedded = self._preview(run, plan, progress)
            return run.report(plan, version=self._live(run), near=near, refused=_doubt(plan, rules), embedded=embedded)
        with self._publisher.writing(workspace, kb):
            plan = self._plan(run, reading, rules, require_answers=require_answers)
            del reading  # the records: 100 MB of a hundred thousand, no longer needed while the version is built
            refused = _doubt(plan, rules)
            if refused or not plan.entries:
                return run.report(plan, version=self._live(run), refused=refused)
            return self._publish_plan(run, plan, progress)

    def publish(self, kb: str, *, workspace: str = "default", progress: Progress = _silent) -> PublishedVersion:
        """Publish a base again from the catalog, after the encoder, the store or the settings were changed.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
            GateFailed: the new version breaks the gate's suite; the old one goes on answering.
            WriterBusy, CatalogUnavailable, StoreUnavailable, ModelUnavailable: as `ingest`.
        """
        return self.revise(kb, lambda entries: Changes(), workspace=workspace, progress=progress)

    def revise(
        self, kb: str, revision: Revision, *, workspace: str = "default", progress: Progress = _silent
    ) -> PublishedVersion:
        """Change entries and publish the base with them; only texts that are new are encoded.

        Args:
            kb: the knowledge base.
            revision: given the entries as they are, while nobody else can change them, says what is to change.
            workspace: that the base belongs to.
            progress: told how far each stage is.

        Raises:
            As `publish`, and whatever the revision raises; nothing was changed then.
        """
        self._publisher.catalog.live_version(workspace, kb)  # refuses a base that does not exist
        return self._revise(kb, revision, workspace, progress)

    def found(
        self, kb: str, entries: Sequence[Entry], *, workspace: str = "default", progress: Progress = _silent
    ) -> PublishedVersion:
        """Make a base of entries, and publish it.

        Args:
            kb: its name, which no base of the workspace has.
            entries: at least one, each with an id of its own.
            workspace: that the base is to belong to.
            progress: told how far each stage is.

        Raises:
            BaseExists: there is a base of that name already.
            InvalidName: it cannot name a base.
            As `revise`; nothing was made then.
        """

        def revision(existing: Mapping[str, Entry]) -> Changes:
            if existing or any(base.name == kb for base in self._publisher.catalog.bases(workspace)):
                raise BaseExists(f"there is a knowledge base {kb!r} already; add to that one, or give another name")
            return Changes(upserts=list(entries))

        return self._revise(kb, revision, workspace, progress)

    def _revise(self, kb: str, revision: Revision, workspace: str, progress: Progress) -> PublishedVersion:
        run = _Run(workspace=workspace, kb=kb, dry_run=False, start=time.monotonic())
        with self._publisher.writing(workspace, kb):
            entries = {entry.id: entry for entry in self._publisher.catalog.entries(workspace, kb)}
            changes = revision(entries)
            entries.update((entry.id, entry) for entry in changes.upserts)
            for entry_id in changes.removals:
                del entries[entry_id]
            after = [entries[entry_id] for entry_id in sorted(entries)]
            look = _Look(self._gate, lambda: self._live_snapshot(run), progress)
            return self._publish(run, after, changes, self._encoding(run, progress), look, progress)

    def _plan(self, run: "_Run", reading: Reading, rules: Rules, *, require_answers: bool) -> Plan:
        catalog = self._publisher.catalog
        found = locate(reading, catalog.documents(run.workspace, run.kb), sync=rules.sync)
        scope = Scope(sync=rules.sync, force=rules.force, vanished=found.vanished, ambiguous=found.ambiguous)
        plan = make_plan(
            reading.items,
            catalog.entries(run.workspace, run.kb),
            language_of=self._language_of,
            require_answers=require_answers,
            scope=scope,
            removed_by_hand=catalog.removed_by_hand(run.workspace, run.kb),
            overwrite_edited=rules.overwrite_edited,
        )
        return _with_whereabouts(plan, found)

    def _publish_plan(self, run: "_Run", plan: Plan, progress: Progress) -> IngestReport:
        encoding = self._encoding(run, progress)
        before = self._live(run)
        live = self._live_snapshot
        look = _Look(self._gate, lambda: live(run), progress, news=plan.news, near=self._settings.near)
        try:
            version = self._publish(run, plan.entries, plan.changes, encoding, look, progress)
        except GateFailed as failed:
            return run.report(plan, version=before, gate=failed.result, refused=failed.reason, encoding=encoding)
        return run.report(
            plan, version=version.id, published=version, encoding=encoding, near=look.near, gate=look.result
        )

    def _encoding(self, run: "_Run", progress: Progress) -> Encoding:
        return Encoding(
            self._encoder,
            earlier=lambda: self._publisher.stored_vectors(
                run.workspace, run.kb, encoder_version=self._encoder.version
            ),
            batch=self._settings.batch,
            progress=progress,
        )

    def _publish(
        self,
        run: "_Run",
        entries: Sequence[Entry],
        changes: Changes,
        encoding: Encoding,
        look: "_Look",
        progress: Progress,
    ) -> PublishedVersion:
        def encode() -> Body:
            passages = passages_of(entries, self._settings.split)
            return Body(passages=passages, vectors=encoding.vectors_of([passage.text for passage in passages]))

        stamp = _stamp_of(self._encoder)
        draft = Draft(workspace=run.workspace, kb=run.kb, entries=entries, encoder=stamp, encode=encode)
        return replace(self._publisher, progress=progress).publish(draft, changes, check=look)

    def _preview(self, run: "_Run", plan: Plan, progress: Progress) -> tuple[Nearness, int]:
        """Look for near-duplicates without building a version."""
        live = self._live_snapshot(run)
        usable = live is not None and live.manifest.encoder.version == self._encoder.version
        try:
            near = preview_near(
                plan.entries, plan.news, self._encoder, live if usable else None, self._settings.near, progress
            )
        finally:
            if live is not None:
                live.close()
        return near, near.examined

    def _live(self, run: "_Run") -> str:
        try:
            return self._publisher.catalog.live_version(run.workspace, run.kb) or ""
        except KnowledgeBaseNotFound:
            return ""

    def _live_snapshot(self, run: "_Run") -> Snapshot | None:
        live = self._live(run)
        try:
            return self._publisher.open(run.workspace, run.kb, live) if live else None
        except VersionCorrupt:
            return None  # what cannot be opened cannot be compared with; a new version mends it


class _Look:
    """Looks at a finished version before it goes live: the gate first, then what is nearly the same."""

    def __init__(
        self,
        gate: Gate | None,
        live: Callable[[], Snapshot | None],
        progress: Progress,
        *,
        news: frozenset[str] = frozenset(),
        near: NearSettings | None = None,
    ) -> None:
        self._gate = gate
        self._live = live
        self._progress = progress
        self._news = news
        self._settings = near or NearSettings()
        self.near = Nearness()
        self.result: GateResult | None = None

    def __call__(self, version: Snapshot) -> None:
        if self._gate is not None:
            self.result = self._judge(self._gate, version)
            if self.result is not None and self.result.broken:
                raise GateFailed(self.result)
        self.near = find_near(version, self._news, self._settings, self._progress)

    def _judge(self, gate: Gate, version: Snapshot) -> GateResult | None:
        live = self._live()
        try:
            if live is not None and live.version == version.version:
                gate.unchanged(version)
                return None
            return gate.judge(version, live, self._progress)
        finally:
            if live is not None:
                live.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One call of the indexer."""

    workspace: str
    kb: str
    dry_run: bool
    start: float

    def report(
        self,
        plan: Plan,
        *,
        version: str,
        refused: str = "",
        published: PublishedVersion | None = None,
        encoding: Encoding | None = None,
        near: Nearness | None = None,
        gate: GateResult | None = None,
        embedded: int = 0,
    ) -> IngestReport:
        return IngestReport(
            workspace=self.workspace,
            kb=self.kb,
            dry_run=self.dry_run,
            added=plan.added,
            changed=plan.changed,
            removed=plan.removed,
            unchanged=plan.unchanged,
            duplicates=plan.duplicates,
            conflicts=plan.conflicts,
            rejections=plan.rejections,
            notes=plan.notes,
            kept=plan.kept,
            gone=plan.gone,
            near=near or Nearness(),
            gate=gate,
            refused=refused,
            entries=len(plan.entries),
            passages=published.passages if published else 0,
            embedded=encoding.embedded if encoding else embedded,
            reused=encoding.reused if encoding else 0,
            lost=published.lost if published else (),
            version=version,
            seconds=time.monotonic() - self.start,
            embedding_seconds=encoding.seconds if encoding else 0.0,
        )


def _doubt(plan: Plan, rules: Rules) -> str:
    """Say why a sync had better not be believed; "" if it may be."""
    if not rules.sync or not plan.removed:
        return ""
    if rules.force:
        return "" if plan.entries else "--sync would leave no entry at all; check the paths"
    if not plan.records:
        return "nothing could be read, and --sync would remove what is there; check the paths, or add --force"
    if len(plan.rejections) > plan.records:
        return "more was rejected than read, so --sync removes nothing; mend the documents, or add --force"
    return ""


def _with_whereabouts(plan: Plan, found: Whereabouts) -> Plan:
    changes = replace(plan.changes, documents=found.new, vanished=found.outdated)
    return replace(plan, changes=changes, notes=(*plan.notes, *found.notes))


def _stamp_of(encoder: Encoder) -> EncoderStamp:
    blocks = getattr(encoder, "blocks", ())  # of a combination: which columns come from which encoder
    widths = tuple(int(block.stop - block.start) for block in blocks)
    return EncoderStamp(name=encoder.name, version=encoder.version, dim=encoder.dim, blocks=widths)
