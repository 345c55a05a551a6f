"""Suite `retrieval`: does the right entry come first, and is an unanswerable query told apart?

`faq.jsonl` is indexed into a temporary base, every row of `queries.jsonl` is searched for. A query without relevant
ids is one that nothing answers: it counts in `auc_unanswerable` only. Where `pairs.jsonl` is present, `auc_pairs` is
the area under the ROC curve of the similarity of its pairs; pairs are not cases.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from evals.datasets.pairs import Pair
from evals.datasets.queries import Question
from evals.measures import Measure, measure, with_groups
from evals.metrics import auc, hit_at_k, mrr
from evals.metrics.estimate import Estimate
from evals.metrics.metric import Row
from evals.progress import Progress
from evals.tasks.protocols import Ranking, Searcher
from evals.types import Case, TaskRun
from knowledge.types import Entry

BATCH = 64  # queries searched in one call; a case's ms is its share of that call
SHOWN = 10  # entry ids kept in a case


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalTask:
    """Search for every query among the entries; without entries, among those that the system has already."""

    entries: Sequence[Entry]
    questions: Sequence[Question]
    pairs: Sequence[Pair]

    def run(self, system: Searcher, progress: Progress) -> TaskRun:
        """Index, search, compare the pairs."""
        if self.entries:
            progress.stage("index", 1)
            system.index(self.entries)
            progress.advance()
        progress.stage("search", len(self.questions))
        cases: list[Case] = []
        for start in range(0, len(self.questions), BATCH):
            cases += _search(self.questions[start : start + BATCH], system)
            progress.advance(min(BATCH, len(self.questions) - start))
        extra = {"auc_pairs": self._pairs(system, progress)} if self.pairs else {}
        return TaskRun(cases=cases, extra=extra, config={"entries": len(self.entries), "pairs": len(self.pairs)})

    def _pairs(self, system: Searcher, progress: Progress) -> Estimate:
        progress.stage("pairs", 1)
        scores = system.similarity([p.left for p in self.pairs], [p.right for p in self.pairs])
        rows = [auc.row(score=s, positive=p.same) for s, p in zip(scores, self.pairs, strict=True)]
        progress.advance()
        return auc.AUC_PAIRS.estimate(rows)


def measures(cases: Sequence[Case]) -> list[Measure]:
    """The suite's metrics, over all queries and for each kind of them."""
    whole = [
        measure(hit_at_k.P_AT_1, lambda case: _hit(case, 1)),
        measure(hit_at_k.HIT_AT_5, lambda case: _hit(case, 5)),
        measure(mrr.MRR, lambda case: mrr.row(rank=_rank(case)) if case.relevant_ids else None),
        measure(auc.AUC_UNANSWERABLE, _answerable),
    ]
    return with_groups(whole, cases)


def first_relevant(entry_ids: Sequence[str], relevant: Sequence[str]) -> int | None:
    """The place, from 1, of the first relevant entry; None where there is none."""
    return next((place for place, key in enumerate(entry_ids, start=1) if key in relevant), None)


def _search(questions: Sequence[Question], system: Searcher) -> list[Case]:
    began = time.perf_counter()
    rankings = system.search([q.text for q in questions])
    ms = (time.perf_counter() - began) * 1000 / len(questions)
    return [_case(q, r, ms) for q, r in zip(questions, rankings, strict=True)]


def _case(question: Question, ranking: Ranking, ms: float) -> Case:
    rank = first_relevant(ranking.entry_ids, question.relevant_ids)
    return Case(
        id=question.id,
        query=question.text,
        expected=question.relevant_ids,
        got=ranking.entry_ids[:SHOWN],
        correct=rank == 1 if question.relevant_ids else None,
        confidence=ranking.confidence,
        ms=ms,
        group=question.kind,
        relevant_ids=question.relevant_ids,
        top_ids=ranking.entry_ids[:SHOWN],
        facts={"rank": rank},
        receipt=ranking.receipt,
    )


def _rank(case: Case) -> int | None:
    rank = case.facts.get("rank")
    return None if rank is None else int(rank)


def _hit(case: Case, k: int) -> Row | None:
    return hit_at_k.row(rank=_rank(case), k=k) if case.relevant_ids else None


def _answerable(case: Case) -> Row | None:
    return None if case.confidence is None else auc.row(score=case.confidence, positive=bool(case.relevant_ids))
