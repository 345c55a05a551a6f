"""Search by words: an inverted index with BM25 weights, plain arrays, no server and no sparse-matrix library.

The weighting is BM25 (S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
section 3.2). A score is divided by what the query would score on a passage of average length that has every one of
its terms once: it tells which share of the query's information was found, so that 1 means "all of it" in any
knowledge base.
"""

import json
import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge.errors import VersionCorrupt
from knowledge.types import Hit

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int32]
BoolArray = NDArray[np.bool_]
Analyzer = Callable[[str], dict[str, float]]

_K1 = 1.2  # saturation of repeated terms; the usual value, flat optimum on the sets of docs/EVALS.md
_B = 0.4  # length normalisation; low because questions are short and answers are told apart by kind anyway
_CHAMPIONS = 2048  # postings of one term that the search for candidates looks at, the heaviest ones
_BUDGET = 8_000  # postings that one search looks at in all, rarest terms first: bounds its time at any size
_SOUGHT = 16  # rarest terms of the query that name candidates; all of its terms score them
_FILES = ("lexical.npz", "lexical.json")


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """A query in the index's terms."""

    terms: NDArray[np.intp]  # known ones, rarest first
    weights: FloatArray  # of the same
    mass: float  # what a passage of average length with all terms once would score, unknown terms included


