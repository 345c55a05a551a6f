"""Mean reciprocal rank of the first relevant entry.

    MRR = 1/|Q| sum_q 1/rank_q, and 0 for a query whose relevant entries were not found

Voorhees, E. (1999), "The TREC-8 question answering track report". Ranks are taken over all candidates that the
system gave; what lies deeper counts 0.
"""

from evals.metrics.metric import Metric, Row, mean

MRR = Metric(name="mrr", statistic=mean)


def row(*, rank: int | None) -> Row:
    """One answerable query's part."""
    return (0.0 if rank is None else 1.0 / rank,)
