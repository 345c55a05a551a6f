"""How long the event loop was held up: while it is, nobody is served."""

import asyncio
from collections.abc import Iterator
from time import monotonic

from server.telemetry.metrics import Reading

_TICK_S = 0.1


class Stalls:
    """Ticks, and notes how late."""

    def __init__(self) -> None:
        self._longest_s = 0.0

    async def run(self) -> None:
        """Tick for ever."""
        while True:
            due = monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self._longest_s = max(self._longest_s, monotonic() - due)

    def readings(self) -> Iterator[Reading]:
        """Tell the longest stall since the last scrape."""
        longest, self._longest_s = self._longest_s, 0.0
        text = "Longest time since the last scrape for which the event loop did not come round."
        yield Reading(name="loop_stall_seconds", help=text, value=longest)
