"""Macro-averaged F1: every class weighs the same, however rare.

    F1_c = 2 TP_c / (2 TP_c + FP_c + FN_c),  macro F1 = mean of F1_c over the classes expected or guessed

The mean of the classes' F1 (not the F1 of mean precision and recall): Opitz and Burst (2019), arXiv:1911.03347.
"""

import numpy as np

from evals.metrics.metric import Metric, Row, Table


def macro(table: Table) -> float | None:
    """Macro F1 of rows (expected class, guessed class)."""
    if not len(table):
        return None
    expected, got = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    classes = int(max(expected.max(), got.max())) + 1
    hits = np.bincount(expected[expected == got], minlength=classes)
    seen = np.bincount(expected, minlength=classes) + np.bincount(got, minlength=classes)
    present = seen > 0
    return float((2 * hits[present] / seen[present]).mean())


MACRO_F1 = Metric(name="macro_f1", statistic=macro)


def row(*, expected: str, got: str) -> Row:
    """One case's part."""
    return (expected, got)
