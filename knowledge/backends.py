"""Which vector store serves versions: built at publish, opened from the version's folder, chosen by URL."""

import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from knowledge.columns import EntryColumns
from knowledge.errors import VersionCorrupt
from knowledge.memory_store import MemoryStore
from knowledge.store import FloatMatrix, KnowledgeStore
from knowledge.types import Entry, Passage

if TYPE_CHECKING:
    from knowledge.faiss_choice import IndexSettings
    from knowledge.qdrant_store import QdrantAddress, QdrantStore


class StoreBackend(Protocol):
    """Makes and opens the store of a version; what it needs to open one lies in the version's folder."""

    @property
    def name(self) -> str:
        """Part of a version's identity: versions of another backend cannot be opened with this one."""

    def build(
        self, folder: Path, version: str, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]
    ) -> KnowledgeStore:
        """Fill a store and leave in `folder`, which exists and is empty, what `open` needs.

        Raises:
            StoreUnavailable: a server across the network gave no answer.
        """

    def open(self, folder: Path) -> KnowledgeStore:
        """Open what `build` left.

        Raises:
            VersionCorrupt: it cannot be read.
        """

    def drop(self, folder: Path) -> None:
        """Remove what lies outside of the folder; a version that was built halfway is no error.

        Raises:
            StoreUnavailable: a server across the network gave no answer.
        """


def open_backend(url: str, *, api_key: str | None = None) -> StoreBackend:
    """Choose by URL: `faiss://`, `memory://` or `qdrant://host:port`.

    Raises:
        ValueError: the URL is of another form.
    """
    scheme = url.partition("://")[0]
    if scheme == "faiss":
        return FaissBackend()
    if scheme == "memory":
        return MemoryBackend()
    if scheme == "qdrant":
        from knowledge.qdrant_store import QdrantAddress

        return QdrantBackend(QdrantAddress.parse(url, api_key=api_key))
    raise ValueError(f"A knowledge store is faiss://, memory:// or qdrant://host:port, not {url!r}.")


class FaissBackend:
    """FAISS within the process; the index is a file of the version."""

    name = "faiss"

    @property
    def half_from(self) -> float:
        """The number of vectors from which `build` wants them in 16 bits: an approximate index keeps them so."""
        from knowledge.faiss_choice import IndexSettings

        return (self._settings or IndexSettings()).exact_below

    def __init__(self, settings: "IndexSettings | None" = None) -> None:
        """Take when to search approximately."""
        self._settings = settings

    def build(
        self, folder: Path, version: str, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]
    ) -> KnowledgeStore:
        """See StoreBackend.build."""
        from knowledge.faiss_store import FaissStore

        store = FaissStore(vectors.shape[1], self._settings)
        store.fill(vectors, passages, entries)
        store.save(folder)
        return store

    def open(self, folder: Path) -> KnowledgeStore:
        """See StoreBackend.open."""
        from knowledge.faiss_store import FaissStore

        return FaissStore.load(folder)

    def drop(self, folder: Path) -> None:
        """Do nothing: all of it lies in the folder."""


class MemoryBackend:
    """Exact search in numpy; the matrix is a file of the version."""

    name = "memory"

    def build(
        self, folder: Path, version: str, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]
    ) -> KnowledgeStore:
        """See StoreBackend.build."""
        store = MemoryStore(vectors.shape[1])
        store.fill(vectors, passages, entries)
        np.save(folder / "matrix.npy", vectors.astype(np.float32))
        EntryColumns.build(passages, entries).save(folder)
        return store

    def open(self, folder: Path) -> KnowledgeStore:
        """See StoreBackend.open."""
        try:
            return MemoryStore.of(np.load(folder / "matrix.npy", allow_pickle=False), EntryColumns.load(folder))
        except (OSError, ValueError, KeyError) as exc:
            raise VersionCorrupt(
                f"The vectors in {folder} cannot be read ({exc}); roll back or publish the knowledge base again."
            ) from exc

    def drop(self, folder: Path) -> None:
        """Do nothing: all of it lies in the folder."""


class QdrantBackend:
    """A Qdrant server; the folder holds the collection's name."""

    name = "qdrant"

    def __init__(self, address: "QdrantAddress") -> None:
        """Take the server's address; nothing is sent yet."""
        self._address = address

    def build(
        self, folder: Path, version: str, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]
    ) -> KnowledgeStore:
        """See StoreBackend.build. The name is written first, so that `drop` finds what a killed process began."""
        # Installations may share a server, and equal content gives equal versions: the name is made unique.
        facts = {"collection": f"kefu-{version}-{secrets.token_hex(4)}", "dim": vectors.shape[1]}
        (folder / "collection.json").write_text(json.dumps(facts), encoding="utf-8")
        store = self._store(folder)
        store.fill(vectors, passages, entries)
        return store

    def open(self, folder: Path) -> KnowledgeStore:
        """See StoreBackend.open."""
        return self._store(folder)

    def drop(self, folder: Path) -> None:
        """Delete the collection, if the folder tells which."""
        if (folder / "collection.json").exists():
            store = self._store(folder)
            try:
                store.drop()
            finally:
                store.close()

    def _store(self, folder: Path) -> "QdrantStore":
        from knowledge.qdrant_store import QdrantStore

        try:
            facts = json.loads((folder / "collection.json").read_text(encoding="utf-8"))
            collection, dim = str(facts["collection"]), int(facts["dim"])
        except (OSError, ValueError, KeyError) as exc:
            raise VersionCorrupt(
                f"{folder / 'collection.json'} cannot be read ({exc}); roll back or publish the knowledge base again."
            ) from exc
        return QdrantStore(self._address.connect(), collection, dim, timeout_s=self._address.timeout_s)
