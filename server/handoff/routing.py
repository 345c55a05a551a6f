"""Who is offered which conversation, who is next, and how long that takes. Pure.

The rule: skill first, then the smallest share of capacity in use, then the longest idle; the agent that a visitor had
before comes first while a reopening counts. Waiting conversations are served in the order of `Handling.order`.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import ceil
from statistics import median

import msgspec

from server.handoff.staff import Agent
from server.handoff.states import WAITING, Handling, Millis, State

MIN_PICKUPS = 5  # fewer say nothing
PICKUPS = 50  # the newest so many count
PICKUP_AGE = 2 * 3_600_000  # and none that is older


class Presence(StrEnum):
    """Whether an agent is there."""

    AVAILABLE = "available"
    BUSY = "busy"
    AWAY = "away"
    GRACE = "grace"  # the last connection was lost a moment ago
    OFFLINE = "offline"


SIGNED_IN = frozenset({Presence.AVAILABLE, Presence.BUSY, Presence.AWAY, Presence.GRACE})
EXPECTED = frozenset({Presence.AVAILABLE, Presence.BUSY, Presence.GRACE})  # who will take another one before long


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """An agent at work."""

    agent: Agent
    presence: Presence = Presence.OFFLINE
    load: int = 0  # conversations owned, ringing or asked for: see `Handling.holds_slot_of`
    idle_since: Millis = 0  # when the last conversation ended or the agent came
    misses: int = 0  # rings in a row that nobody answered

    @property
    def free(self) -> bool:
        """Whether there is room for one more."""
        return self.presence is Presence.AVAILABLE and not self.agent.disabled and self.load < self.agent.capacity


_Order = tuple[int, int, Millis, bytes]


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that waits for an agent."""

    conversation: bytes
    handling: Handling
    sticky: str = ""  # the agent it had, while the reopen window is open

    @property
    def order(self) -> _Order:
        """What the queue is sorted by."""
        return *self.handling.order, self.conversation


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Ring this agent for that conversation."""

    conversation: bytes
    agent: str


class Pickup(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that an agent took from the queue."""

    at: Millis
    waited_ms: int
    position: int  # at which it had joined


def assign(waiting: Iterable[Waiting], seats: Sequence[Seat], now: Millis, *, max_misses: int = 2) -> list[Offer]:
    """Offer waiting conversations to agents with room: the first in the queue chooses first.

    Args:
        waiting: in any order; those that ring already are left alone.
        seats: of the workspace.
        now: for the longest idle.
        max_misses: an agent who let so many rings pass gets no more.

    Returns:
        At most one offer a conversation, and to no agent more than there is room for, in the queue's order.
    """
    load = {seat.agent.id: seat.load for seat in seats}
    offers: list[Offer] = []
    for case in sorted(waiting, key=lambda case: case.order):
        if case.handling.state is not State.QUEUED:
            continue
        fitting = [
            seat
            for seat in seats
            if seat.misses < max_misses
            and seat.presence is Presence.AVAILABLE
            and load[seat.agent.id] < seat.agent.capacity
            and eligible(case.handling, seat.agent)
        ]
        if not fitting:
            continue
        best = min(fitting, key=lambda seat: _rank(case, seat, load[seat.agent.id], now))
        load[best.agent.id] += 1
        offers.append(Offer(conversation=case.conversation, agent=best.agent.id))
    return offers


def _rank(case: Waiting, seat: Seat, load: int, now: Millis) -> tuple[bool, int, float, int, str]:
    agent = seat.agent
    return (
        agent.id != case.sticky,
        -skill_score(case.handling, agent),
        load / agent.capacity,
        -(now - seat.idle_since),
        agent.id,
    )


def fits(handling: Handling, agent: Agent) -> bool:
    """Whether an agent is of the department, and has the language and one of the skills."""
    language = handling.language.partition("-")[0]
    return (
        not agent.disabled
        and handling.department in agent.departments
        and (not language or not agent.languages or language in agent.languages)
        and (not handling.skills or not set(handling.skills).isdisjoint(agent.skills))
    )


def eligible(handling: Handling, agent: Agent) -> bool:
    """Whether an agent fits and did not decline."""
    return fits(handling, agent) and agent.id not in handling.declined


def skill_score(handling: Handling, agent: Agent) -> int:
    """Count what an agent has of what is wanted: each skill, and the language where it is named as theirs."""
    language = handling.language.partition("-")[0]
    return len(set(handling.skills) & set(agent.skills)) + (language in agent.languages if language else 0)


def staffed(handling: Handling, seats: Iterable[Seat], among: frozenset[Presence]) -> bool:
    """Whether somebody is there who could take it, now or later."""
    return any(seat.presence in among and fits(handling, seat.agent) for seat in seats)


class Places:
    """Places in the queue, counted from 1 in each department. Sorted once, as all of a long queue ask for theirs."""

    def __init__(self, queue: Iterable[Waiting]) -> None:
        self._orders: dict[str, list[_Order]] = {}
        self._in_queue: dict[bytes, Waiting] = {}
        for case in queue:
            if case.handling.state in WAITING:
                self._orders.setdefault(case.handling.department, []).append(case.order)
                self._in_queue[case.conversation] = case
        for orders in self._orders.values():
            orders.sort()

    def of(self, case: Waiting) -> int:
        """Give the place that a conversation has, or would have as it is given here."""
        ahead = bisect_left(self._orders.get(case.handling.department, ()), case.order)
        own = self._in_queue.get(case.conversation)
        counted = own is not None and own.handling.department == case.handling.department and own.order < case.order
        return 1 + ahead - counted


def minutes(place: int, pickups: Iterable[Pickup], now: Millis) -> int | None:
    """Estimate how long a place in the queue takes: the median of real pickups, by the place they had.

    Returns:
        Whole minutes, at least 1; None where too few were picked up lately to tell.
    """
    recent = sorted((each for each in pickups if now - each.at <= PICKUP_AGE), key=lambda each: each.at)[-PICKUPS:]
    if len(recent) < MIN_PICKUPS:
        return None
    per_place = median(each.waited_ms / max(1, each.position) for each in recent)
    return max(1, ceil(place * per_place / 60_000))
