"""Which FAISS index serves a version: exact while that is fast, else the one whose recall was measured to be enough."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import faiss as _faiss
import numpy as np
from numpy.typing import NDArray

from knowledge.store import FloatMatrix

faiss: Any = _faiss  # the stub that comes with it knows neither its search parameters nor most attributes

_TRAINING_POINTS = 40  # per list: FAISS asks for at least 39; more hardly moves the centroids
_KMEANS_ROUNDS = 5  # recall after 5 rounds equals that after 10
_ADD_ROWS = 20_000  # rows handed over at once: below a second each, so that other threads get their turn
_PROBES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_BREADTHS = (32, 64, 128, 256, 512)
_HNSW_LINKS = 16
_BLUR = 0.5  # length of the noise added to a sample vector: a cosine of 0.89 to itself, as for a visitor's wording


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexChoice:
    """How an index is built and searched, and what was measured when it was chosen."""

    kind: str  # "exact", "ivf" or "hnsw"
    lists: int = 0  # ivf: cells that the vectors are divided into
    probes: int = 0  # ivf: cells that a search looks at
    breadth: int = 0  # hnsw: efSearch, candidates kept during a search
    recall: float = 1.0  # share of the exact ten best that a search finds, on blurred vectors of the version
    search_ms: float = 0.0  # median of one query on one thread, when it was measured


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """When approximate search is used and how good it must be."""

    exact_below: int = 20_000  # vectors; 0.5 ms a query at 10,000 vectors of 384 dimensions, and it cannot miss
    target_recall: float = 0.97  # of the exact ten best
    sample: int = 128  # queries that recall is measured with: its standard error is 0.005 at 0.97

    def __post_init__(self) -> None:
        """Validate."""
        if self.exact_below < 1 or self.sample < 1 or not 0 < self.target_recall <= 1:
            raise ValueError(f"exact_below and sample must be positive and target_recall within (0, 1]; got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenIndex:
    """An index that holds the vectors, and how it came to be chosen."""

    index: Any
    choice: IndexChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """Queries with their exact ten best, to measure an index by."""

    queries: FloatMatrix
    best: NDArray[np.int64]

    def measure(self, index: Any, choice: IndexChoice) -> IndexChoice:
        """Complete a choice with its recall at ten after scoring again, and the median time of one query.

        Scoring again orders the candidates exactly, so recall is the share of the ten best that are among them.
        """
        found, spent = 0, []
        fetched = candidates_for(self.best.shape[1], self.queries.shape[1])
        for query, best in zip(self.queries, self.best, strict=True):
            start = time.perf_counter()
            _, ids = index.search(query[np.newaxis], fetched)
            spent.append(time.perf_counter() - start)
            found += len(np.intersect1d(ids[0], best))
        return replace(choice, recall=found / self.best.size, search_ms=float(np.median(spent)) * 1000)


def choose_index(vectors: FloatMatrix, settings: IndexSettings) -> ChosenIndex:
    """Build the index for these vectors.

    Up to `exact_below` it is a plain matrix. Above, an inverted file over quantised vectors is searched ever wider
    until its measured recall reaches the target; data without clusters, where that would mean to look at most of the
    lists, gets an HNSW graph (Y. Malkov and D. Yashunin, 2016), and if that misses too, the plain matrix. What an
    approximate index gives is to be scored again from full vectors, `candidates_for` tells how many.

    Args:
        vectors: (n, dim) float32 or float16, rows of L2 norm 1; the latter are widened in pieces.
        settings: the border and the target.

    Returns:
        The index filled with all rows, ids from 0.
    """
    exact = faiss.IndexFlatIP(vectors.shape[1])
    if len(vectors) < settings.exact_below:
        _add_in_steps(exact, vectors)
        return ChosenIndex(index=exact, choice=IndexChoice(kind="exact"))
    trial = _make_trial(vectors, settings.sample)
    for candidate in _candidates(vectors, trial):
        if candidate.choice.recall >= settings.target_recall:
            return candidate
    _add_in_steps(exact, vectors)
    return ChosenIndex(index=exact, choice=IndexChoice(kind="exact"))


def candidates_for(k: int, dim: int) -> int:
    """Tell how many hits to fetch from an approximate index when k are wanted after scoring again.

    Measured on perturbed sentence vectors: among 50 candidates by 8-bit codes, or 60 by 4-bit codes, are 0.99 of the
    ten best.
    """
    return 2 * k + 30 if _codes_for(dim) == faiss.ScalarQuantizer.QT_8bit else 3 * k + 30


def tune(index: Any, choice: IndexChoice) -> None:
    """Set a loaded or new index to search as it was chosen to."""
    if choice.kind == "ivf":
        index.nprobe = choice.probes
    elif choice.kind == "hnsw":
        index.hnsw.efSearch = choice.breadth


def _candidates(vectors: FloatMatrix, trial: _Trial) -> Iterator[ChosenIndex]:
    """Give indexes with ever better recall, cheap ones first; the same index returns with wider searches."""
    lists = _lists_for(len(vectors))
    ivf = _build_ivf(vectors, lists)
    for probes in (p for p in _PROBES if p <= max(1, lists // 8)):
        ivf.nprobe = probes
        yield ChosenIndex(index=ivf, choice=trial.measure(ivf, IndexChoice(kind="ivf", lists=lists, probes=probes)))
    del ivf
    graph = faiss.IndexHNSWSQ(vectors.shape[1], _codes_for(vectors.shape[1]), _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.train(_spread(vectors, lists * _TRAINING_POINTS))
    _add_in_steps(graph, vectors)
    for breadth in _BREADTHS:
        graph.hnsw.efSearch = breadth
        yield ChosenIndex(index=graph, choice=trial.measure(graph, IndexChoice(kind="hnsw", breadth=breadth)))


def _lists_for(count: int) -> int:
    """Give the power of two next to 2 * sqrt(n): beyond that, training costs more than searches gain."""
    return min(count, int(2 ** round(np.log2(2 * np.sqrt(count)))))


def _codes_for(dim: int) -> int:
    """Give the finest scalar quantiser that keeps a vector below 500 bytes where one does."""
    if dim <= 480:
        return int(faiss.ScalarQuantizer.QT_8bit)
    return int(faiss.ScalarQuantizer.QT_6bit if dim <= 640 else faiss.ScalarQuantizer.QT_4bit)


def _build_ivf(vectors: FloatMatrix, lists: int) -> Any:
    dim = vectors.shape[1]
    coarse = faiss.IndexFlatIP(dim)
    index = faiss.IndexIVFScalarQuantizer(coarse, dim, lists, _codes_for(dim), faiss.METRIC_INNER_PRODUCT)
    index.own_fields = True
    coarse.this.disown()  # the index frees it
    index.cp.niter = _KMEANS_ROUNDS
    index.cp.min_points_per_centroid = 1  # fewer than 39 make FAISS write a warning to stderr, no more
    index.cp.max_points_per_centroid = _TRAINING_POINTS
    index.train(_spread(vectors, lists * _TRAINING_POINTS))
    _add_in_steps(index, vectors)
    return index


def _spread(vectors: FloatMatrix, wanted: int) -> FloatMatrix:
    """Take rows evenly from the whole matrix, the same ones every time."""
    rows = np.linspace(0, len(vectors) - 1, min(len(vectors), wanted)).astype(np.int64)
    return vectors[rows].astype(np.float32, copy=False)


def _add_in_steps(index: Any, vectors: FloatMatrix) -> None:
    for start in range(0, len(vectors), _ADD_ROWS):
        index.add(np.ascontiguousarray(vectors[start : start + _ADD_ROWS], dtype=np.float32))


def _make_trial(vectors: FloatMatrix, sample: int) -> _Trial:
    """Blur some of the version's own vectors, evenly spread, and find their exact ten best."""
    seeds = _spread(vectors, sample)
    noise = np.random.default_rng(0).standard_normal(seeds.shape, dtype=np.float32)
    queries = seeds + noise * np.float32(_BLUR / np.sqrt(vectors.shape[1]))
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return _Trial(queries=queries, best=_exact_best(queries, vectors, min(10, len(vectors))))


def _exact_best(queries: FloatMatrix, vectors: FloatMatrix, k: int) -> NDArray[np.int64]:
    """Find the k nearest rows of each query, (len(queries), k) best first, looking at some rows at a time."""
    ids = np.empty((len(queries), 0), dtype=np.int64)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for start in range(0, len(vectors), _ADD_ROWS):
        some = np.ascontiguousarray(vectors[start : start + _ADD_ROWS], dtype=np.float32)
        near, rows = faiss.knn(queries, some, min(k, len(some)), metric=faiss.METRIC_INNER_PRODUCT)
        scores, ids = np.hstack([scores, near]), np.hstack([ids, rows.astype(np.int64) + start])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        scores, ids = np.take_along_axis(scores, best, axis=1), np.take_along_axis(ids, best, axis=1)
    return ids
