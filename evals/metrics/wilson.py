"""The score interval of a proportion.

Wilson, E. B. (1927), "Probable inference, the law of succession, and statistical inference", JASA 22:209-212:

    (p + z^2/2n  +-  z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)

It stays within [0, 1] and is usable at 0 % and 100 %, where the normal approximation has no width at all.
"""

import math

from evals.metrics.estimate import UNSCORED, Estimate

Z95 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


def proportion(successes: float, n: int) -> Estimate:
    """The share successes/n with its Wilson interval; n = 0 is unscored.

    Raises:
        ValueError: successes is not within 0..n.
    """
    if not 0 <= successes <= n:
        msg = f"{successes} successes of {n}"
        raise ValueError(msg)
    if n == 0:
        return UNSCORED
    p, z2 = successes / n, Z95 * Z95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and n the bound is exactly 0 or 1; rounding must not push the point out of its own interval.
    return Estimate(value=p, low=max(0.0, min(middle - half, p)), high=min(1.0, max(middle + half, p)), n=n)
