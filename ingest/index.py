"""The indexer: documents in, a published version out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from pathlib import Path

from ingest.limits import Limits
from ingest.plan import Plan, make_plan
from ingest.report import IngestReport
from ingest.sources.document import Item, ReadOptions
from ingest.sources.reading import read_all
from ingest.split import VERSION as SPLIT_VERSION
from ingest.split import SplitSettings, passages_of
from ingest.vectors import Encoding
from knowledge.catalog import Changes
from knowledge.errors import KnowledgeBaseNotFound
from knowledge.publish import Body, Draft, PublishedVersion, Publisher
from knowledge.snapshot import EncoderStamp
from knowledge.types import Entry
from models.protocols import Encoder

Progress = Callable[[str, int, int], None]  # stage, done, total


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """How documents are read and cut."""

    limits: Limits = field(default_factory=Limits)
    split: SplitSettings = field(default_factory=SplitSettings)
    zone: tzinfo = UTC  # of dates in documents that name none
    batch: int = 32  # texts the encoder is given at once; more hold no gain on a CPU


class Indexer:
    """Reads documents into knowledge bases and publishes them. Not for several threads at once."""

    def __init__(
        self,
        publisher: Publisher,
        encoder: Encoder,
        *,
        language_of: Callable[[str], str],
        settings: IngestSettings | None = None,
    ) -> None:
        """Take the parts.

        Args:
            publisher: of the installation.
            encoder: makes the vectors; one with `blocks` (columns of its parts) is centred part by part.
            language_of: tells a question's language ("zh", "en", "mixed", "other") where its file does not.
            settings: of reading and cutting.
        """
        self._settings = settings or IngestSettings()
        split = self._settings.split
        recipe = publisher.recipe
        version = f"{recipe.version}/{SPLIT_VERSION}:{split.piece_chars}:{split.pieces}"
        self._publisher = replace(publisher, recipe=replace(recipe, version=version))
        self._encoder = encoder
        self._language_of = language_of

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        kb: str,
        workspace: str = "default",
        dry_run: bool = False,
        require_answers: bool = True,
        progress: Progress = lambda stage, done, total: None,
    ) -> IngestReport:
        """Read documents, publish the base with them and report; what cannot be read is in the report.

        The catalog and the live version change together at the very end, so that an interruption at any moment leaves
        both as they were.

        Args:
            paths: files, or folders with files below.
            kb: the knowledge base, made if it is new and anything was read for it.
            workspace: that it belongs to.
            dry_run: report the same, write nothing.
            require_answers: reject records without an answer.
            progress: told how far each stage is.

        Raises:
            InvalidName: the base or workspace cannot be named so.
            WriterBusy, CatalogUnavailable, StoreUnavailable: nothing was changed; trying again may work.
            ModelUnavailable: the encoder failed; nothing was changed.
        """
        start = time.monotonic()
        settings = self._settings
        self._publisher.layout.base(workspace, kb)  # refuses a bad name before anything is read
        progress("read", 0, 1)
        read = list(read_all(paths, ReadOptions(limits=settings.limits, zone=settings.zone)))
        if dry_run:
            plan = self._plan(read, workspace, kb, require_answers=require_answers)
            return _report(plan, workspace, kb, start, dry_run=True, live=self._live(workspace, kb))
        with self._publisher.writing(workspace, kb):
            plan = self._plan(read, workspace, kb, require_answers=require_answers)
            if not plan.entries:
                return _report(plan, workspace, kb, start, dry_run=False, live="")
            encoding = self._encoding(workspace, kb, progress)
            version = self._publish(workspace, kb, plan.entries, plan.changes, encoding, progress)
        return _report(plan, workspace, kb, start, dry_run=False, version=version, encoding=encoding)

    def publish(
        self, kb: str, *, workspace: str = "default", progress: Progress = lambda stage, done, total: None
    ) -> PublishedVersion:
        """Publish a base again from the catalog, after the encoder, the store or the settings were changed.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
            WriterBusy, CatalogUnavailable, StoreUnavailable, ModelUnavailable: as `ingest`.
        """
        self._publisher.catalog.live_version(workspace, kb)  # refuses a base that does not exist
        with self._publisher.writing(workspace, kb):
            entries = self._publisher.catalog.entries(workspace, kb)
            encoding = self._encoding(workspace, kb, progress)
            return self._publish(workspace, kb, entries, Changes(), encoding, progress)

    def _plan(self, read: Sequence[Item], workspace: str, kb: str, *, require_answers: bool) -> Plan:
        return make_plan(
            read,
            self._publisher.catalog.entries(workspace, kb),
            language_of=self._language_of,
            require_answers=require_answers,
        )

    def _encoding(self, workspace: str, kb: str, progress: Progress) -> Encoding:
        return Encoding(
            self._encoder,
            earlier=lambda: self._publisher.stored_vectors(workspace, kb, encoder_version=self._encoder.version),
            batch=self._settings.batch,
            progress=progress,
        )

    def _publish(
        self,
        workspace: str,
        kb: str,
        entries: Sequence[Entry],
        changes: Changes,
        encoding: Encoding,
        progress: Progress,
    ) -> PublishedVersion:
        def encode() -> Body:
            passages = passages_of(entries, self._settings.split)
            return Body(passages=passages, vectors=encoding.vectors_of([passage.text for passage in passages]))

        draft = Draft(workspace=workspace, kb=kb, entries=entries, encoder=_stamp_of(self._encoder), encode=encode)
        return replace(self._publisher, progress=progress).publish(draft, changes)

    def _live(self, workspace: str, kb: str) -> str:
        try:
            return self._publisher.catalog.live_version(workspace, kb) or ""
        except KnowledgeBaseNotFound:
            return ""


def _stamp_of(encoder: Encoder) -> EncoderStamp:
    blocks = getattr(encoder, "blocks", ())  # of a combination: which columns come from which encoder
    widths = tuple(int(block.stop - block.start) for block in blocks)
    return EncoderStamp(name=encoder.name, version=encoder.version, dim=encoder.dim, blocks=widths)


def _report(
    plan: Plan,
    workspace: str,
    kb: str,
    start: float,
    *,
    dry_run: bool,
    live: str = "",
    version: PublishedVersion | None = None,
    encoding: Encoding | None = None,
) -> IngestReport:
    return IngestReport(
        workspace=workspace,
        kb=kb,
        dry_run=dry_run,
        added=plan.added,
        changed=plan.changed,
        removed=plan.removed,
        unchanged=plan.unchanged,
        duplicates=plan.duplicates,
        conflicts=plan.conflicts,
        rejections=plan.rejections,
        entries=len(plan.entries),
        passages=version.passages if version else 0,
        embedded=encoding.embedded if encoding else 0,
        reused=encoding.reused if encoding else 0,
        lost=version.lost if version else (),
        version=version.id if version else live,
        seconds=time.monotonic() - start,
        embedding_seconds=encoding.seconds if encoding else 0.0,
    )
