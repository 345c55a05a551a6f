"""The live versions of knowledge bases, for a process that answers: noticed, opened and swapped without stopping it."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from knowledge.backends import StoreBackend
from knowledge.catalog import Catalog
from knowledge.errors import KnowledgeError, NothingPublished
from knowledge.layout import Layout
from knowledge.lexical import Analyzer
from knowledge.snapshot import Snapshot

log = logging.getLogger(__name__)

Key = tuple[str, str]  # workspace, knowledge base


@dataclass(slots=True)
class _Held:
    snapshot: Snapshot
    opening: bool = False


class Snapshots:
    """Gives the live version of each base.

    `current()` costs well under a microsecond between polls. When another version went live it is opened on a thread
    of its own, and the old one answers until then; snapshots in use stay whole until the last turn lets go of them.
    """

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
        """Take where versions lie and how they are opened.

        Args:
            layout: of the installation.
            catalog: its change counter tells when to look; its live pointer is the truth.
            backend: the store that versions are built for.
            analyse: the terms of a text, as given at publish.
            poll_s: time between two looks at the catalog.
            clock: monotonic seconds.
        """
        self._layout = layout
        self._catalog = catalog
        self._backend = backend
        self._analyse = analyse
        self._poll_s = poll_s
        self._clock = clock
        self._held: dict[Key, _Held] = {}
        self._lock = threading.Lock()
        self._next_poll = 0.0
        self._seen = -1
        self._threads: list[threading.Thread] = []

    def current(self, workspace: str, kb: str) -> Snapshot:
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
        return held.snapshot

    def refresh(self, workspace: str, kb: str) -> Snapshot:
        """Look at the catalog now, and open the live version in this thread if it is another one.

        Raises:
            As `current`.
        """
        version = self._live(workspace, kb)
        with self._lock:
            held = self._held.get((workspace, kb))
        if held is not None and held.snapshot.version == version:
            return held.snapshot
        snapshot = self._open(workspace, kb, version)
        with self._lock:
            self._held[workspace, kb] = _Held(snapshot)
        return snapshot

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
            stale = [key for key, held in self._held.items() if self._is_stale(key, held)]
            for key in stale:
                self._held[key].opening = True
                thread = threading.Thread(target=self._swap, args=key, name=f"kefu-open-{key[1]}", daemon=True)
                self._threads = [t for t in self._threads if t.is_alive()] + [thread]
                thread.start()
            self._seen = counter
        except KnowledgeError as exc:
            log.warning("the catalog could not be looked at, the versions held go on answering: %s", exc)
        finally:
            self._lock.release()

    def _is_stale(self, key: Key, held: _Held) -> bool:
        return self._catalog.live_version(*key) not in (held.snapshot.version, None)

    def _swap(self, workspace: str, kb: str) -> None:
        try:
            self.refresh(workspace, kb)
        except KnowledgeError as exc:
            log.error("the new version of %s cannot be opened, the old one goes on answering: %s", kb, exc)
            with self._lock:
                self._held[workspace, kb].opening = False

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
