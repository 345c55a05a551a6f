"""Area under the ROC curve: how often a positive scores above a negative.

    AUC = P(score+ > score-) + P(score+ = score-)/2  =  (R+ - m(m+1)/2) / (m n)

with R+ the sum of the positives' ranks (ties share their mean rank), m positives, n negatives: the Mann-Whitney
statistic. Hanley and McNeil (1982), Radiology 143:29-36. Only the order of the scores matters.
"""

import numpy as np

from evals.metrics.metric import Metric, Row, Table


def area(table: Table) -> float | None:
    """AUC of rows (score, 1 for a positive or 0); None with one class only."""
    score, positive = table[:, 0], table[:, 1] == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if not m or not n:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - (count - 1) / 2)[place]
    return float((ranks[positive].sum() - m * (m + 1) / 2) / (m * n))


AUC = Metric(name="auc", statistic=area)
AUC_UNANSWERABLE = Metric(name="auc_unanswerable", statistic=area)  # positive: something answers the query
AUC_PAIRS = Metric(name="auc_pairs", statistic=area)  # positive: both texts ask the same


def row(*, score: float, positive: bool) -> Row:
    """One case's part."""
    return (score, float(positive))
