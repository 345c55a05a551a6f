"""How often somebody may do something: token buckets, many of them, in a bounded memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """So many at once, and so many a minute after that."""

    burst: int
    per_minute: float

    def __post_init__(self) -> None:
        """Validate."""
        if self.burst < 1 or self.per_minute <= 0:
            raise ValueError(f"burst must be at least 1 and per_minute positive; got {self}.")


class Limiter:
    """A token bucket for each key (RFC 2697's idea, one rate). Forgets the keys that were longest unused."""

    def __init__(self, rate: Rate, *, keys: int = 100_000, clock: Callable[[], float] = monotonic) -> None:
        self.rate = rate  # may be changed; what was taken stays taken
        self._keys = keys
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> (tokens, when)

    def wait_s(self, key: Hashable, *, cost: float = 1.0) -> float:
        """Take tokens and give 0, or take none and give the seconds until there will be enough."""
        now = self._clock()
        per_second = self.rate.per_minute / 60
        tokens, since = self._buckets.pop(key, (float(self.rate.burst), now))
        tokens = min(self.rate.burst, tokens + (now - since) * per_second)
        wait = 0.0 if tokens >= cost else (cost - tokens) / per_second
        self._buckets[key] = (tokens - (cost if not wait else 0.0), now)
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return wait
