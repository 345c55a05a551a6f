"""Tickets: what a page of the console shows instead of its cookie when it opens a socket. Good once, for a minute."""

import secrets
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

import msgspec

_SECONDS = 60.0
_MOST = 10_000  # waiting; the oldest goes first


class Ticketed(msgspec.Struct, frozen=True, kw_only=True):
    """For whom a ticket was made."""

    workspace: str
    agent: str
    session: str
    origin: str  # of the page that asked for it: no other may use it


class Tickets:
    """All that were given out and not used. Kept in memory: after a restart a page asks for another one."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._waiting: OrderedDict[str, tuple[float, Ticketed]] = OrderedDict()  # oldest first

    def issue(self, ticketed: Ticketed) -> str:
        """Make a ticket."""
        ticket, now = secrets.token_urlsafe(32), self._clock()
        self._waiting[ticket] = (now, ticketed)
        while len(self._waiting) > _MOST or next(iter(self._waiting.values()))[0] <= now - _SECONDS:
            self._waiting.popitem(last=False)
        return ticket

    def redeem(self, ticket: str) -> Ticketed | None:
        """Use a ticket up; None if it is not one, any more or at all."""
        since, ticketed = self._waiting.pop(ticket, (0.0, None))
        return ticketed if ticketed is not None and self._clock() - since < _SECONDS else None
