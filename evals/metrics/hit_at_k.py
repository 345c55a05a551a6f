"""Hit at k, and precision at 1: the share of answerable queries with a relevant entry among the first k.

    hit@k = |{q : rank_q <= k}| / |Q|,  rank_q the place (from 1) of the first relevant entry of q
    P@1   = hit@1, as only one entry is looked at

Manning, Raghavan and Schuetze (2008), "Introduction to Information Retrieval", section 8.4. Queries that nothing
answers have no relevant entry and are not scored.
"""

from evals.metrics.metric import Row, share

P_AT_1 = share("p_at_1")
HIT_AT_5 = share("hit_at_5")


def row(*, rank: int | None, k: int) -> Row:
    """One answerable query's part; rank None: no relevant entry was found at all."""
    return (float(rank is not None and rank <= k),)
