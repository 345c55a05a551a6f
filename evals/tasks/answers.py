"""Suite `answers`: what the visitor gets. Every query is the first turn of a conversation of its own.

A query may say its `kind` and what it should get, `expect`: answer, clarify_or_unknown, handoff, smalltalk or refuse;
without it, a query with relevant ids expects an answer and one without `clarify_or_unknown`. Ranking metrics are over
the queries with relevant ids, whatever was decided; the risk-coverage curve and the calibration error over the
questions (expected: an answer, or to be told that there is none), where the first candidate is right if relevant.
"""

from collections.abc import Sequence

from evals.datasets.queries import Question
from evals.measures import Measure, measure, with_groups
from evals.metrics import (
    answer_precision,
    calibration_error,
    coverage,
    decision_recall,
    expectation_met,
    handoff_precision,
    helped_rate,
    hit_at_k,
    right_answer_rate,
    risk_coverage,
    wrong_answer_rate,
)
from evals.metrics.metric import Metric, Row
from evals.progress import Progress
from evals.tasks.protocols import Asker, Reply
from evals.tasks.retrieval import first_relevant
from evals.types import Case, TaskRun

CHUNK = 64  # dialogs handed to the asker at once, which bounds how many run side by side
SHOWN = 10  # entry ids kept in a case


def run(questions: Sequence[Question], asker: Asker, progress: Progress) -> TaskRun:
    """Ask every query and judge."""
    progress.stage("ask", len(questions))
    cases: list[Case] = []
    for start in range(0, len(questions), CHUNK):
        chunk = questions[start : start + CHUNK]
        replies = asker.ask([(q.text,) for q in chunk])
        cases += [judge(q, reply) for q, (reply,) in zip(chunk, replies, strict=True)]
        progress.advance(len(chunk))
    return TaskRun(cases=cases)


def judge(question: Question, reply: Reply) -> Case:
    """Hold a reply against what was expected."""
    rank = first_relevant(reply.top_ids, question.relevant_ids)
    met = reply.decision in decision_recall.MET_BY[question.expect]
    return Case(
        id=question.id,
        query=question.text,
        expected=question.expect,
        got=reply.decision,
        correct=met and (question.expect != "answer" or rank == 1),
        confidence=reply.confidence,
        ms=reply.ms,
        group=question.kind,
        relevant_ids=question.relevant_ids,
        top_ids=reply.top_ids[:SHOWN],
        facts={"rank": rank, "offered": first_relevant(reply.choices, question.relevant_ids) is not None},
        receipt=reply.receipt,
    )


def measures(cases: Sequence[Case]) -> list[Measure]:
    """The suite's metrics, over all queries and for each kind; those of confidence over all alone."""
    return [*with_groups(decision_measures(), cases), *_confidence_measures()]


def decision_measures() -> list[Measure]:
    """Ranking, answers right and wrong, and each kind of decision."""
    return [
        measure(hit_at_k.P_AT_1, lambda c: _hit(c, 1)),
        measure(hit_at_k.HIT_AT_5, lambda c: _hit(c, 5)),
        measure(coverage.COVERAGE, lambda c: coverage.row(expect=_x(c), decision=_got(c))),
        measure(right_answer_rate.RIGHT_ANSWER_RATE, _right),
        measure(helped_rate.HELPED_RATE, _helped),
        measure(wrong_answer_rate.WRONG_ANSWER_RATE, _wrong),
        measure(answer_precision.ANSWER_PRECISION, _precision),
        _recall(decision_recall.HANDOFF_RECALL, "handoff"),
        measure(
            handoff_precision.HANDOFF_PRECISION,
            lambda c: handoff_precision.row(expected=c.expected == "handoff", got=c.got == "handoff"),
        ),
        _recall(decision_recall.UNKNOWN_RECALL, "clarify_or_unknown"),
        _recall(decision_recall.SMALLTALK_RECALL, "smalltalk"),
        _recall(decision_recall.REFUSE_RECALL, "refuse"),
        measure(expectation_met.EXPECTATION_MET, lambda c: expectation_met.row(met=bool(c.correct))),
    ]


def first_right(case: Case) -> bool:
    """Whether the first candidate is relevant."""
    return case.facts.get("rank") == 1


def certainty(case: Case) -> tuple[float, bool] | None:
    """Confidence and whether the first candidate is right; None for what is no question to the knowledge base."""
    if case.confidence is None or case.expected not in ("answer", "clarify_or_unknown"):
        return None
    return case.confidence, first_right(case)


def _confidence_measures() -> list[Measure]:
    return [
        measure(risk_coverage.AURC, lambda c: None if (x := certainty(c)) is None else (x[0], float(x[1]))),
        measure(calibration_error.ECE, lambda c: None if (x := certainty(c)) is None else (x[0], float(x[1]))),
    ]


def _recall(metric: Metric, wanted: str) -> Measure:
    return measure(metric, lambda c: decision_recall.row(wanted=wanted, expect=_x(c), decision=_got(c)))


def _hit(case: Case, k: int) -> Row | None:
    rank = case.facts.get("rank")
    return hit_at_k.row(rank=None if rank is None else int(rank), k=k) if case.relevant_ids else None


def _right(case: Case) -> Row | None:
    return right_answer_rate.row(expect=_x(case), decision=_got(case), first_is_relevant=first_right(case))


def _helped(case: Case) -> Row | None:
    rightly = case.got == "answer" and first_right(case)
    offered = case.got == "clarify" and bool(case.facts.get("offered"))
    return helped_rate.row(expect=_x(case), answered_rightly=rightly, offered=offered)


def _wrong(case: Case) -> Row:
    return wrong_answer_rate.row(decision=_got(case), first_is_relevant=first_right(case))


def _precision(case: Case) -> Row | None:
    return answer_precision.row(decision=_got(case), first_is_relevant=first_right(case))


def _x(case: Case) -> str:
    return str(case.expected)


def _got(case: Case) -> str:
    return str(case.got)
