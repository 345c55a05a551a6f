"""In-scope accuracy: the share of in-scope queries whose class was guessed and not rejected.

    in-scope accuracy = |{i in scope : got_i = expected_i}| / |in scope|

`got` is the guess at the default threshold, so an in-scope query that was rejected as out of scope is wrong.
Larson et al. (2019), "An evaluation dataset for intent classification and out-of-scope prediction", EMNLP.
"""

from evals.metrics.metric import Row, share
from models.protocols import OUT_OF_SCOPE

IN_SCOPE_ACCURACY = share("in_scope_accuracy")


def row(*, expected: str, got: str) -> Row | None:
    """One case's part; None for a case out of scope."""
    return None if expected == OUT_OF_SCOPE else (float(expected == got),)
