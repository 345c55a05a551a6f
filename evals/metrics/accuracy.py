"""Accuracy: the share of cases whose label was guessed.

    accuracy = |{i : got_i = expected_i}| / n

For intents, `got` is the best class with no rejection, among the in-scope classes and, where training had examples
of it, `oos`. An out-of-scope case cannot be guessed by a classifier that never learned that class: it is then not
scored here (see `in_scope_accuracy` and `oos_recall` for what rejection does).
"""

from evals.metrics.metric import Row, share

ACCURACY = share("accuracy")


def row(*, expected: str, got: str) -> Row:
    """One case's part."""
    return (float(expected == got),)
