"""Spelling by sentence: a sentence counts as found or mended only as a whole.

    detection:  TP = sentences with errors whose set of changed places is exactly the set of wrong places
    correction: TP = of those, the ones that became exactly the target
    precision = TP / sentences that were changed,  recall = TP / sentences with errors,  F1 as in `precision_recall`

Tseng et al. (2015), "Introduction to SIGHAN 2015 bake-off for Chinese spelling check", with precision over changed
sentences as in Cheng et al. (2020), SpellGCN, ACL.
"""

from evals.metrics.metric import Metric, Row, share
from evals.metrics.precision_recall import f1
from evals.metrics.spelling_edits import SpellingEdit

LEVELS = ("detection", "correction")
SENTENCE_PRECISION = {level: share(f"sentence_{level}_precision") for level in LEVELS}
SENTENCE_RECALL = {level: share(f"sentence_{level}_recall") for level in LEVELS}
SENTENCE_F1 = {level: Metric(name=f"sentence_{level}_f1", statistic=f1) for level in LEVELS}


def precision_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None for a sentence that was left alone."""
    return (float(_hit(gold, made, level)),) if made else None


def recall_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None for a sentence without errors."""
    return (float(_hit(gold, made, level)),) if gold else None


def f1_row(*, gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> Row | None:
    """One sentence's part; None where nothing was wrong and nothing was changed."""
    return (float(_hit(gold, made, level)), float(bool(made)), float(bool(gold))) if gold or made else None


def _hit(gold: frozenset[SpellingEdit], made: frozenset[SpellingEdit], level: str) -> bool:
    same = gold == made if level == "correction" else {e.place for e in gold} == {e.place for e in made}
    return bool(gold) and same
