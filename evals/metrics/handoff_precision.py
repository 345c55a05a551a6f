"""Hand-off precision: of the queries handed to a person, the share that should be.

    precision = |{i : expected_i = handoff, decision_i = handoff}| / |{i : decision_i = handoff}|

Low precision is a queue full of visitors whom the bot could have served.
"""

from evals.metrics.metric import Row, share

HANDOFF_PRECISION = share("handoff_precision")


def row(*, expected: bool, got: bool) -> Row | None:
    """One query's part; None for a query that was not handed over."""
    return (float(expected),) if got else None
