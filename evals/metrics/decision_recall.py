"""Decision recall: of the queries that should get a decision, the share that got it.

    recall(d) = |{i : expected_i = d, decision_i meets d}| / |{i : expected_i = d}|

`clarify_or_unknown`, expected where nothing answers a query, is met by `clarify` and by `unknown`; every other
expectation by the decision of that name.
"""

from evals.metrics.metric import Row, share

MET_BY = {
    "answer": frozenset({"answer"}),
    "clarify_or_unknown": frozenset({"clarify", "unknown"}),
    "handoff": frozenset({"handoff"}),
    "smalltalk": frozenset({"smalltalk"}),
    "refuse": frozenset({"refuse"}),
}

HANDOFF_RECALL = share("handoff_recall")
UNKNOWN_RECALL = share("unknown_recall")
SMALLTALK_RECALL = share("smalltalk_recall")
REFUSE_RECALL = share("refuse_recall")


def row(*, wanted: str, expect: str, decision: str) -> Row | None:
    """One query's part in the recall of `wanted`; None where something else is expected."""
    return (float(decision in MET_BY[wanted]),) if expect == wanted else None
