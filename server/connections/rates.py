"""How often somebody may do something: token buckets, many of them, in a bounded memory."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

_ROUNDING_S = 1e-6


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
        self.clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()  # key -> (tokens, when)

    def wait_s(self, key: Hashable, *, cost: float = 1.0) -> float:
        """Take tokens and give 0, or take none and give the seconds until there will be enough."""
        now = self.clock()
        per_second = self.rate.per_minute / 60
        tokens, since = self._buckets.pop(key, (float(self.rate.burst), now))
        tokens = min(self.rate.burst, tokens + (now - since) * per_second)
        wait = 0.0 if tokens >= cost else (cost - tokens) / per_second
        self._buckets[key] = (tokens - (cost if not wait else 0.0), now)
        while len(self._buckets) > self._keys:
            self._buckets.popitem(last=False)
        return wait

    def meter(self) -> "Meter":
        """Give a bucket of its own to somebody who keeps it: nothing has to be looked up."""
        return Meter(self)


class Meter:
    """A token bucket that goes by a limiter's rate, as one number: when it will be full again (GCRA, ITU-T I.371)."""

    __slots__ = ("_full_at", "_of")

    def __init__(self, of: Limiter) -> None:
        self._of = of
        self._full_at = 0.0

    def wait_s(self) -> float:
        """Take a token and give 0, or take none and give the seconds until there will be one."""
        now, rate = self._of.clock(), self._of.rate
        step = 60 / rate.per_minute
        full_at = (self._full_at if self._full_at > now else now) + step
        wait = full_at - now - rate.burst * step
        if wait > _ROUNDING_S:
            return wait
        self._full_at = full_at
        return 0.0


class Crowds:
    """How often all who come from one address, and all of one workspace, may say something."""

    def __init__(self, of_address: Rate, of_workspace: Rate) -> None:
        """Take the rates."""
        self._addresses = Limiter(of_address)
        self._workspaces = Limiter(of_workspace)

    def configure(self, of_address: Rate, of_workspace: Rate) -> None:
        """Go by other rates from now on."""
        self._addresses.rate = of_address
        self._workspaces.rate = of_workspace

    def wait_s(self, *, workspace: str, address: str) -> float:
        """Give 0, or the seconds until there is room.

        Args:
            workspace: whose visitor says something.
            address: where from; "" is not limited.
        """
        return (self._addresses.wait_s(address) if address else 0.0) or self._workspaces.wait_s(workspace)
