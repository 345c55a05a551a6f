"""Stops asking what keeps failing."""

from collections.abc import Callable


class Breaker:
    """Stops asking a store that failed several times in a row, and tries it again after a while.

    It keeps a slow store across the network from holding up the encoder's thread: at most `failures` timeouts, then
    one try every `pause_s` (Nygard, Release It!, 2007: circuit breaker).
    """

    def __init__(self, clock: Callable[[], float], *, failures: int = 3, pause_s: float = 5.0) -> None:
        self._clock = clock
        self._limit = failures
        self._pause_s = pause_s
        self._count = 0
        self._until = 0.0

    @property
    def closed(self) -> bool:
        """Whether the store may be asked now."""
        return self._count < self._limit or self._clock() >= self._until

    def succeeded(self) -> None:
        """Forget earlier failures."""
        self._count = 0

    def failed(self) -> None:
        """Count a failure; the last one allowed opens the breaker for `pause_s` seconds."""
        self._count += 1
        if self._count >= self._limit:
            self._until = self._clock() + self._pause_s
