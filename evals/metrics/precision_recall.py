"""Precision, recall and F1 from counts: the statistics that the spelling metrics share.

    P = TP / predicted,  R = TP / gold,  F1 = 2 TP / (predicted + gold)

Rows are (TP, predicted, gold) of one case and are summed first (micro average). van Rijsbergen (1979), chapter 7.
"""

from evals.metrics.metric import Table


def precision(table: Table) -> float | None:
    """TP / predicted; None when nothing was predicted."""
    hits, predicted, _ = table.sum(axis=0)
    return float(hits / predicted) if predicted else None


def recall(table: Table) -> float | None:
    """TP / gold; None when there was nothing to find."""
    hits, _, gold = table.sum(axis=0)
    return float(hits / gold) if gold else None


def f1(table: Table) -> float | None:
    """The harmonic mean of precision and recall; None when nothing was predicted and nothing was to be found."""
    hits, predicted, gold = table.sum(axis=0)
    return float(2 * hits / (predicted + gold)) if predicted + gold else None
