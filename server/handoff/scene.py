"""One decision: where the conversation stands, who is there, what time it is; and how a transition is made of it."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import msgspec

from server.handoff import hours, routing
from server.handoff.outcomes import Notice, Step, Transition, Word
from server.handoff.routing import EXPECTED, Pickup, Places, Presence, Seat, Waiting
from server.handoff.staff import GENERAL, Agent, Department
from server.handoff.states import NOBODY, WAITING, Handling, Millis, Moved, State, Status, agent_name
from server.handoff.timers import DEFAULTS, SECOND, Limits, due, limits
from server.handoff.wording import Told, word

BOT_OWNS = "bot"

# What ends with a wait in the queue, and with an agent's part.
WAIT_OVER: Mapping[str, Any] = {
    "offered_to": "",
    "rings": 0,
    "declined": (),
    "front": False,
    "first_position": 0,
    "position": 0,
    "noticed_at": 0,
    "reminded": 0,
    "asked_at": 0,
    "choices_shown": False,
    "asks_bot": False,
    "lost_place": False,
    "leaves_message": False,
}
AGENT_OVER: Mapping[str, Any] = {
    "accepted_at": 0,
    "spoke_at": 0,
    "waits_since": 0,
    "warned": False,
    "agent_gone_at": 0,
    "away_marked": False,
    "nudged": False,
    "transfer_to": "",
    "transfer_note": "",
    "hold_until": 0,
}


class Floor(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a decision needs to know of the workspace."""

    departments: Mapping[str, Department]
    seats: Sequence[Seat] = ()
    queue: Sequence[Waiting] = ()  # all that wait, this conversation among them or not
    pickups: Mapping[str, Sequence[Pickup]] = {}  # by department
    agents_take_over: bool = True  # not only supervisors

    def seat(self, agent: str) -> Seat | None:
        """Give an agent's seat."""
        return next((seat for seat in self.seats if seat.agent.id == agent), None)

    @cached_property
    def places(self) -> Places:
        """Places in the queue."""
        return Places(self.queue)


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """All that a decision looks at."""

    handling: Handling
    floor: Floor
    now: Millis
    actor: str
    conversation: bytes = b""
    visitor_zone: str = ""

    # -- looking

    def at(self, handling: Handling) -> "Scene":
        """Give the same scene with what was just said."""
        return msgspec.structs.replace(self, handling=handling)

    @property
    def department(self) -> Department | None:
        """Where the conversation belongs; None if that department is no more."""
        return self.floor.departments.get(self.handling.department)

    @property
    def limits(self) -> Limits:
        """The department's limits."""
        return _limits_of(self.department)

    def name(self, agent: str) -> str:
        """Give the name that visitors see."""
        seat = self.floor.seat(agent)
        return seat.agent.name if seat is not None else agent

    def place(self, handling: Handling) -> dict[str, str]:
        """Say where in the queue a handling stands, and how long that takes, as a text's values."""
        case = Waiting(conversation=self.conversation, handling=handling)
        position = self.floor.places.of(case)
        estimate = routing.minutes(position, self.floor.pickups.get(handling.department, ()), self.now)
        return {"position": str(position), "minutes": "" if estimate is None else str(estimate)}

    def serves(self, department: Department | None, among: frozenset[Presence] = EXPECTED) -> bool:
        """Whether a department is open, and somebody of it is there who could take this."""
        if department is None or not hours.is_open(department, self.now):
            return False
        return routing.staffed(self.handling_in(department.id), self.floor.seats, among)

    def handling_in(self, department: str) -> Handling:
        """Give the handling as another department would have it."""
        return msgspec.structs.replace(self.handling, department=department)

    def serving(self) -> Department | None:
        """Give the department that can serve it now: its own, or the one that takes over for it."""
        own = self.department
        if self.serves(own):
            return own
        other = self.floor.departments.get(own.fallback if own is not None else GENERAL)
        return other if self.serves(other) else None

    # -- moving

    def move(
        self,
        step: Step,
        to: State | None = None,
        *,
        told: Told | None = None,
        values: Mapping[str, str] | None = None,
        notices: Sequence[Notice] = (),
        why: str = "",
        **changes: Any,
    ) -> Transition:
        """Make a transition, with its audit record and timers.

        Args:
            step: its name.
            to: the state; None stays.
            told: what the visitor is told.
            values: for the text.
            notices: who else is told.
            why: for the audit; default is why a person is wanted.
            changes: fields of the handling.
        """
        before = self.handling
        state = before.state if to is None else to
        after = msgspec.structs.replace(before, **{"state": state, **changes})
        after = _fenced(before, after, self.now)
        moved = Moved(
            transition=step,
            actor=self.actor,
            from_state=before.state,
            to_state=after.state,
            handling=after,
            reason=why or after.reason,
        )
        status = word(told, after.language, values, reason=after.reason) if told is not None else None
        return self.settle(after, moved=moved, status=status, notices=notices)

    def settle(
        self,
        after: Handling,
        *,
        moved: Moved | None = None,
        status: Status | None = None,
        notices: Sequence[Notice] = (),
    ) -> Transition:
        """Give a result with the timers that follow from a handling."""
        department = self.floor.departments.get(after.department)
        closes_at = None
        if after.state in WAITING and department is not None:
            closes_at = hours.closes_at(department, self.now)
        timers = due(after, _limits_of(department), closes_at=closes_at)
        return Transition(handling=after, moved=moved, status=status, notices=tuple(notices), timers=timers)

    def to_queue(
        self,
        step: Step,
        *,
        reason: str,
        told: Told = Told.QUEUED,
        values: Mapping[str, str] | None = None,
        more_priority: int = 0,
        front: bool = False,
        keeps_place: bool = False,
        without: str = "",
        offline: Told = Told.OFFLINE,
        notices: Sequence[Notice] = (),
        why: str = "",
        **changes: Any,
    ) -> Transition:
        """Put it into the queue; where nobody serves it, open a ticket instead.

        Args:
            step: the transition's name.
            reason: why a person is wanted.
            told: what the visitor is told in the queue.
            values: for that text, besides position and minutes.
            more_priority: added to the priority.
            front: before all others of the priority.
            keeps_place: keep `enqueued_at` where there is one.
            without: an agent who is not asked in this wait.
            offline: what the visitor is told of a ticket.
            notices: who else is told.
            why: for the audit.
            changes: fields of the handling.
        """
        before = self.handling
        kept = before.enqueued_at if keeps_place and before.enqueued_at else self.now
        changes = {"reason": reason, "enqueued_at": kept, **changes}
        department = self.serving()
        if department is None:
            return self.to_ticket(step, told=offline, notices=notices, why=why, **changes)
        fields: dict[str, Any] = {
            **WAIT_OVER,
            **AGENT_OVER,
            "owner": NOBODY,
            "department": department.id,
            "priority": before.priority + more_priority,
            "front": front,
            "declined": (without,) if without else (),
            "former": before.agent or before.former,
            "noticed_at": self.now,
            "asked_at": self.now,
            **changes,
        }
        place = self.place(msgspec.structs.replace(before, **{**fields, "state": State.QUEUED}))
        fields["position"] = fields["first_position"] = int(place["position"])
        notices = [Notice(word=Word.WAITS, department=department.id), *notices]
        told_values = {**place, **(values or {})}
        return self.move(step, State.QUEUED, told=told, values=told_values, notices=notices, why=why, **fields)

    def to_ticket(
        self,
        step: Step,
        *,
        told: Told,
        reason: str,
        values: Mapping[str, str] | None = None,
        notices: Sequence[Notice] = (),
        why: str = "",
        **changes: Any,
    ) -> Transition:
        """Open a ticket: the transcript is its content, and the place in the queue its priority."""
        before = self.handling
        ticket = Notice(word=Word.TICKET, department=before.department)
        fields = {
            **WAIT_OVER,
            **AGENT_OVER,
            "owner": BOT_OWNS,
            "reason": reason,
            "enqueued_at": before.enqueued_at or self.now,
            "former": before.agent or before.former,
            **changes,
        }
        return self.move(
            step,
            State.OFFLINE_FORM,
            told=told,
            values={"opens_at": self.opens_at(), **(values or {})},
            notices=[ticket, *notices],
            why=why,
            **fields,
        )

    def to_bot(self, step: Step, told: Told | None, *, notices: Sequence[Notice] = (), **changes: Any) -> Transition:
        """Leave it to the bot."""
        fields = {
            **WAIT_OVER,
            **AGENT_OVER,
            "owner": BOT_OWNS,
            "priority": 0,
            "enqueued_at": 0,
            "former": self.handling.agent or self.handling.former,
            **changes,
        }
        return self.move(step, State.BOT, told=told, notices=notices, **fields)

    def to_agent(
        self,
        step: Step,
        agent: Agent,
        *,
        told: Told = Told.JOINED,
        notices: Sequence[Notice] = (),
        **changes: Any,
    ) -> Transition:
        """Give it to an agent."""
        before = self.handling
        trail = before.trail if before.trail[-1:] == (agent.id,) else (*before.trail, agent.id)
        fields = {
            **WAIT_OVER,
            **AGENT_OVER,
            "owner": agent_name(agent.id),
            "human_handled": True,
            "accepted_at": self.now,
            "trail": trail,
            "former": before.agent if before.agent not in ("", agent.id) else before.former,
            **changes,
        }
        told_agents = [Notice(word=Word.MINE, agent=agent.id), *notices]
        if before.visitor_gone_at and before.email:
            told_agents.append(Notice(word=Word.MAIL, agent=agent.id))
        return self.move(step, State.ACTIVE, told=told, values={"name": agent.name}, notices=told_agents, **fields)

    def opens_at(self) -> str:
        """Say when the department opens next; "" if it is open, or it is not known."""
        department = self.department
        at = hours.next_opening(department, self.now) if department is not None else None
        if department is None or at is None or at <= self.now:
            return ""
        return hours.opening_text(
            department, at, self.now, language=self.handling.language, visitor_zone=self.visitor_zone
        )

    def ended(self, **changes: Any) -> dict[str, Any]:
        """Give the fields of an episode that ends now."""
        before = self.handling
        asks = before.human_handled
        return {
            **WAIT_OVER,
            **AGENT_OVER,
            "priority": 0,
            "enqueued_at": 0,
            "closed_at": self.now,
            "former": before.agent or before.former,
            "rating": 0,
            "rating_until": self.now + self.limits.rating * SECOND if asks else 0,
            **changes,
        }


def _limits_of(department: Department | None) -> Limits:
    return limits(department.timers) if department is not None and department.timers else DEFAULTS


def _fenced(before: Handling, after: Handling, now: Millis) -> Handling:
    """Raise the fences: epoch with owner or state, owner_epoch where an agent comes or goes or an episode turns."""
    owners = before.owner != after.owner
    moves = before.state is not after.state
    agent_turns = bool(before.agent) != bool(after.agent)
    episode_turns = before.episode != after.episode or (moves and after.state is State.CLOSED)
    return msgspec.structs.replace(
        after,
        epoch=before.epoch + (1 if owners or moves else 0),
        owner_epoch=before.owner_epoch + (1 if agent_turns or episode_turns else 0),
        since=now if moves else before.since,
    )
