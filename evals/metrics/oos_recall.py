"""Out-of-scope recall: the share of out-of-scope queries that were told as such, at the default threshold.

    OOS recall = |{i : expected_i = oos, got_i = oos}| / |{i : expected_i = oos}|

Larson et al. (2019), "An evaluation dataset for intent classification and out-of-scope prediction", EMNLP.
"""

from evals.metrics.metric import Row, share
from models.protocols import OUT_OF_SCOPE

OOS_RECALL = share("oos_recall")


def row(*, expected: str, got: str) -> Row | None:
    """One case's part; None for a case in scope."""
    return (float(got == OUT_OF_SCOPE),) if expected == OUT_OF_SCOPE else None
