"""Percentile bootstrap intervals.

Efron, B. (1979), "Bootstrap methods: another look at the jackknife", Annals of Statistics 7:1-26; the percentile
interval is Efron and Tibshirani (1993), chapter 13. Cases are resampled with replacement; the bounds are the 2.5 %
and 97.5 % quantiles of the statistic over the resamples. The seed is fixed: equal data give equal bounds.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000  # the Monte-Carlo error of a bound is then about a tenth of the interval's half width
SEED = 20240229


def interval(
    table: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], float | None],
    *,
    value: float,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """The 95 % percentile interval of a statistic over the rows of a table.

    Resamples that do not define the statistic (one class only, say) are left out. A statistic that resampling
    biases, such as a calibration error, can lie outside its percentiles: the interval is then widened to hold it.
    """
    rng = np.random.default_rng(SEED)
    drawn = (statistic(table[rng.integers(0, len(table), size=len(table))]) for _ in range(resamples))
    values = np.array([x for x in drawn if x is not None], dtype=np.float64)
    if not len(values):
        return value, value
    low, high = np.quantile(values, (0.025, 0.975))
    return min(float(low), value), max(float(high), value)
