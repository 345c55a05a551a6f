"""Exact search in numpy: the oracle that every other store is held to, and enough for small bases."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from knowledge.columns import EntryColumns
from knowledge.errors import DimensionMismatch
from knowledge.store import FloatMatrix
from knowledge.types import ANY, Entry, Filter, Hit, Passage

# A float32 dot product of two unit vectors of 1,000 dimensions is off by less than this, whichever way it is summed.
SCORE_SLACK = 1e-5


class MemoryStore:
    """Every vector in one matrix; each search looks at all of them."""

    def __init__(self, dim: int) -> None:
        """Make an empty store for vectors of width `dim`."""
        self._dim = dim
        self._vectors: FloatMatrix = np.zeros((0, dim), dtype=np.float32)
        self._columns = EntryColumns.build([], [])

    @classmethod
    def of(cls, vectors: FloatMatrix, columns: EntryColumns) -> "MemoryStore":
        """Make a store of vectors and columns that were saved."""
        store = cls(vectors.shape[1])
        store._vectors, store._columns = vectors, columns
        return store

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return self._dim

    @property
    def matrix(self) -> FloatMatrix:
        """All vectors, (len(self), dim), not to be written to."""
        return self._vectors

    def __len__(self) -> int:
        """Passages held."""
        return len(self._vectors)

    def fill(self, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]) -> None:
        """Take the whole content of a version; see KnowledgeStore.fill."""
        check_width(vectors, self._dim)
        self._vectors = np.array(
            vectors, dtype=np.float32, order="C"
        )  # a copy: the caller may go on writing to its own
        self._columns = EntryColumns.build(passages, entries)

    def search(self, queries: FloatMatrix, *, k: int, where: Filter = ANY) -> list[list[Hit]]:
        """Find the nearest passages, exactly; see KnowledgeStore.search."""
        check_width(queries, self._dim)
        admitted = self._columns.admitted(where)
        allowed = np.arange(len(self)) if admitted is None else np.flatnonzero(admitted)
        if k <= 0 or not len(allowed):
            return [[] for _ in queries]
        vectors = self._vectors if admitted is None else self._vectors[allowed]
        scores = queries @ vectors.T
        return [
            rank_exactly(self._vectors, query, allowed[_near_the_best(row, k)], k)
            for query, row in zip(queries, scores, strict=True)
        ]

    def close(self) -> None:
        """Let the vectors go."""
        self._vectors = np.zeros((0, self._dim), dtype=np.float32)
        self._columns = EntryColumns.build([], [])


def check_width(matrix: FloatMatrix, dim: int) -> None:
    """Refuse vectors of another width.

    Raises:
        DimensionMismatch: the matrix is not (n, dim).
    """
    if matrix.ndim != 2 or matrix.shape[1] != dim:
        raise DimensionMismatch(
            f"The vectors have the shape {matrix.shape}, the store is for (n, {dim}); "
            "publish the knowledge base again with the encoder that is configured now."
        )


def rank_exactly(
    vectors: NDArray[np.floating], query: NDArray[np.float32], candidates: NDArray[np.int64], k: int
) -> list[Hit]:
    """Order candidates by their score in float64, ties by passage id, and keep the best k.

    Float32 sums depend on the order in which a library adds; in float64, summed row by row, equal vectors get equal
    scores in every store. BLAS would not promise that; a product that is summed afterwards takes eight times as long,
    as fresh memory of a megabyte costs more than the arithmetic.
    """
    scores = np.einsum("ij,j->i", vectors[candidates].astype(np.float64), query.astype(np.float64))
    order = np.lexsort((candidates, -scores))[:k]
    clipped = np.clip(scores[order], -1.0, 1.0)
    return [
        Hit(passage_id=passage_id, score=score)
        for passage_id, score in zip(candidates[order].tolist(), clipped.tolist(), strict=True)
    ]


def _near_the_best(scores: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """Give the positions of the k best scores and of all that rounding cannot tell from the k-th."""
    if k >= len(scores):
        return np.arange(len(scores))
    kth = np.partition(scores, len(scores) - k)[len(scores) - k]
    return np.flatnonzero(scores >= kth - SCORE_SLACK)
