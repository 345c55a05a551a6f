"""The vector index over many perturbed vectors: recall against exact search, time of one query, bytes of a vector.

    python tests/bench/bench_index.py --count 1000000 --dim 384 [--seeds VECTORS.npy] [--noise 0.5] [--json OUT]

Real vectors (rows of --seeds, centred) are varied by adding noise of the given length and scaling back to norm 1;
without --seeds, 5,000 random directions stand in for them. Queries are made in the same way and are not in the index.
Exact search over the same vectors, in the same run and on one thread, is the floor.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import faiss
import numpy as np
from numpy.typing import NDArray

from knowledge.faiss_store import FaissStore
from knowledge.types import ANY, Entry, Filter, Passage, PassageKind

FloatMatrix = NDArray[np.float32]
_BLOCK = 50_000
_K = 10


def perturbed(seeds: FloatMatrix, count: int, noise: float, rng: np.random.Generator) -> FloatMatrix:
    """Vary rows of `seeds`: (count, dim) float32 of norm 1."""
    rows = np.empty((count, seeds.shape[1]), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        some = rows[start : start + _BLOCK]
        some[:] = seeds[rng.integers(0, len(seeds), len(some))]
        some += rng.standard_normal(some.shape, dtype=np.float32) * np.float32(noise / np.sqrt(seeds.shape[1]))
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    return rows


def centred(seeds: FloatMatrix) -> FloatMatrix:
    """Take the mean off, as a published version does."""
    away = seeds - seeds.mean(axis=0)
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True), dtype=np.float32)


def anonymous_bytes() -> int:
    """Give the memory of this process that is not mapped from files."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Searches one by one."""

    p50_ms: float
    p99_ms: float
    cpu_p50_ms: float  # of this thread: what is left when other programs share the machine
    found: list[list[int]]


def time_queries(store: FaissStore, queries: FloatMatrix, where: Filter) -> Timing:
    """Search one by one."""
    spent, cpu, found = [], [], []
    for row in range(len(queries)):
        start, cpu_start = time.perf_counter(), time.thread_time()
        (hits,) = store.search(queries[row : row + 1], k=_K, where=where)
        cpu.append((time.thread_time() - cpu_start) * 1000)
        spent.append((time.perf_counter() - start) * 1000)
        found.append([hit.passage_id for hit in hits])
    return Timing(
        p50_ms=float(np.median(spent)),
        p99_ms=float(np.percentile(spent, 99)),
        cpu_p50_ms=float(np.median(cpu)),
        found=found,
    )


def recall(found: list[list[int]], best: NDArray[np.int64]) -> float:
    """Give the share of the exact best that was found."""
    shares = [len(set(mine) & set(theirs)) / len(theirs) for mine, theirs in zip(found, best.tolist(), strict=True)]
    return float(np.mean(shares))


def run(seeds: FloatMatrix, count: int, noise: float, queries_wanted: int) -> dict[str, object]:
    """Build, save, load and measure one index."""
    rng = np.random.default_rng(7)
    vectors = perturbed(seeds, count, noise, rng)
    queries = perturbed(seeds, queries_wanted, noise, rng)
    languages = ["zh" if index % 10 == 0 else "en" for index in range(count)]
    start = time.perf_counter()
    _, best = faiss.knn(queries, vectors, _K, metric=faiss.METRIC_INNER_PRODUCT)
    exact_ms = (time.perf_counter() - start) * 1000 / queries_wanted
    tenth = np.arange(0, count, 10)
    _, best_filtered = faiss.knn(queries, vectors[tenth], _K, metric=faiss.METRIC_INNER_PRODUCT)
    with tempfile.TemporaryDirectory() as folder:
        store = FaissStore(seeds.shape[1])
        entries = [Entry(id="zh", question="?", language="zh"), Entry(id="en", question="?", language="en")]
        passages = [
            Passage(id=index, entry_id=language, kind=PassageKind.QUESTION, text="")
            for index, language in enumerate(languages)
        ]
        start = time.perf_counter()
        store.fill(vectors, passages, entries)
        build_s = time.perf_counter() - start
        choice = store.choice
        store.save(Path(folder))
        index_bytes = (Path(folder) / "index.faiss").stat().st_size
        del store, vectors, passages
        before = anonymous_bytes()
        start = time.perf_counter()
        store = FaissStore.load(Path(folder))
        load_s = time.perf_counter() - start
        time_queries(store, queries, ANY)  # brings the mapped file into the page cache
        free = time_queries(store, queries, ANY)
        held = anonymous_bytes() - before
        filtered = time_queries(store, queries, Filter(languages=frozenset({"zh"})))
    return {
        "vectors": count,
        "dim": seeds.shape[1],
        "distinct_seeds": len(seeds),
        "noise": noise,
        "queries": queries_wanted,
        "index": f"{choice.kind} lists={choice.lists} probes={choice.probes} breadth={choice.breadth}",
        "recall_at_10": round(recall(free.found, best), 4),
        "p50_ms": round(free.p50_ms, 3),
        "p99_ms": round(free.p99_ms, 3),
        "cpu_p50_ms": round(free.cpu_p50_ms, 3),
        "exact_batched_ms": round(exact_ms, 3),
        "index_bytes_per_vector": round(index_bytes / count, 1),
        "memory_bytes_per_vector": round(held / count, 1),
        "filtered_tenth_recall_at_10": round(recall(filtered.found, tenth[best_filtered]), 4),
        "filtered_tenth_p50_ms": round(filtered.p50_ms, 3),
        "build_s": round(build_s, 1),
        "load_s": round(load_s, 2),
    }


def main() -> None:
    """Parse the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=384, help="of the stand-ins, when there are no seeds")
    parser.add_argument("--seeds", type=Path, help="real vectors, not centred, as a float32 matrix")
    parser.add_argument("--noise", type=float, default=0.5, help="length of what is added to a vector of norm 1")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.seeds:
        seeds = np.load(given.seeds, allow_pickle=False).astype(np.float32)
    else:
        seeds = np.random.default_rng(1).standard_normal((5_000, given.dim), dtype=np.float32)
    result = run(centred(seeds), given.count, given.noise, given.queries)
    text = json.dumps(result, indent=2)
    sys.stdout.write(text + "\n")
    if given.json:
        given.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
