"""Suite `handoff`: should a person take over? The boolean field `handoff`, learned as two classes.

Nothing is rejected here: the better of the two classes counts. `macro_f1` is over both; recall and precision are
those of the hand-offs.
"""

from collections.abc import Sequence

from evals.datasets.split import Split
from evals.measures import Measure, measure, with_groups
from evals.metrics import accuracy, auc, decision_recall, handoff_precision, macro_f1
from evals.metrics.metric import Row
from evals.progress import Progress
from evals.tasks.classification import Judged, classify, learned_case
from evals.tasks.protocols import Trainer
from evals.types import Case, TaskRun

YES, NO = "true", "false"


def run(parts: Split, trainer: Trainer, progress: Progress) -> TaskRun:
    """Train, guess and judge."""
    return classify(parts, trainer, progress, _case)


def measures(cases: Sequence[Case]) -> list[Measure]:
    """The suite's metrics, over all texts and for each domain."""
    whole = [
        measure(macro_f1.MACRO_F1, lambda c: macro_f1.row(expected=str(c.expected), got=str(c.got))),
        measure(accuracy.ACCURACY, lambda c: accuracy.row(expected=str(c.expected), got=str(c.got))),
        measure(decision_recall.HANDOFF_RECALL, _recall),
        measure(
            handoff_precision.HANDOFF_PRECISION,
            lambda c: handoff_precision.row(expected=c.expected == YES, got=c.got == YES),
        ),
        measure(auc.AUC, _auc),
    ]
    return with_groups(whole, cases)


def _case(judged: Judged) -> Case:
    guess = judged.guess
    return learned_case(
        judged, correct=guess.best == judged.example.label, got=guess.best, confidence=guess.probabilities[guess.best]
    )


def _recall(case: Case) -> Row | None:
    names = {YES: "handoff", NO: "other"}
    return decision_recall.row(
        wanted="handoff", expect=names[str(case.expected)], decision=names.get(str(case.got), "other")
    )


def _auc(case: Case) -> Row | None:
    if case.confidence is None:
        return None
    score = case.confidence if case.got == YES else 1.0 - case.confidence
    return auc.row(score=score, positive=case.expected == YES)
