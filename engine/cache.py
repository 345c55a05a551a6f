"""Evidence, kept for a while and computed once however many ask at the same time."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

from cachetools import TTLCache

from engine.types import Evidence

Computing = asyncio.Future[Evidence]


@dataclass(frozen=True, slots=True)
class Cached:
    """Evidence, and whether it was there already."""

    evidence: Evidence
    hit: bool


@dataclass(slots=True, eq=False)
class _Flight:
    """A computation under way, and how many wait for it."""

    computing: Computing
    waiting: int = 0


class EvidenceCache:
    """Bounded, with a time to live; used from one event loop.

    What is cached is what was found out about a text, never a reply: the decision is made anew for each turn.
    Degraded evidence is not kept, so that an outage ends when it ends.
    """

    def __init__(self, *, entries: int, ttl_s: float, clock: Callable[[], float] = monotonic) -> None:
        self._kept: TTLCache[Hashable, Evidence] = TTLCache(maxsize=entries, ttl=ttl_s, timer=clock)
        self._flights: dict[Hashable, _Flight] = {}

    def __len__(self) -> int:
        """Evidence kept now."""
        return len(self._kept)

    def peek(self, key: Hashable) -> Evidence | None:
        """Give what is kept under the key, without computing."""
        try:
            return self._kept[key]
        except KeyError:
            return None

    async def get(self, key: Hashable, compute: Callable[[], Computing]) -> Cached:
        """Give the evidence under a key, computing it if nobody does yet.

        A caller that is cancelled leaves the computation to the others that wait for it; the last to leave cancels it.
        An error reaches all that wait, and the next caller tries again.
        """
        kept = self.peek(key)
        if kept is not None:
            return Cached(kept, hit=True)
        flight = self._flights.get(key) or self._start(key, compute())
        flight.waiting += 1
        try:
            return Cached(await asyncio.shield(flight.computing), hit=False)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.computing.done():
                flight.computing.cancel()
                self._forget(key, flight)  # at once: whoever asks next must not wait for what is being cancelled

    def _start(self, key: Hashable, computing: Computing) -> _Flight:
        flight = _Flight(computing)
        self._flights[key] = flight
        computing.add_done_callback(lambda done: self._land(key, flight))
        return flight

    def _land(self, key: Hashable, flight: _Flight) -> None:
        self._forget(key, flight)
        if flight.computing.cancelled() or flight.computing.exception() is not None:
            return
        evidence = flight.computing.result()
        if not evidence.degraded and self._kept.maxsize:
            self._kept[key] = evidence

    def _forget(self, key: Hashable, flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]
