"""Is a difference between two runs over the same cases more than noise?"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evals.metrics.estimate import Estimate
from evals.metrics.metric import Row, Table, encode
from evals.metrics.wilson import Z95

EXCHANGES = 2000
ENOUGH = 150  # exchanges as far apart: p is known to a twelfth, and it is not small (Besag and Clifford, 1991)
SEED = 20240229
ROUNDING = 1e-9  # a smaller difference is that of two sums taken in another order

Mask: TypeAlias = NDArray[np.bool_]


def mcnemar(*, fixed: int, broken: int) -> float:
    """The exact two-sided p-value that `fixed` and `broken` cases come from equal chances.

    McNemar (1947), Psychometrika 12:153-157, with the binomial distribution instead of its approximation: under the
    null hypothesis each case that changed was as likely to be fixed as broken.
    """
    n, k = fixed + broken, min(fixed, broken)
    ways = tail = 1  # ways to choose i of n, and their sum up to i: whole numbers, which Python divides exactly
    for i in range(k):
        ways = ways * (n - i) // (i + 1)
        tail += ways
    outcomes: int = 2**n
    return min(1.0, 2 * tail / outcomes)


def paired_randomisation(
    old: Sequence[Row | None], new: Sequence[Row | None], statistic: Callable[[Table], float | None]
) -> float:
    """The two-sided p-value that a statistic is the same in both runs.

    Approximate randomisation: were there no difference, each case's two rows could as well have come from the other
    run. They are exchanged at random, and p is the share of exchanges that part the runs at least as far (Noreen,
    1989, "Computer-intensive methods for testing hypotheses"). For proportions it agrees with McNemar's test; a
    bootstrap of the difference does not: with few cases changed, all one way, it calls noise significant.

    Args:
        old: one row for each case; None where the metric does not score the case in that run.
        new: the same for the other run, in the same order of cases.
        statistic: what is compared.
    """
    if list(old) == list(new):
        return 1.0
    tables, masks = _tables(old, new)
    observed = _distance(statistic, tables[0], tables[1], masks[0], masks[1])
    if observed is None or observed < ROUNDING:
        return 1.0
    rng = np.random.default_rng(SEED)
    apart = drawn = 0
    for _ in range(EXCHANGES):
        swap = rng.random(len(old)) < 0.5
        first, second = (np.where(swap[:, None], a, b) for a, b in (tables, tables[::-1]))
        ours, theirs = (np.where(swap, a, b) for a, b in (masks, masks[::-1]))
        distance = _distance(statistic, first, second, ours, theirs)
        if distance is not None:
            drawn += 1
            apart += distance >= observed * (1 - 1e-9)
        if apart == ENOUGH:
            return apart / drawn
    return (apart + 1) / (drawn + 1)


def unpaired(old: Estimate, new: Estimate) -> float:
    """The two-sided p-value from two intervals alone, for a metric whose cases were not kept.

    The normal test of two independent estimates. For runs over the same data it errs on the careful side: the part
    of the noise that both share is counted twice.
    """
    if old.value is None or new.value is None or old.value == new.value:
        return 1.0
    spread = math.hypot(_deviation(old), _deviation(new))
    return math.erfc(abs(new.value - old.value) / spread / math.sqrt(2)) if spread else 0.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being several (Holm, 1979, Scandinavian Journal of Statistics 6:65-70)."""
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    corrected = [1.0] * len(p_values)
    highest = 0.0
    for place, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[i]))
        corrected[i] = highest
    return corrected


def _distance(
    statistic: Callable[[Table], float | None], first: Table, second: Table, ours: Mask, theirs: Mask
) -> float | None:
    """How far apart the statistic is over two tables' scored rows; None where one does not define it."""
    if not ours.any() or not theirs.any():
        return None
    a, b = statistic(first[ours]), statistic(second[theirs])
    return None if a is None or b is None else abs(b - a)


def _deviation(estimate: Estimate) -> float:
    return ((estimate.high or 0.0) - (estimate.low or 0.0)) / (2 * Z95)


def _tables(old: Sequence[Row | None], new: Sequence[Row | None]) -> tuple[list[Table], list[Mask]]:
    """Both runs as tables with a row for each case (zeros where it is not scored), and which rows are scored."""
    width = next(len(row) for row in (*old, *new) if row is not None)
    blank: Row = (0.0,) * width
    both = encode([row if row is not None else blank for row in (*old, *new)])
    masks = [np.array([row is not None for row in rows]) for rows in (old, new)]
    return [both[: len(old)], both[len(old) :]], masks
