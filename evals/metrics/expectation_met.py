"""Expectation met: the share of queries that got what the data expect.

    expectation met = |{i : the decision meets expected_i, and an expected answer came from a relevant entry}| / n

For dialogs, `dialog_met` is the same over dialogs: every turn must be met.
"""

from evals.metrics.metric import Row, share

EXPECTATION_MET = share("expectation_met")
DIALOG_MET = share("dialog_met")


def row(*, met: bool) -> Row:
    """One query's, or one dialog's, part."""
    return (float(met),)
