"""The metrics of each suite, so that results can be scored again from their cases."""

from collections.abc import Callable, Sequence

from evals.measures import Measure
from evals.tasks import answers, dialogs, handoff, intent, retrieval, sentiment, spelling
from evals.types import Case

_MEASURES: dict[str, Callable[[Sequence[Case]], list[Measure]]] = {
    "retrieval": retrieval.measures,
    "intent": intent.measures,
    "sentiment": sentiment.measures,
    "spelling": spelling.measures,
    "handoff": handoff.measures,
    "answers": answers.measures,
    "dialogs": dialogs.measures,
}


def measures_of(suite: str, cases: Sequence[Case]) -> list[Measure]:
    """The suite's measures, over all cases and for each group among them."""
    return _MEASURES[suite](cases)
