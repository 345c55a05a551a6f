"""Search by FAISS within the process: exact for small versions, measured approximation for large ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge.columns import BoolArray, EntryColumns
from knowledge.errors import VersionCorrupt
from knowledge.faiss_choice import IndexChoice, IndexSettings, candidates_for, choose_index, faiss, tune
from knowledge.memory_store import SCORE_SLACK, check_width, rank_exactly
from knowledge.store import FloatMatrix
from knowledge.types import ANY, Entry, Filter, Hit, Passage

_FULL = "full.npy"  # float16; mapped, not read: a search touches a hundred rows of it
_FEW = 1_000  # admitted passages that are scored one and all, in a millisecond: exact, and cheaper than any list
_CHECKED = 1_000  # vectors checked in one call: tens of milliseconds
_WIDER = 4  # times the lists, where those looked at held too little: all 256 at once take 10 ms at 10,000 entries
_EXTRA = 16  # hits fetched beyond k, so that ties at the border are mostly seen at once

# With FAISS's default of one thread per core, any other busy thread makes a search wait: 15.6 ms instead of 0.8 ms
# at 10,000 vectors. One question is one thread's work.
faiss.omp_set_num_threads(1)


class FaissStore:
    """Vectors in a FAISS index; filters are bitmaps that the index consults, so nothing is filtered afterwards.

    An approximate index keeps a few hundred bytes a vector in memory; the vectors themselves are mapped from disk (768
    bytes each at 384 dimensions), and the best candidates are scored again from them.
    """

    def __init__(self, dim: int, settings: IndexSettings | None = None) -> None:
        """Make an empty store for vectors of width `dim`."""
        self._dim = dim
        self._settings = settings or IndexSettings()
        self._index: Any = faiss.IndexFlatIP(dim)
        self._choice = IndexChoice(kind="exact")
        self._full = self._no_vectors()
        self._columns = EntryColumns.build([], [])

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def choice(self) -> IndexChoice:
        """The kind of index in use, its parameters and its measured recall."""
        return self._choice

    @property
    def matrix(self) -> NDArray[np.floating]:
        """All vectors, (len(self), dim), not to be written to: float32 if exact, else float16 mapped from disk."""
        return self._full

    def __len__(self) -> int:
        """Passages held."""
        return int(self._index.ntotal)

    def fill(self, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]) -> None:
        """Take the whole content of a version and choose the index for it; see KnowledgeStore.fill.

        Vectors in 16 bits are taken as well, and kept, not copied, by an approximate index.
        """
        check_width(vectors, self._dim)
        chosen = choose_index(np.ascontiguousarray(vectors), self._settings)
        self._columns = EntryColumns.build(passages, entries)
        self._index, self._choice = chosen.index, chosen.choice
        exact = self._choice.kind == "exact"
        self._full = self._flat_vectors() if exact else vectors.astype(np.float16, copy=False)
        tune(self._index, self._choice)

    def search(self, queries: FloatMatrix, *, k: int, where: Filter = ANY) -> list[list[Hit]]:
        """Find the nearest passages; see KnowledgeStore.search.

        Exact below `IndexSettings.exact_below` passages, whatever the filter; above, the recall is what was measured,
        and scores are those of vectors kept in 16 bits, off by less than 0.001.
        """
        check_width(queries, self._dim)
        admitted = self._columns.admitted(where)
        count = len(self) if admitted is None else int(np.count_nonzero(admitted))
        if k <= 0 or not count or not len(queries):
            return [[] for _ in queries]
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        if self._choice.kind == "exact":
            return self._search_exactly(queries, min(k, count), count, admitted)
        return self._search_nearly(queries, min(k, count), count, admitted)

    def doubtful(self, vectors: FloatMatrix, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give those of `ids` that a search by their own vector might miss, at a hundredth of the cost of searching.

        A vector is nearest to itself, so it comes first wherever it is among the candidates at all. In an exact index
        it always is; in others it is if the narrowest search finds it.

        Args:
            vectors: (n, dim) what the passages were filled with.
            ids: (n,) theirs.
        """
        if self._choice.kind == "exact":
            same = [bool((self._full[row] == vector).all()) for row, vector in zip(ids, vectors, strict=True)]
            return ids[~np.asarray(same, dtype=np.bool_)]
        if self._choice.kind == "hnsw":
            return ids
        narrow = faiss.SearchParametersIVF(nprobe=1)
        found = np.zeros(len(ids), dtype=np.bool_)
        for start in range(0, len(ids), _CHECKED):
            some = slice(start, start + _CHECKED)
            _, near = self._index.search(np.ascontiguousarray(vectors[some]), 8, params=narrow)
            found[some] = (near == ids[some, np.newaxis]).any(axis=1)
        return ids[~found]

    def _search_exactly(self, queries: FloatMatrix, k: int, count: int, admitted: BoolArray | None) -> list[list[Hit]]:
        """Fetch more than k until no tie can be cut off, then rank in float64."""
        selector = None if admitted is None else _selector(admitted)
        fetched = min(count, k + _EXTRA)
        while True:
            scores, ids = self._index.search(queries, fetched, params=_exact_parameters(selector))
            cut_tie = scores[:, fetched - 1] >= scores[:, k - 1] - SCORE_SLACK
            if fetched == count or not cut_tie.any():
                break
            fetched = min(count, fetched * 4)
        return [rank_exactly(self._full, query, row, k) for query, row in zip(queries, ids, strict=True)]

    def _search_nearly(self, queries: FloatMatrix, k: int, count: int, admitted: BoolArray | None) -> list[list[Hit]]:
        if admitted is not None and count <= _FEW:
            rows = np.flatnonzero(admitted)
            return [rank_exactly(self._full, query, rows, k) for query in queries]
        fetched = min(count, candidates_for(k, self._dim))
        width = self._width(count, admitted, fetched)
        selector = None if admitted is None else _selector(admitted)
        _, ids = self._index.search(queries, fetched, params=self._parameters(width, selector))
        # Where the lists looked at hold fewer than were asked for, FAISS fills up with -1: they are short, or a filter
        # admits only what lies far from the query. Fewer to score again than usual are no reason to look at more.
        poor = ids[:, k - 1] < 0
        while self._choice.kind == "ivf" and width < self._choice.lists and poor.any():
            width = min(self._choice.lists, width * _WIDER)
            _, ids[poor] = self._index.search(queries[poor], fetched, params=self._parameters(width, selector))
            poor = ids[:, k - 1] < 0
        return [rank_exactly(self._full, query, row[row >= 0], k) for query, row in zip(queries, ids, strict=True)]

    def _width(self, count: int, admitted: BoolArray | None, fetched: int) -> int:
        """Tell how many lists, or which breadth, to search.

        A filter widens the search by what it thins out, and fourfold: neighbours are not evenly spread.
        """
        wider = 1.0 if admitted is None else 4.0 * len(self) / count
        if self._choice.kind == "hnsw":
            return min(max(fetched, round(self._choice.breadth * wider)), len(self))
        return min(self._choice.lists, int(np.ceil(self._choice.probes * wider)))

    def _parameters(self, width: int, selector: Any) -> Any:
        if self._choice.kind == "hnsw":
            return faiss.SearchParametersHNSW(efSearch=width, sel=selector)
        return faiss.SearchParametersIVF(nprobe=width, sel=selector)

    def _flat_vectors(self) -> FloatMatrix:
        """View the matrix inside the exact index without copying it."""
        flat: NDArray[np.float32] = faiss.rev_swig_ptr(self._index.get_xb(), len(self) * self._dim)
        return flat.reshape(len(self), self._dim)

    def _no_vectors(self) -> NDArray[np.floating]:
        return np.zeros((0, self._dim), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the store into a folder that exists."""
        if self._choice.kind != "exact":
            np.save(folder / _FULL, self._full)
        faiss.write_index(self._index, str(folder / "index.faiss"))
        facts = {"choice": asdict(self._choice), "settings": asdict(self._settings), "dim": self._dim}
        (folder / "index.json").write_text(json.dumps(facts, indent=2), encoding="utf-8")
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path) -> "FaissStore":
        """Read what `save` wrote.

        Raises:
            VersionCorrupt: a file is missing or cannot be read.
        """
        try:
            facts = json.loads((folder / "index.json").read_text(encoding="utf-8"))
            store = cls(facts["dim"], IndexSettings(**facts["settings"]))
            store._index = faiss.read_index(str(folder / "index.faiss"))
            store._choice = IndexChoice(**facts["choice"])
            store._columns = EntryColumns.load(folder)
            exact = store._choice.kind == "exact"
            store._full = store._flat_vectors() if exact else np.load(folder / _FULL, mmap_mode="r")
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as exc:
            raise VersionCorrupt(
                f"The vector index in {folder} cannot be read ({exc}); roll back or publish the knowledge base again."
            ) from exc
        tune(store._index, store._choice)
        return store

    def close(self) -> None:
        """Let the index go."""
        self._index = faiss.IndexFlatIP(self._dim)
        self._choice = IndexChoice(kind="exact")
        self._full = self._no_vectors()
        self._columns = EntryColumns.build([], [])


def _selector(admitted: BoolArray) -> Any:
    return faiss.IDSelectorBitmap(np.packbits(admitted, bitorder="little"))


def _exact_parameters(selector: Any) -> Any:
    return None if selector is None else faiss.SearchParameters(sel=selector)
