"""Wrong answer rate: wrong answers over all queries.

    wrong answer rate = |{i : decision_i = answer, entry_i not relevant}| / n

A query that nothing answers has no relevant entry, so any answer to it is wrong. This is the rate that thresholds
are calibrated to at publish; `answer_precision` is the share among the answers given.
"""

from evals.metrics.metric import Better, Row, share

WRONG_ANSWER_RATE = share("wrong_answer_rate", better=Better.LOWER)


def row(*, decision: str, first_is_relevant: bool) -> Row:
    """One query's part. For an answer, the first entry is the one answered from."""
    return (float(decision == "answer" and not first_is_relevant),)
