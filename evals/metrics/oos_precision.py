"""Out-of-scope precision: how many of the queries told to be out of scope are, at the default threshold.

    OOS precision = |{i : expected_i = oos, got_i = oos}| / |{i : got_i = oos}|

Larson et al. (2019), "An evaluation dataset for intent classification and out-of-scope prediction", EMNLP.
It depends on how many of the set's queries are out of scope: compare it on the same data only.
"""

from evals.metrics.metric import Row, share
from models.protocols import OUT_OF_SCOPE

OOS_PRECISION = share("oos_precision")


def row(*, expected: str, got: str) -> Row | None:
    """One case's part; None for a case that was not told to be out of scope."""
    return (float(expected == OUT_OF_SCOPE),) if got == OUT_OF_SCOPE else None
