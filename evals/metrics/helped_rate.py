"""Helped rate: the share of answerable queries that got the right answer or were offered it as a choice.

    helped rate = |{i answerable : answered from a relevant entry, or a choice of `clarify` is relevant}| / |answerable|

What a visitor can reach with at most one more click.
"""

from evals.metrics.metric import Row, share

HELPED_RATE = share("helped_rate")


def row(*, expect: str, answered_rightly: bool, offered: bool) -> Row | None:
    """One query's part; None where no answer is expected."""
    return (float(answered_rightly or offered),) if expect == "answer" else None
