"""The seam between the engine and whatever holds the vectors."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.types import ANY, Entry, Filter, Hit, Passage

FloatMatrix = NDArray[np.float32]


class KnowledgeStore(Protocol):
    """Vectors of one published version: filled once, then only searched."""

    @property
    def dim(self) -> int:
        """Width of the vectors."""

    def __len__(self) -> int:
        """Passages held."""

    def fill(self, vectors: FloatMatrix, passages: Sequence[Passage], entries: Sequence[Entry]) -> None:
        """Take the whole content of a version; what was held before is replaced.

        Args:
            vectors: (len(passages), dim) float32, rows of L2 norm 1, row i for the passage with id i.
            passages: in the order of their ids.
            entries: those that the passages belong to.

        Raises:
            DimensionMismatch: vectors.shape[1] is not the store's dim.
            StoreUnavailable: no answer within the store's timeout; trying again may work.
        """

    def search(self, queries: FloatMatrix, *, k: int, where: Filter = ANY) -> list[list[Hit]]:
        """Find the passages nearest to each query among those that the filter admits.

        Args:
            queries: (n, dim) float32, rows of L2 norm 1.
            k: hits wanted per query; a smaller store gives fewer.
            where: which passages may be found.

        Returns:
            n lists, best first, ties by passage_id; scores are cosine similarities in [-1, 1].

        Raises:
            DimensionMismatch: queries.shape[1] is not the store's dim.
            StoreUnavailable: no answer within the store's timeout; trying again may work.
        """

    def close(self) -> None:
        """Release files, threads and connections; the store is not used afterwards."""
