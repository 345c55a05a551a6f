"""Retrieval: the entries that may answer a query, and the probability that the first one does."""

from collections.abc import Collection, Sequence

import numpy as np

from engine.calibration import Calibration, answerability
from engine.ranking import BoolArray, FloatMatrix, Ranker, Ranking, Searchable
from engine.types import Candidate, Retrieved
from knowledge.types import ANY, Filter, Hit

_NOTHING = Retrieved(candidates=(), confidence=0.0)


class Retriever:
    """Searches one published version; holds nothing that changes, so any number of threads may share it."""

    def __init__(self, version: Searchable, calibration: Calibration) -> None:
        """Take a version that is ready to be searched, and what was learned about it when it was published."""
        self._ranker = Ranker(version)
        self._positions = {entry_id: position for position, entry_id in enumerate(self._ranker.entry_ids)}
        self._calibration = calibration

    def retrieve(
        self,
        texts: Sequence[str],
        vectors: FloatMatrix | None,
        *,
        k: int = 10,
        where: Filter = ANY,
        skip: Sequence[Collection[str]] = (),
    ) -> list[Retrieved]:
        """Find the entries that may answer each text.

        Args:
            texts: the queries.
            vectors: (len(texts), dim) theirs, as the encoder gave them; None searches by words alone.
            k: candidates wanted per text, at most 24; fewer come where the filter admits fewer or few share a word.
            where: entries that may be found.
            skip: for each text the entries that are not wanted; by default none.

        Returns:
            One result a text, in their order; candidates best first, one an entry, ties by the order of entries.

        Raises:
            DimensionMismatch: the vectors are of another encoder than the version's.
            StoreUnavailable: the vector store failed; calling again without vectors works.
        """
        ranker = self._ranker
        if not texts or not ranker.entry_ids:
            return [_NOTHING for _ in texts]
        allowed = ranker.version.admitted(where)
        masks = [self._without(entry_ids, allowed) for entry_ids in skip] or [allowed] * len(texts)
        if vectors is None:
            return [
                self._retrieved(ranker.rank(text, None, (), mask), k) for text, mask in zip(texts, masks, strict=True)
            ]
        centred = ranker.version.centring.apply(vectors)
        near: list[list[Hit]] = ranker.near(centred, where=where)
        return [
            self._retrieved(ranker.rank(text, vector, hits, mask), k)
            for text, vector, hits, mask in zip(texts, centred, near, masks, strict=True)
        ]

    def _without(self, entry_ids: Collection[str], allowed: BoolArray | None) -> BoolArray | None:
        positions = [self._positions[entry_id] for entry_id in entry_ids if entry_id in self._positions]
        if not positions:
            return allowed
        others: BoolArray = np.isin(self._ranker.entry_of, positions, invert=True)
        return others if allowed is None else np.logical_and(others, allowed)

    def _retrieved(self, ranking: Ranking, k: int) -> Retrieved:
        if not len(ranking):
            return _NOTHING
        return Retrieved(
            candidates=tuple(self._candidate(ranking, place) for place in range(min(k, len(ranking)))),
            confidence=self._calibration.confidence(ranking),
            answerable=answerability(ranking),
        )

    def _candidate(self, ranking: Ranking, place: int) -> Candidate:
        return Candidate(
            entry_id=self._ranker.entry_ids[ranking.entries[place]],
            passage_id=int(ranking.passages[place]),
            score=float(ranking.scores[place]),
            stages={
                "dense": float(ranking.dense[place]),
                "dense_answer": float(ranking.dense_answer[place]),
                "lexical": float(ranking.lexical[place]),
                "lexical_answer": float(ranking.lexical_answer[place]),
            },
        )
