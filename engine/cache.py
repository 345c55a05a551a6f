"""Evidence, kept for a while and computed once however many ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from time import monotonic

from cachetools import TTLCache

from engine.types import Evidence


@dataclass(frozen=True, slots=True)
class Cached:
    """Evidence, and whether it was there already."""

    evidence: Evidence
    hit: bool


class EvidenceCache:
    """Bounded, with a time to live; used from one event loop.

    What is cached is what was found out about a text, never a reply: the decision is made anew for each turn.
    Degraded evidence is not kept, so that an outage ends when it ends.
    """

    def __init__(self, *, entries: int, ttl_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._kept: TTLCache[Hashable, Evidence] = TTLCache(maxsize=entries, ttl=ttl_s, timer=clock)
        self._flights: dict[Hashable, asyncio.Task[Evidence]] = {}

    def __len__(self) -> int:
        """Evidence kept now."""
        return len(self._kept)

    def peek(self, key: Hashable) -> Evidence | None:
        """Give what is kept under the key, without computing."""
        return self._kept.get(key)

    async def get(self, key: Hashable, compute: Callable[[], Awaitable[Evidence]]) -> Cached:
        """Give the evidence under a key, computing it if nobody does yet.

        A cancelled caller does not cancel the computation that others wait for; an error reaches all that wait, and
        the next caller tries again.
        """
        kept = self._kept.get(key)
        if kept is not None:
            return Cached(kept, hit=True)
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(self._fly(key, compute), name="evidence")
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._land(key, done))
        return Cached(await asyncio.shield(flight), hit=False)

    async def close(self) -> None:
        """Cancel what is being computed."""
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    async def _fly(self, key: Hashable, compute: Callable[[], Awaitable[Evidence]]) -> Evidence:
        evidence = await compute()
        if not evidence.degraded and self._kept.maxsize:
            self._kept[key] = evidence
        return evidence

    def _land(self, key: Hashable, flight: asyncio.Task[Evidence]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # retrieved here, so that a flight which lost all its waiters does not log