class LexicalIndex:
    """Words of all passages of one version: built once, then only searched; safe for many threads."""

    def __init__(self, analyse: Analyzer, vocabulary: dict[str, int], arrays: dict[str, NDArray[np.generic]]) -> None:
        """Take finished arrays; prefer `build` and `load`."""
        self._analyse = analyse
        self._vocabulary = vocabulary
        self._arrays = arrays
        self._idf: FloatArray = arrays["idf"].astype(np.float32, copy=False)
        self._row_start = arrays["row_start"].astype(np.int64, copy=False)  # forward: the terms of each passage
        self._row_terms: IntArray = arrays["row_terms"].astype(np.int32, copy=False)
        self._row_impacts: FloatArray = arrays["row_impacts"].astype(np.float32, copy=False)
        self._list_start = arrays["list_start"].astype(np.int64, copy=False)  # inverted: the champions of each term
        self._list_passages: IntArray = arrays["list_passages"].astype(np.int32, copy=False)
        self._list_impacts: FloatArray = arrays["list_impacts"].astype(np.float32, copy=False)
        self._unknown_idf = math.log(1 + (int(arrays["groups"][0]) + 0.5) / 0.5)

    def __len__(self) -> int:
        """Passages indexed."""
        return len(self._row_start) - 1

    @classmethod
    def build(cls, texts: Sequence[str], analyse: Analyzer, groups: Sequence[int] | None = None) -> "LexicalIndex":
        """Index texts; the position of a text is its passage's id.

        Args:
            texts: any number, empty ones allowed.
            analyse: gives a text's terms with weight times count; the same one must be given to `load`.
            groups: the entry, by number, that each text is of; how rare a term is then is the share of entries that
                have it anywhere, so that what every answer mentions does not tell questions apart.
        """
        vocabulary: dict[str, int] = {}
        terms, counts, row_start = array("i"), array("f"), np.zeros(len(texts) + 1, dtype=np.int64)
        for row, text in enumerate(texts):
            for term, count in analyse(text).items():
                terms.append(vocabulary.setdefault(term, len(vocabulary)))
                counts.append(count)
            row_start[row + 1] = len(terms)
        row_terms = np.frombuffer(terms, dtype=np.int32) if len(terms) else np.zeros(0, dtype=np.int32)
        row_counts = np.frombuffer(counts, dtype=np.float32) if len(terms) else np.zeros(0, dtype=np.float32)
        owners = np.arange(len(texts)) if groups is None else np.asarray(groups, dtype=np.int64)
        idf = _rarity(np.repeat(owners, np.diff(row_start)), row_terms, len(vocabulary), len(np.unique(owners)))
        impacts = _impacts(row_start, row_terms, row_counts, idf)
        arrays: dict[str, NDArray[np.generic]] = {
            "idf": idf,
            "groups": np.array([len(np.unique(owners))], dtype=np.int64),
            "row_start": row_start,
            "row_terms": row_terms,
            "row_impacts": impacts,
            **_champions(row_start, row_terms, impacts, len(vocabulary)),
        }
        return cls(analyse, vocabulary, arrays)

    @property
    def version(self) -> str:
        """Changes whenever the same query might get another score."""
        digest = sha256(f"bm25 {_K1} {_B} {_CHAMPIONS} {_BUDGET} {_SOUGHT}".encode())
        digest.update("\n".join(self._vocabulary).encode())
        digest.update(self._row_terms.tobytes() + self._row_impacts.tobytes())
        return digest.hexdigest()[:16]

    def search(self, query: str, k: int, allowed: BoolArray | None = None) -> list[Hit]:
        """Find the passages that share the most of the query's words.

        Args:
            query: any text.
            k: hits wanted; fewer come when fewer passages share a term.
            allowed: (len(self),) passages that may be found; all by default.

        Returns:
            Best first, ties by passage_id; scores as `scores` gives them.
        """
        asked = self.ask(query)
        best = self.best(asked, k, allowed)
        scores = self.score(asked, best)
        return [Hit(passage_id=p, score=s) for p, s in zip(best.tolist(), scores.tolist(), strict=True)]

    def best(self, asked: LexicalQuery, k: int, allowed: BoolArray | None = None) -> NDArray[np.intp]:
        """Find as `search` does, for a query that was looked up already; give the ids of the passages."""
        candidates = self._candidates(asked, k, allowed)
        scores = self.score(asked, candidates)
        order = np.lexsort((candidates, -scores))[:k]
        return candidates[order[scores[order] > 0]]

    def scores(self, query: str, passage_ids: NDArray[np.intp]) -> FloatArray:
        """Score given passages: the share of the query's information that each holds, >= 0, about 1 for all of it."""
        return self.score(self.ask(query), passage_ids)

    def ask(self, query: str) -> LexicalQuery:
        """Look a query's terms up once, for `best` and `score`."""
        known: list[int] = []
        weights: list[float] = []
        unknown = 0.0
        for term, count in self._analyse(query).items():
            index = self._vocabulary.get(term)
            if index is None:
                unknown += count
            else:
                known.append(index)
                weights.append(count)
        terms = np.array(known, dtype=np.intp)
        factors = np.array(weights, dtype=np.float32)
        mass = unknown * self._unknown_idf + float(factors @ self._idf[terms])
        rarest = np.argsort(-self._idf[terms], kind="stable")
        return LexicalQuery(terms[rarest], factors[rarest], mass)

    def _candidates(self, asked: LexicalQuery, k: int, allowed: BoolArray | None) -> NDArray[np.intp]:
        """Give the most promising passages by their heaviest postings, at most 4 k of them, in no order."""
        sums = np.zeros(len(self), dtype=np.float32)
        seen: list[IntArray] = []
        left = _BUDGET
        sought = zip(asked.terms[:_SOUGHT].tolist(), asked.weights[:_SOUGHT].tolist(), strict=True)
        for term, weight in sought:
            start, end = int(self._list_start[term]), int(self._list_start[term + 1])
            end = min(end, start + left)
            passages = self._list_passages[start:end]
            sums[passages] += self._list_impacts[start:end] * np.float32(weight)
            seen.append(passages)
            left -= end - start
            if left <= 0:
                break
        if not seen:
            return np.zeros(0, dtype=np.intp)
        touched = np.concatenate(seen)
        places = np.arange(len(touched), dtype=np.int32)
        last = np.empty(len(self), dtype=np.int32)
        last[touched] = places  # of a passage seen several times the last place stays: cheaper than sorting
        found: NDArray[np.intp] = touched[last[touched] == places].astype(np.intp)
        if allowed is not None:
            found = found[allowed[found]]
        if len(found) > 4 * k:
            found = found[np.argpartition(-sums[found], 4 * k - 1)[: 4 * k]]
        return found

    def score(self, asked: LexicalQuery, passage_ids: NDArray[np.intp]) -> FloatArray:
        """Score given passages: the share of the query's information in each, >= 0, about 1 for all of it."""
        if not len(passage_ids) or asked.mass <= 0:
            return np.zeros(len(passage_ids), dtype=np.float32)
        factors = np.zeros(len(self._idf), dtype=np.float32)
        factors[asked.terms] = asked.weights
        starts = self._row_start[passage_ids]
        lengths = self._row_start[passage_ids + 1] - starts
        firsts = np.cumsum(lengths) - lengths
        cells = np.arange(int(lengths.sum())) + np.repeat(starts - firsts, lengths)
        products = self._row_impacts[cells] * factors[self._row_terms[cells]]
        owners = np.repeat(np.arange(len(passage_ids)), lengths)
        sums = np.bincount(owners, weights=products, minlength=len(passage_ids))
        return (sums / asked.mass).astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the index into a folder that exists."""
        np.savez(folder / _FILES[0], allow_pickle=False, **self._arrays)
        (folder / _FILES[1]).write_text(json.dumps(list(self._vocabulary), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, analyse: Analyzer) -> "LexicalIndex":
        """Read an index that `save` wrote.

        Raises:
            VersionCorrupt: a file is missing or is not what `save` writes.
        """
        try:
            with np.load(folder / _FILES[0], allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            words = json.loads((folder / _FILES[1]).read_text(encoding="utf-8"))
            return cls(analyse, {word: index for index, word in enumerate(words)}, arrays)
        except (OSError, ValueError, KeyError) as error:
            raise VersionCorrupt(
                f"{folder / _FILES[0]} cannot be read ({error}); publish again or roll back."
            ) from error


def _rarity(owners: NDArray[np.int64], terms: IntArray, size: int, count: int) -> FloatArray:
    """Give each term's inverse document frequency over `count` documents (Robertson and Zaragoza, equation 3.4)."""
    pairs = np.unique(owners * max(size, 1) + terms)
    frequency = np.bincount(pairs % max(size, 1), minlength=size)
    idf: FloatArray = np.log(1 + (count - frequency + 0.5) / (frequency + 0.5)).astype(np.float32)
    return idf


