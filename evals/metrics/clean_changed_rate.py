"""Clean changed rate: the share of texts without errors that a corrector changed all the same.

    clean changed rate = |{i : target_i = query_i, made_i != query_i}| / |{i : target_i = query_i}|

The false positive rate of the SIGHAN bake-offs (Wu, Liu and Lee, 2013). A corrector that harms good queries is worse
than none.
"""

from evals.metrics.metric import Better, Row, share

CLEAN_CHANGED_RATE = share("clean_changed_rate", better=Better.LOWER)


def row(*, query: str, target: str, made: str) -> Row | None:
    """One text's part; None for a text with errors."""
    return (float(made != query),) if target == query else None
