"""When a message is sent again, and when a receiver is left alone."""

from collections.abc import Callable
from dataclasses import dataclass

from server.conversations.events import Millis


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """Waits that grow by a factor: 5 s, 25 s, 2 min, 10 min, 48 min, 4 h, 19 h: 24.2 h from the first to the last."""

    attempts: int = 8
    first_s: float = 5.0
    growth: float = 4.9
    jitter: float = 0.1  # share by which a wait is shortened or lengthened, so that retries do not come in waves
    longest_s: float = 24 * 3600.0  # that a receiver's Retry-After is honoured

    def wait_s(self, attempts: int, retry_after_s: float | None, random: Callable[[], float]) -> float | None:
        """Give the wait after some attempts that all failed; None if that was the last one.

        Args:
            attempts: made so far, from 1.
            retry_after_s: what the receiver asked for.
            random: uniform in [0, 1).
        """
        if attempts >= self.attempts:
            return None
        wait_s = self.first_s * self.growth ** (attempts - 1) * (1 + self.jitter * (2 * random() - 1))
        return max(wait_s, min(retry_after_s or 0.0, self.longest_s))


class Breaker:
    """Stops calling a receiver that fails again and again; after a pause one message tries whether it is back.

    Pauses double from 15 s to 5 min. (Nygard, "Release It!", 2007: the circuit breaker.)
    """

    def __init__(self, *, failures: int = 5, first_s: float = 15.0, longest_s: float = 300.0) -> None:
        """Take how many failures in a row open it, and the pauses."""
        self._limit = failures
        self._first_s = first_s
        self._longest_s = longest_s
        self._failures = 0
        self._pause_s = 0.0
        self._until: Millis = 0

    def allowed(self, now: Millis, concurrency: int) -> int:
        """Give how many calls may be on their way now: none, one as a trial, or all."""
        if now < self._until:
            return 0
        return 1 if self._failures >= self._limit else concurrency

    @property
    def until(self) -> Millis:
        """No call before this time."""
        return self._until

    def succeeded(self) -> bool:
        """Note an answer; tell whether the receiver was thought to be down."""
        was_open = self._failures >= self._limit
        self._failures = 0
        self._pause_s = 0.0
        return was_open

    def failed(self, now: Millis, random: Callable[[], float]) -> None:
        """Note a failure."""
        self._failures += 1
        if self._failures >= self._limit and now >= self._until:  # calls that were on their way count once
            self._pause_s = min(max(self._pause_s * 2, self._first_s), self._longest_s)
            self.hold(now, self._pause_s * (1 + 0.1 * random()))

    def hold(self, now: Millis, seconds: float) -> None:
        """Make no call for a while, as the receiver asked."""
        self._until = max(self._until, now + int(seconds * 1000))