def _impacts(row_start: NDArray[np.int64], row_terms: IntArray, counts: FloatArray, idf: FloatArray) -> FloatArray:
    """Weigh each term of each passage (BM25, equation 3.15, k1 saturation with length normalisation)."""
    rows = np.repeat(np.arange(len(row_start) - 1), np.diff(row_start))
    lengths = np.bincount(rows, weights=counts, minlength=len(row_start) - 1)
    average = max(float(lengths.mean()), 1e-9) if len(lengths) else 1.0
    norm = _K1 * (1 - _B + _B * lengths[rows] / average)
    return (idf[row_terms] * counts * (_K1 + 1) / (counts + norm)).astype(np.float32)


def _champions(
    row_start: NDArray[np.int64], row_terms: IntArray, impacts: FloatArray, terms: int
) -> dict[str, NDArray[np.generic]]:
    """Turn the matrix round: for each term its heaviest passages, at most `_CHAMPIONS`, heaviest first."""
    rows = np.repeat(np.arange(len(row_start) - 1, dtype=np.int32), np.diff(row_start))
    order = np.lexsort((rows, -impacts, row_terms))
    sorted_terms = row_terms[order]
    first = np.searchsorted(sorted_terms, np.arange(terms))
    rank = np.arange(len(order)) - first[sorted_terms]
    kept = order[rank < _CHAMPIONS]
    start = np.zeros(terms + 1, dtype=np.int64)
    np.cumsum(np.bincount(row_terms[kept], minlength=terms), out=start[1:])
    return {"list_start": start, "list_passages": rows[kept], "list_impacts": impacts[kept]}
