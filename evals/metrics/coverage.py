"""Coverage: the share of answerable queries that were answered, rightly or not.

    coverage = |{i answerable : decision_i = answer}| / |answerable|

El-Yaniv and Wiener (2010), JMLR 11:1605-1641. Answerable: the data expect an answer.
"""

from evals.metrics.metric import Row, share

COVERAGE = share("coverage")


def row(*, expect: str, decision: str) -> Row | None:
    """One query's part; None where no answer is expected."""
    return (float(decision == "answer"),) if expect == "answer" else None
