"""What a metric is: a statistic over rows, one row a case, and the way its interval is found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evals.metrics.bootstrap import interval
from evals.metrics.estimate import UNSCORED, Estimate
from evals.metrics.wilson import proportion

Row: TypeAlias = tuple[float | str, ...]
Table: TypeAlias = NDArray[np.float64]  # (n, k): n rows of a metric's k columns, labels as whole numbers


class Interval(StrEnum):
    """How the 95 % interval is found."""

    WILSON = "wilson"  # a proportion: rows are (0.0,) or (1.0,)
    BOOTSTRAP = "bootstrap"  # anything else


class Better(StrEnum):
    """Which way is up."""

    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A statistic over rows; the file that defines one says what its rows hold."""

    name: str
    statistic: Callable[[Table], float | None]  # None where the rows do not define it
    interval: Interval = Interval.BOOTSTRAP
    better: Better = Better.HIGHER

    def estimate(self, rows: Sequence[Row]) -> Estimate:
        """The statistic with its interval; no rows, or rows that do not define it, are unscored."""
        if not rows:
            return UNSCORED
        table = encode(rows)
        if self.interval is Interval.WILSON:
            return proportion(float(table[:, 0].sum()), len(table))
        value = self.statistic(table)
        if value is None:
            return UNSCORED
        low, high = interval(table, self.statistic, value=value)
        return Estimate(value=value, low=low, high=high, n=len(table))


def encode(rows: Sequence[Row]) -> Table:
    """Rows as an (n, k) float64 table; equal strings get equal whole numbers, whatever their column."""
    codes: dict[str, float] = {}
    return np.array(
        [[codes.setdefault(x, float(len(codes))) if isinstance(x, str) else float(x) for x in row] for row in rows],
        dtype=np.float64,
    )


def mean(table: Table) -> float | None:
    """The mean of the first column."""
    return float(table[:, 0].mean()) if len(table) else None


def share(name: str, *, better: Better = Better.HIGHER) -> Metric:
    """A metric that is the share of rows (1.0,) among rows (0.0,) and (1.0,)."""
    return Metric(name=name, statistic=mean, interval=Interval.WILSON, better=better)
