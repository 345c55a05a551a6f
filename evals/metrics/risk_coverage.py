"""The risk-coverage curve: how many of the answers would be wrong if only the surest queries were answered.

    at threshold t: coverage(t) = |{i : c_i >= t}| / n,  risk(t) = |{i : c_i >= t, wrong_i}| / |{i : c_i >= t}|
    AURC = mean of the risk over the n prefixes of the queries ordered by falling confidence

El-Yaniv and Wiener (2010), JMLR 11:1605-1641; AURC after Geifman, Uziel and El-Yaniv (2019), ICLR. Queries of equal
confidence are answered or left together, so each stands at the risk of its whole group: the order of the rows does
not matter.
"""

from dataclasses import dataclass

import numpy as np

from evals.metrics.metric import Better, Metric, Row, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Points of the curve, from the surest queries to all of them."""

    threshold: tuple[float, ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]


def curve(table: Table) -> Curve:
    """The curve of rows (confidence, 1 if right or 0), one point for each confidence that occurs."""
    if not len(table):
        return Curve(threshold=(), coverage=(), risk=())
    confidence, wrong, last = _ordered(table)
    covered = last + 1
    return Curve(
        threshold=tuple(confidence[last].tolist()),
        coverage=tuple((covered / len(table)).tolist()),
        risk=tuple((np.cumsum(wrong)[last] / covered).tolist()),
    )


def area(table: Table) -> float | None:
    """AURC of rows (confidence, 1 if right or 0)."""
    if not len(table):
        return None
    _, wrong, last = _ordered(table)
    covered = last + 1
    risk = np.cumsum(wrong)[last] / covered
    return float((risk * np.diff(covered, prepend=0)).sum() / len(table))


def _ordered(table: Table) -> tuple[Table, Table, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """Confidence and wrongness by falling confidence, and the last place of each group of equal confidence."""
    order = np.argsort(-table[:, 0], kind="stable")
    confidence, wrong = table[order, 0], 1.0 - table[order, 1]
    last = np.append(np.flatnonzero(np.diff(confidence)), len(confidence) - 1).astype(np.int64)
    return confidence, wrong, last


AURC = Metric(name="aurc", statistic=area, better=Better.LOWER)


def row(*, confidence: float, right: bool) -> Row:
    """One query's part; `right`: the first candidate answers it."""
    return (confidence, float(right))
