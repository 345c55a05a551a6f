"""Spelling by edit: each wrong character or word counts on its own.

    detection:  TP = changes made at a place that is wrong
    correction: TP = changes made at a wrong place to what the target has there
    precision = TP / changes made,  recall = TP / changes needed,  summed over sentences; F1 as in `precision_recall`

The character level of the SIGHAN bake-offs (Wu, Liu and Lee, 2013), with words for alphabetic text as in Dahlmeier
and Ng (2012), "Better evaluation for grammatical error correction", NAACL.
"""

from evals.metrics.metric import Metric, Row
from evals.metrics.precision_recall import f1, precision, recall
from evals.metrics.spelling_edits import SpellingEdit

LEVELS = ("detection", "correction")
EDIT_PRECISION = {level: Metric(name=f"edit_{level}_precision", statistic=precision) for level in LEVELS}
EDIT_RECALL = {level: Metric(name=f"edit_{level}_recall", statistic=recall) for level in LEVELS}
EDIT_F1 = {level: Metric(name=f"edit_{level}_f1", statistic=f1) for level in LEVELS}


def precision_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None for a sentence that was left alone."""
    return _counts(gold, made, level) if made else None


def recall_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None for a sentence without errors."""
    return _counts(gold, made, level) if gold else None


def f1_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None where nothing was wrong and nothing was changed."""
    return _counts(gold, made, level) if gold or made else None


def _counts(gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row:
    hits = len(gold & made) if level == "correction" else len({e.place for e in gold} & {e.place for e in made})
    return (float(hits), float(len(made)), float(len(gold)))
