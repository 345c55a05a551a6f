"""Suite `sentiment`: negative, neutral or positive.

The scorer learns from the rows that `evals.datasets.split` chooses; where these have two of the three classes only,
it learns those two.
"""

from collections.abc import Sequence

from evals.datasets.split import Split
from evals.measures import Measure, measure, with_groups
from evals.metrics import accuracy, macro_f1
from evals.progress import Progress
from evals.tasks.classification import Judged, classify, learned_case
from evals.tasks.protocols import Trainer
from evals.types import Case, TaskRun


def run(parts: Split, trainer: Trainer, progress: Progress) -> TaskRun:
    """Train, guess and judge."""
    return classify(parts, trainer, progress, _case)


def measures(cases: Sequence[Case]) -> list[Measure]:
    """Accuracy and macro F1, over all texts and for each set."""
    whole = [
        measure(accuracy.ACCURACY, lambda c: accuracy.row(expected=str(c.expected), got=str(c.got))),
        measure(macro_f1.MACRO_F1, lambda c: macro_f1.row(expected=str(c.expected), got=str(c.got))),
    ]
    return with_groups(whole, cases)


def _case(judged: Judged) -> Case:
    guess = judged.guess
    correct = guess.best == judged.example.label
    return learned_case(judged, correct=correct, got=guess.best, confidence=guess.confidence)
