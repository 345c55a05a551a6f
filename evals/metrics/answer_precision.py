"""Answer precision: how many of the answers given were right.

    answer precision = |{i : decision_i = answer, entry_i relevant}| / |{i : decision_i = answer}|

One minus the selective risk of El-Yaniv and Wiener (2010), JMLR 11:1605-1641, at the threshold in use.
"""

from evals.metrics.metric import Row, share

ANSWER_PRECISION = share("answer_precision")


def row(*, decision: str, first_is_relevant: bool) -> Row | None:
    """One query's part; None for a query that was not answered."""
    return (float(first_is_relevant),) if decision == "answer" else None
