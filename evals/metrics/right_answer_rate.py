"""Right answer rate: the share of answerable queries answered from a relevant entry.

    right answer rate = |{i answerable : decision_i = answer, entry_i relevant}| / |answerable|

A question back with the right entry among its choices does not count here; it does in `helped_rate`.
"""

from evals.metrics.metric import Row, share

RIGHT_ANSWER_RATE = share("right_answer_rate")


def row(*, expect: str, decision: str, first_is_relevant: bool) -> Row | None:
    """One query's part; None where no answer is expected. For an answer, the first entry is the one answered from."""
    return (float(decision == "answer" and first_is_relevant),) if expect == "answer" else None
