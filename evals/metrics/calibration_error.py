"""Expected calibration error: how far confidence is from the share that is right.

    ECE = sum_b |B_b|/n * | right(B_b) - confidence(B_b) |

over ten bins of equal width, (b/10, (b+1)/10] with 0 in the first. Naeini, Cooper and Hauskrecht (2015), AAAI;
Guo et al. (2017), ICML, equation 3.
"""

from dataclasses import dataclass

import numpy as np

from evals.metrics.metric import Better, Metric, Row, Table

BINS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """The cases whose confidence lies in (low, high]."""

    low: float
    high: float
    n: int
    confidence: float  # mean; 0 where the bin is empty
    right: float  # share; 0 where the bin is empty


def bins(table: Table) -> list[Bin]:
    """The reliability diagram of rows (confidence in [0, 1], 1 if right or 0)."""
    place = _place(table)
    n = np.bincount(place, minlength=BINS)
    held = np.maximum(n, 1)
    confidence = np.bincount(place, weights=table[:, 0], minlength=BINS) / held
    right = np.bincount(place, weights=table[:, 1], minlength=BINS) / held
    return [
        Bin(low=b / BINS, high=(b + 1) / BINS, n=int(n[b]), confidence=float(confidence[b]), right=float(right[b]))
        for b in range(BINS)
    ]


def error(table: Table) -> float | None:
    """ECE of rows (confidence, 1 if right or 0)."""
    if not len(table):
        return None
    gaps = np.bincount(_place(table), weights=table[:, 1] - table[:, 0], minlength=BINS)
    return float(np.abs(gaps).sum() / len(table))


def _place(table: Table) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The bin of each row; a confidence that rounding put a hair above an edge belongs below it."""
    return np.clip(np.ceil(table[:, 0] * BINS - 1e-9).astype(np.int64) - 1, 0, BINS - 1)


ECE = Metric(name="ece", statistic=error, better=Better.LOWER)


def row(*, confidence: float, right: bool) -> Row:
    """One case's part."""
    return (confidence, float(right))
