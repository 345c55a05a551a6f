"""Suite `intent`: is the class found, and is a query of no class told apart?

Classes are those of the rows learned from; `oos` is out of scope, learned where training has rows of it. With a field
`bot` each bot is trained and scored apart, and every metric is given for each, as `in_scope_accuracy/curekart`.
Which rows are learned from and which are scored: `evals.datasets.split`.
"""

from collections.abc import Sequence

from evals.datasets.split import Split
from evals.measures import Measure, measure, with_groups
from evals.metrics import accuracy, in_scope_accuracy, macro_f1, oos_precision, oos_recall
from evals.metrics.metric import Row
from evals.progress import Progress
from evals.tasks.classification import Judged, classify, learned_case
from evals.tasks.protocols import Trainer
from evals.types import Case, TaskRun
from models.protocols import OUT_OF_SCOPE


def run(parts: Split, trainer: Trainer, progress: Progress) -> TaskRun:
    """Train, guess and judge."""
    return classify(parts, trainer, progress, _case)


def measures(cases: Sequence[Case]) -> list[Measure]:
    """The suite's metrics: with no rejection (accuracy, macro F1), then at the default threshold."""
    whole = [
        measure(accuracy.ACCURACY, _accuracy),
        measure(macro_f1.MACRO_F1, _macro_f1),
        measure(in_scope_accuracy.IN_SCOPE_ACCURACY, lambda c: in_scope_accuracy.row(expected=_x(c), got=_got(c))),
        measure(oos_recall.OOS_RECALL, lambda c: oos_recall.row(expected=_x(c), got=_got(c))),
        measure(oos_precision.OOS_PRECISION, lambda c: oos_precision.row(expected=_x(c), got=_got(c))),
    ]
    return with_groups(whole, cases)


def _case(judged: Judged) -> Case:
    guess = judged.guess
    correct = guess.label == judged.example.label
    return learned_case(judged, correct=correct, got=guess.label, confidence=guess.confidence)


def _scored_without_rejection(case: Case) -> bool:
    """A class that was not learned cannot be the best one; out of scope is then left to `oos_recall`."""
    return case.expected != OUT_OF_SCOPE or bool(case.facts.get("oos_trained"))


def _accuracy(case: Case) -> Row | None:
    return accuracy.row(expected=_x(case), got=str(case.facts["best"])) if _scored_without_rejection(case) else None


def _macro_f1(case: Case) -> Row | None:
    return macro_f1.row(expected=_x(case), got=str(case.facts["best"])) if _scored_without_rejection(case) else None


def _x(case: Case) -> str:
    return str(case.expected)


def _got(case: Case) -> str:
    return str(case.got)
