"""The live versions of knowledge bases, for a process that answers: noticed, opened and swapped without stopping it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from knowledge.backends import StoreBackend
from knowledge.catalog import Catalog
from knowledge.errors import KnowledgeBaseNotFound, KnowledgeError, NothingPublished, VersionCorrupt
from knowledge.layout import Layout
from knowledge.lexical import Analyzer
from knowledge.snapshot import Snapshot

log = logging.getLogger(__name__)

Key = tuple[str, str]  # workspace, knowledge base
Made = TypeVar("Made")


@dataclass(slots=True)
class _Held(Generic[Made]):
    version: str
    made: Made
    opening: bool = False
    refused: str = ""  # a later version that is damaged; it is not tried again


class Live(Generic[Made]):
    """Gives the live version of each base, made into what the caller works with.

    `current()` costs well under a microsecond between polls. When another version went live it is opened and made
    ready on a thread of its own, and the old one answers until then; versions in use stay whole until the last turn
    lets go of them. One that cannot be opened is reported once, and the old one goes on answering.
    """

    def __init__(
        self,
        layout: Layout,
        catalog: Catalog,
        *,
        backend: StoreBackend,
        analyse: Analyzer,
        make: Callable[[Snapshot], Made],
        poll_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take where versions lie and how they are opened.

        Args:
            layout: of the installation.
            catalog: its change counter tells when to look; its live pointer is the truth.
            backend: the store that versions are built for.
            analyse: the terms of a text, as given at publish.
            make: makes an opened version ready; raises a KnowledgeError if it cannot be used.
            poll_s: time between two looks at the catalog.
            clock: monotonic seconds.
        """
        self._layout = layout
        self._catalog = catalog
        self._backend = backend
        self._analyse = analyse
        self._make = make
        self._poll_s = poll_s
        self._clock = clock
        self._held: dict[Key, _Held[Made]] = {}
        self._lock = threading.Lock()
        self._next_poll = 0.0
        self._seen = -1
        self._threads: list[threading.Thread] = []

    def current(self, workspace: str, kb: str) -> Made:
        """Give the version that answers now; the first call for a base opens it.

        Raises:
            KnowledgeBaseNotFound: there is no such base.
            NothingPublished: it has no live version yet.
            VersionCorrupt: the live version cannot be opened; only on the first call, later the old one stays.
        """
        held = self._held.get((workspace, kb))
        if held is None:
            return self.refresh(workspace, kb)
        if self._clock() >= self._next_poll:
            self._poll()
        return held.made

    def refresh(self, workspace: str, kb: str) -> Made:
        """Look at the catalog now, and open the live version in this thread if it is another one.

        Raises:
            As `current`.
        """
        version = self._live(workspace, kb)
        with self._lock:
            held = self._held.get((workspace, kb))
        if held is not None and held.version == version:
            return held.made
        made = self._make(self._open(workspace, kb, version))
        with self._lock:
            self._held[workspace, kb] = _Held(version, made)
        return made

    def settle(self, timeout_s: float = 30.0) -> None:
        """Wait until no version is being opened any more."""
        for thread in list(self._threads):
            thread.join(timeout_s)

    def _poll(self) -> None:
        """Start opening what went live since the last look. One thread polls, the others go on with what is held."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._next_poll = self._clock() + self._poll_s
            counter = self._catalog.change_counter()
            if counter == self._seen:
                return
            if any(held.opening for held in self._held.values()):
                return  # what is being opened may be outdated already: look again at the next poll
            self._seen = counter
            for key, held in list(self._held.items()):
                self._follow(key, held)
        except KnowledgeError as exc:
            log.warning("the catalog could not be looked at, the versions held go on answering: %s", exc)
        finally:
            self._lock.release()

    def _follow(self, key: Key, held: _Held[Made]) -> None:
        """Start opening the live version of a base if it is another one than the one held; let go of one removed."""
        try:
            version = self._catalog.live_version(*key)
        except KnowledgeBaseNotFound:
            del self._held[key]
            return
        if version is None or version in (held.version, held.refused):
            return
        held.opening = True
        thread = threading.Thread(target=self._swap, args=(key, version), name=f"kefu-open-{key[1]}", daemon=True)
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def _swap(self, key: Key, version: str) -> None:
        held = self._held[key]
        try:
            self.refresh(*key)
        except KnowledgeError as exc:
            log.error("version %s of %s cannot be opened, the old one goes on answering: %s", version, key[1], exc)
            if isinstance(exc, VersionCorrupt):
                held.refused = version
            else:
                self._seen = -1  # a store that is away may come back: try again at the next poll
        finally:
            held.opening = False

    def _live(self, workspace: str, kb: str) -> str:
        version = self._catalog.live_version(workspace, kb)
        if version is None:
            raise NothingPublished(
                f"The knowledge base {kb!r} has no live version yet; run `kefu ingest FILE --kb {kb}`."
            )
        return version

    def _open(self, workspace: str, kb: str, version: str) -> Snapshot:
        folder = self._layout.version(workspace, kb, version)
        return Snapshot.open(folder, backend=self._backend, analyse=self._analyse)


class Snapshots(Live[Snapshot]):
    """Gives the live version of each base as it was published."""

    def __init__(
        self,
        layout: Layout,
        catalog: Catalog,
        *,
        backend: StoreBackend,
        analyse: Analyzer,
        poll_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what `Live` takes, but for what is made of a version: nothing."""
        super().__init__(
            layout,
            catalog,
            backend=backend,
            analyse=analyse,
            make=lambda snapshot: snapshot,
            poll_s=poll_s,
            clock=clock,
        )
