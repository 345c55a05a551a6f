"""A measured number with its uncertainty."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A metric's value with its 95 % interval; nothing to score gives None, which is not zero."""

    value: float | None
    low: float | None
    high: float | None
    n: int  # cases that the value was computed from


UNSCORED = Estimate(value=None, low=None, high=None, n=0)
