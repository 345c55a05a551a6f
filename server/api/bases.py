"""Knowledge bases for a serving process: read beside the event loop, written one at a time on threads that give way."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from typing import TypeVar

from engine.pipeline import Models
from ingest.assemble import open_indexer, open_publisher
from ingest.errors import EntryNotFound
from ingest.index import Indexer, Progress
from knowledge.catalog import Base, Version, VersionState
from knowledge.errors import WriterBusy
from knowledge.publish import PublishedVersion, Publisher
from knowledge.types import Entry
from server.errors import ServerError
from server.settings import Installation

Done = TypeVar("Done")
Key = tuple[str, str]  # workspace, knowledge base

_WRITERS = 2  # bases that are published at the same time
_NICENESS = 10  # of a thread that publishes: it gives way to those that answer
_WAIT_S = 5.0  # for another process that publishes the same base


class Interrupted(ServerError):
    """The process ends before a version was finished; nothing was changed, another process can do it again."""


class Bases:
    """All knowledge bases, by workspace. Used from one event loop."""

    def __init__(
        self, publisher: Publisher, open_for_writing: Callable[[str, str], AbstractContextManager[Indexer]]
    ) -> None:
        """Take what reads and rolls back, and what opens the indexer of (workspace, base)."""
        self._publisher = publisher
        self._open_for_writing = open_for_writing
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="kefu-publish", initializer=_give_way)
        self._busy: set[Key] = set()
        self._closing = threading.Event()

    async def all(self, workspace: str) -> list[tuple[Base, Version | None]]:
        """List the bases of a workspace by name, each with its live version."""
        return await asyncio.to_thread(self._all, workspace)

    async def entries(self, workspace: str, kb: str, *, containing: str = "") -> list[Entry]:
        """List the entries of a base by id, those that contain a text in any letter case.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
        """
        return await asyncio.to_thread(self._entries, workspace, kb, containing.casefold())

    async def entry(self, workspace: str, kb: str, entry_id: str) -> Entry:
        """Give one entry.

        Raises:
            KnowledgeBaseNotFound, EntryNotFound: there is none such.
        """
        return await asyncio.to_thread(self._entry, workspace, kb, entry_id)

    async def versions(self, workspace: str, kb: str) -> list[Version]:
        """List the versions that are kept, newest first.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
        """
        return await asyncio.to_thread(self._versions, workspace, kb)

    async def write(
        self, workspace: str, kb: str, change: Callable[[Indexer, Progress], PublishedVersion]
    ) -> PublishedVersion:
        """Change a base and publish it. Cancelling leaves it to be finished.

        Raises:
            WriterBusy: somebody else is at it.
            Interrupted: the process ends; nothing was changed.
            As `ingest.edit` and `Indexer.publish`.
        """

        def run() -> PublishedVersion:
            self._publisher.catalog.live_version(workspace, kb)  # before anything is opened
            with self._open_for_writing(workspace, kb) as indexer:
                return change(indexer, self._progress)

        return await self._alone((workspace, kb), run)

    async def make(self, workspace: str, kb: str, entries: Sequence[Entry]) -> PublishedVersion:
        """Make a base of entries, and publish it. Cancelling leaves it to be finished.

        Raises:
            BaseExists: there is one of that name already.
            WriterBusy, Interrupted: nothing was made.
            As `Indexer.found`.
        """

        def run() -> PublishedVersion:
            with self._open_for_writing(workspace, kb) as indexer:
                return indexer.found(kb, entries, workspace=workspace, progress=self._progress)

        return await self._alone((workspace, kb), run)

    async def remove(self, workspace: str, kb: str) -> None:
        """Remove a base with all its versions.

        Raises:
            KnowledgeBaseNotFound, WriterBusy: nothing was removed.
        """
        await self._alone((workspace, kb), lambda: self._publisher.remove(workspace, kb))

    async def roll_back(self, workspace: str, kb: str, version: str | None) -> PublishedVersion:
        """Let an earlier version answer again, by default the one before the live one.

        Raises:
            KnowledgeBaseNotFound, VersionNotFound, VersionCorrupt, WriterBusy: nothing was changed.
        """

        def run() -> PublishedVersion:
            self._publisher.catalog.live_version(workspace, kb)  # a mistyped name must not make a base
            return self._publisher.rollback(workspace, kb, version)

        return await self._alone((workspace, kb), run)

    async def close(self) -> None:
        """Interrupt what is being written, and wait for it to have cleared up."""
        self._closing.set()
        await asyncio.to_thread(self._writers.shutdown, cancel_futures=True)

    async def _alone(self, key: Key, work: Callable[[], Done]) -> Done:
        """Run on a writer's thread, refused at once while the base has a writer."""
        if key in self._busy:
            raise WriterBusy(f"{key[1]!r} is being published.")
        self._busy.add(key)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._writers, work)
        except BaseException:
            self._busy.discard(key)
            raise
        running.add_done_callback(lambda _: self._busy.discard(key))  # also when the caller went away
        return await asyncio.shield(running)

    def _progress(self, stage: str, done: int, total: int) -> None:
        if self._closing.is_set() and stage != "switch":
            raise Interrupted("the server is about to end; try again with its successor.")

    def _all(self, workspace: str) -> list[tuple[Base, Version | None]]:
        catalog = self._publisher.catalog
        return [
            (base, next((v for v in catalog.versions(workspace, base.name) if v.state is VersionState.LIVE), None))
            for base in catalog.bases(workspace)
        ]

    def _entries(self, workspace: str, kb: str, containing: str) -> list[Entry]:
        self._publisher.catalog.live_version(workspace, kb)
        entries = self._publisher.catalog.entries(workspace, kb)
        return [entry for entry in entries if not containing or containing in _text(entry)]

    def _entry(self, workspace: str, kb: str, entry_id: str) -> Entry:
        self._publisher.catalog.live_version(workspace, kb)
        entry = self._publisher.catalog.entry(workspace, kb, entry_id)
        if entry is None:
            raise EntryNotFound(f"{kb!r} has no entry {entry_id!r}")
        return entry

    def _versions(self, workspace: str, kb: str) -> list[Version]:
        self._publisher.catalog.live_version(workspace, kb)
        versions = self._publisher.catalog.versions(workspace, kb)
        return [version for version in versions if version.state is not VersionState.BUILDING]


@asynccontextmanager
async def open_bases(settings: Installation, models: Models) -> AsyncIterator[Bases]:
    """Open the bases of an installation; the models are those that the engine answers with."""

    @contextmanager
    def indexer(workspace: str, kb: str) -> Iterator[Indexer]:
        with open_indexer(settings, kb, models, workspace=workspace, lock_wait_s=_WAIT_S) as opened:
            yield opened

    with open_publisher(settings, lock_wait_s=_WAIT_S) as publisher:
        bases = Bases(publisher, indexer)
        try:
            yield bases
        finally:
            await bases.close()


def _text(entry: Entry) -> str:
    return "\n".join((entry.id, entry.question, *entry.similar_questions, entry.answer, entry.category)).casefold()


def _give_way() -> None:
    with suppress(OSError, AttributeError):  # a thread has a niceness of its own on Linux only
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
