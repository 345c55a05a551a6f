"""Search by meaning and by words at once: which entries of one published version fit a query, and how well.

The vector store and the lexical index each name candidates; every passage of a candidate is then scored both ways, so
that no score is missing. An entry's score is that of its best question plus that of its best piece of answer (which
is encoded behind the question it answers), each by meaning and by words, weighted and divided by the sum of the
weights. An entry without an answer is scored by its questions alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from knowledge.centring import Centring
from knowledge.lexical import LexicalIndex
from knowledge.store import KnowledgeStore
from knowledge.types import ANY, Entry, Filter, Hit, Passage, PassageKind

FloatMatrix = NDArray[np.float32]
FloatVector = NDArray[np.float32]
IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

_DENSE_HITS = 48  # passages asked of the store; more until enough entries are among them
_LEXICAL_HITS = 12
_ENOUGH = 6  # distinct entries
_MAX_ENTRIES = 24  # scored in full

# Weights of the fused score; chosen on six of our own FAQs, docs/EVALS.md has the table.
_DENSE_WEIGHT = 1.0
_DENSE_ANSWER_WEIGHT = 1.5
_LEXICAL_WEIGHT = 0.5
_LEXICAL_ANSWER_WEIGHT = 0.25

_SAME_QUESTION = 0.97  # cosine of two entries' questions from which on they ask the same


class Searchable(Protocol):
    """What ranking needs of one published version."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        """By id, in the order that `entry_of` counts in."""

    @property
    def passages(self) -> Sequence[Passage]:
        """In the order of their ids."""

    @property
    def entry_of(self) -> NDArray[np.int32]:
        """(passages,) position in `entries` of the entry that each passage belongs to."""

    @property
    def store(self) -> KnowledgeStore:
        """Filled with centred vectors."""

    @property
    def centring(self) -> Centring:
        """The one that the store's vectors went through."""

    @property
    def vectors(self) -> FloatMatrix | None:
        """(passages, dim) centred, as in the store. Without them scores are filled in from the store's hits."""

    @property
    def lexical(self) -> LexicalIndex | None:
        """Over the texts of the passages, in their order; None searches by meaning alone."""

    def admitted(self, where: Filter) -> BoolArray | None:
        """Tell which passages a filter admits, None for all."""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Entries found for one query, best first; all arrays run in parallel, all scores are >= 0."""

    entries: IntArray  # positions among the version's entries
    scores: FloatVector  # fused
    passages: IntArray  # the passage of each entry that matched best
    dense: FloatVector  # of the best question, 0 where there were no vectors
    dense_answer: FloatVector  # of the best piece of answer; of the best question where there is no answer
    lexical: FloatVector  # of the best question
    lexical_answer: FloatVector
    answered: BoolArray  # which entries have an answer
    rivals: BoolArray  # which entries ask something else than the first one
    with_vectors: bool  # False: by words alone

    def __len__(self) -> int:
        """Entries found."""
        return len(self.entries)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Scores of passages, grouped by entry: entry i's are rows firsts[i] up to firsts[i + 1]."""

    firsts: IntArray
    answers: BoolArray  # which rows are of answers
    counted: BoolArray  # which rows may be counted

    def best(self, scores: FloatVector) -> tuple[FloatVector, FloatVector]:
        """Give each entry's best question and best answer; for want of an answer, the best question again."""
        questions = np.maximum.reduceat(np.where(self.counted & ~self.answers, scores, -1), self.firsts)
        answers = np.maximum.reduceat(np.where(self.counted & self.answers, scores, -2), self.firsts)
        answers = np.where(answers == -2, questions, answers)
        questions = np.maximum(questions, 0, dtype=np.float32)
        return questions, np.maximum(answers, 0, dtype=np.float32)

    @property
    def answered(self) -> BoolArray:
        """Which entries have an answer."""
        return np.logical_or.reduceat(self.counted & self.answers, self.firsts)

    def best_rows(self, scores: FloatVector) -> IntArray:
        """Give the row of each entry's best passage, the first of equals."""
        shown = np.where(self.counted, scores, -1)
        tops = np.maximum.reduceat(shown, self.firsts)
        lengths = np.diff(np.append(self.firsts, len(shown)))
        rows = np.flatnonzero(shown == np.repeat(tops, lengths))
        places = np.searchsorted(rows, self.firsts)
        found: IntArray = rows[places]
        return found


class Ranker:
    """Ranks the entries of one version; holds nothing that changes, so any number of threads may share it."""

    def __init__(self, version: Searchable) -> None:
        """Take a version that is ready to be searched."""
        self.version = version
        self.entry_ids = tuple(version.entries)
        self.entry_of: IntArray = np.asarray(version.entry_of, dtype=np.intp)
        self._answers: BoolArray = np.fromiter(
            (passage.kind is PassageKind.ANSWER for passage in version.passages), np.bool_, len(self.entry_of)
        )
        self._rows: IntArray = np.argsort(self.entry_of, kind="stable")
        self._start: IntArray = np.zeros(len(self.entry_ids) + 1, dtype=np.intp)
        np.cumsum(np.bincount(self.entry_of, minlength=len(self.entry_ids)), out=self._start[1:])

    def near(self, centred: FloatMatrix, *, enough: int = _ENOUGH, where: Filter = ANY) -> list[list[Hit]]:
        """Ask the store for passages until each query has `enough` distinct entries, or all there are.

        Raises:
            DimensionMismatch: the vectors are of another encoder than the version's.
            StoreUnavailable: no answer within the store's timeout.
        """
        wanted = _DENSE_HITS
        while True:
            hits = self.version.store.search(centred, k=wanted, where=where)
            full = all(
                len(near) < wanted or len({self.entry_of[hit.passage_id] for hit in near}) >= enough for near in hits
            )
            if full or wanted >= len(self.entry_of):
                return hits
            wanted *= 4

    def rank(
        self, text: str, vector: FloatVector | None, near: Sequence[Hit] = (), allowed: BoolArray | None = None
    ) -> Ranking:
        """Score the entries that either search named, and order them; ties by the order of entries.

        Args:
            text: the query.
            vector: (dim,) its centred vector, if there is one.
            near: the store's hits for it.
            allowed: (passages,) those that may be found or counted; all by default.
        """
        lexical = self.version.lexical
        named = [hit.passage_id for hit in near if allowed is None or allowed[hit.passage_id]]
        asked = lexical.ask(text) if lexical is not None else None
        if lexical is not None and asked is not None:
            named = _merge(lexical.best(asked, _LEXICAL_HITS, allowed).tolist(), named)
        if not named:
            return _nothing(with_vectors=vector is not None)
        entries = np.array(list(dict.fromkeys(self.entry_of[named].tolist()))[:_MAX_ENTRIES], dtype=np.intp)
        rows, firsts = self._passages_of(entries)
        columns = _Columns(firsts, self._answers[rows], np.ones(len(rows), bool) if allowed is None else allowed[rows])
        dense = self._dense(vector, rows, near)
        words = lexical.score(asked, rows) if lexical is not None and asked is not None else np.zeros_like(dense)
        ordered = _ordered(entries, rows, columns, dense if vector is not None else None, words)
        return replace(ordered, rivals=self._rivals(ordered.entries))

    def asking_something_else(self, entry: int, near: Sequence[Hit]) -> BoolArray:
        """Tell which passages are not of the entry at this position, nor of one among the hits that asks the same.

        Returns:
            (passages,) what `rank` may find.
        """
        hits = self.entry_of[[hit.passage_id for hit in near]]
        entries = np.concatenate([[entry], np.unique(hits[hits != entry])]).astype(np.intp)
        return ~np.isin(self.entry_of, entries[~self._rivals(entries)])

    def _rivals(self, entries: IntArray) -> BoolArray:
        """Tell which entries ask something else than the first: a question that is there twice is no doubt."""
        if self.version.vectors is None:
            return np.arange(len(entries)) > 0
        firsts = self._rows[self._start[entries]]  # an entry's first passage is its question
        questions = self.version.vectors[firsts].astype(np.float64)
        rivals: BoolArray = questions @ questions[0] < _SAME_QUESTION
        rivals[0] = False  # its vector may be zero
        return rivals

    def _passages_of(self, entries: IntArray) -> tuple[IntArray, IntArray]:
        """Give the passages of some entries, one entry after the other, and where each entry's begin."""
        starts = self._start[entries]
        lengths = self._start[entries + 1] - starts
        firsts = np.cumsum(lengths) - lengths
        return self._rows[np.arange(int(lengths.sum())) + np.repeat(starts - firsts, lengths)], firsts

    def _dense(self, vector: FloatVector | None, rows: IntArray, near: Sequence[Hit]) -> FloatVector:
        if vector is None:
            return np.zeros(len(rows), dtype=np.float32)
        if self.version.vectors is not None:
            # 64 bits: numpy widens float16, which large versions have, to them in half the time that it takes to 32
            products = self.version.vectors[rows].astype(np.float64) @ vector.astype(np.float64)
            exact: FloatVector = products.astype(np.float32)
            return exact
        known = {hit.passage_id: hit.score for hit in near}
        unseen = near[-1].score if near else 0.0  # whatever the store did not name scores no more than its last hit
        return np.array([known.get(row, unseen) for row in rows.tolist()], dtype=np.float32)


def _merge(lexical: list[int], dense: list[int]) -> list[int]:
    """Take turns: one of the lexical hits after every two of the dense ones, while there are any."""
    merged: list[int] = []
    for place, passage in enumerate(lexical):
        merged += dense[2 * place : 2 * place + 2]
        merged.append(passage)
    return merged + dense[2 * len(lexical) :]


def _ordered(
    entries: IntArray, rows: IntArray, columns: _Columns, dense: FloatVector | None, words: FloatVector
) -> Ranking:
    """Fuse the two scores of each passage (dense ones where there are vectors) and order the entries."""
    lexical, lexical_answer = columns.best(words)
    question = answer = np.zeros_like(lexical)
    shown = words
    if dense is not None:
        question, answer = columns.best(dense)
        shown = dense + np.float32(_LEXICAL_WEIGHT) * words
    meaning = 0.0 if dense is None else 1.0
    alone = _LEXICAL_WEIGHT * lexical + _DENSE_WEIGHT * question
    both = alone + _LEXICAL_ANSWER_WEIGHT * lexical_answer + _DENSE_ANSWER_WEIGHT * answer
    weight = _LEXICAL_WEIGHT + meaning * _DENSE_WEIGHT
    weights = weight + _LEXICAL_ANSWER_WEIGHT + meaning * _DENSE_ANSWER_WEIGHT
    answered = columns.answered
    fused = np.where(answered, both / weights, alone / weight)
    order = np.lexsort((entries, -fused))
    best = columns.best_rows(shown)
    return Ranking(
        entries=entries[order],
        scores=fused[order].astype(np.float32),
        passages=rows[best[order]],
        dense=question[order],
        dense_answer=answer[order],
        lexical=lexical[order],
        lexical_answer=lexical_answer[order],
        answered=answered[order],
        rivals=np.arange(len(entries)) > 0,
        with_vectors=dense is not None,
    )


def _nothing(*, with_vectors: bool) -> Ranking:
    places, none, neither = np.zeros(0, np.intp), np.zeros(0, np.float32), np.zeros(0, np.bool_)
    return Ranking(places, none, places, none, none, none, none, neither, neither, with_vectors)
