"""A company at work, in memory: what happens is given by numbers, and every promise of the handoff is held to it.

Does with the decisions what a service must do: keeps them in a log, sets timers, counts places, rings.
"""

from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime

from server.handoff import actions as does
from server.handoff import routing
from server.handoff.actions import Action, TurnSeen
from server.handoff.machine import apply, decide
from server.handoff.outcomes import NothingToDo, Result, Step, TooEarly, Transition, Word
from server.handoff.routing import Pickup, Presence, Seat, Waiting
from server.handoff.scene import Floor
from server.handoff.staff import Agent, Department, Role
from server.handoff.states import (
    ENDED,
    WAITING,
    WITH_AGENT,
    WITH_BOT,
    Handling,
    Moved,
    State,
    answered,
    heard,
    replied,
)
from server.handoff.timers import Timer, due, limits

MONDAY = int(datetime(2026, 3, 2, 8, 50, tzinfo=UTC).timestamp() * 1_000)
NINE_TO_SIX = ((540, 1080),)
TAKES = {Step.ACCEPTED, Step.TRANSFER_ACCEPTED, Step.TICKET_TAKEN, Step.RANG}
PEOPLE = ("ana", "ben", "cyd", "dee")
HANDS_OVER = {Step.RETURNED_TO_BOT}  # by which the bot comes back while an agent is there
OFFLINE_STEPS = {Step.AGENT_LOST, Step.AGENT_REMOVED, Step.REQUEUED}


def departments() -> dict[str, Department]:
    """Two departments: one with hours, which the general one takes over for."""
    week = (NINE_TO_SIX,) * 5 + ((), ())
    found = (
        Department(id="general", workspace="acme", name_zh="客服", name_en="Support"),
        Department(
            id="billing",
            workspace="acme",
            name_zh="账务",
            name_en="Billing",
            hours=week,
            fallback="general",
            timers={"queue_max": 120, "idle": 600, "reply_reassign": 90},
        ),
    )
    return {each.id: each for each in found}


def people() -> dict[str, Agent]:
    def agent(name: str, capacity: int, *where: str, role: Role = Role.AGENT) -> Agent:
        return Agent(
            id=name, workspace="acme", login=name, name=name.title(), role=role, departments=where, capacity=capacity
        )

    return {
        "ana": agent("ana", 2, "general"),
        "ben": agent("ben", 1, "general", "billing"),
        "cyd": agent("cyd", 3, "billing", role=Role.SUPERVISOR),
        "dee": agent("dee", 2, "general", role=Role.ADMIN),
    }


@dataclass
class Line:
    """Something in a log: a transition, or what was said."""

    at: int
    moved: Moved | None = None
    said: Callable[[Handling], Handling] | None = None


@dataclass
class Case:
    """A conversation and all that is stored of it."""

    name: bytes
    begun: Handling
    handling: Handling
    log: list[Line] = field(default_factory=list)
    timers: tuple[Timer, ...] = ()
    turn: int = 0
    thinking: tuple[int, int] | None = None  # the fence of the bot's reply in the making
    recent: tuple[TurnSeen, ...] = ()
    spent: dict[State, int] = field(default_factory=dict)
    owners: dict[int, str] = field(default_factory=dict)


class World:
    """Four conversations, four agents and a clock."""

    def __init__(self, cases: int = 4) -> None:
        self.now = MONDAY
        self.departments = departments()
        self.people = people()
        self.presence = dict.fromkeys(PEOPLE, Presence.AVAILABLE) | {"dee": Presence.OFFLINE}
        self.misses = dict.fromkeys(PEOPLE, 0)
        self.idle_since = dict.fromkeys(PEOPLE, MONDAY)
        self.pickups: dict[str, list[Pickup]] = {}
        self.cases: list[Case] = []
        self.bot_lines = self.transitions = 0
        for number in range(cases):
            begun = Handling(
                language="en" if number % 2 else "zh-CN",
                begun_at=self.now,
                since=self.now,
                department="billing" if number == 3 else "general",
            )
            case = Case(name=bytes([number]), begun=begun, handling=begun)
            case.timers = due(begun, limits(self.departments[begun.department].timers))
            self.cases.append(case)

    # -- what happens

    def act(self, case: Case, action: Action) -> Result:
        """Decide, store, and check."""
        before = case.handling
        result = decide(before, action, self.floor(), self.now, conversation=case.name, visitor_zone="Asia/Tokyo")
        if isinstance(result, Transition):
            self._store(case, action, before, result)
            self._check(case, action, before, result)
        return result

    def floor(self) -> Floor:
        return Floor(
            departments=self.departments,
            seats=self.seats(),
            queue=self.queue(),
            pickups=self.pickups,
        )

    def seats(self) -> list[Seat]:
        loads = Counter(name for case in self.cases for name in case.handling.holds_slot_of)
        return [
            Seat(
                agent=agent,
                presence=self.presence[name],
                load=loads[name],
                idle_since=self.idle_since[name],
                misses=self.misses[name],
            )
            for name, agent in self.people.items()
        ]

    def load(self, agent: str) -> int:
        return sum(agent in case.handling.holds_slot_of for case in self.cases)

    def queue(self) -> list[Waiting]:
        return [
            Waiting(conversation=case.name, handling=case.handling)
            for case in self.cases
            if case.handling.state in WAITING
        ]

    def one_in(self, states: Set[State], else_this: Case) -> Case:
        """Give a conversation in one of these states, if there is one."""
        return next((case for case in self.cases if case.handling.state in states), else_this)

    # -- storing

    def _store(self, case: Case, action: Action, before: Handling, result: Transition) -> None:
        said = _said_by(action, self.now)
        after = said(before) if said is not None else before
        if said is not None and before.state not in ENDED:  # what is said after the end comes after the beginning
            case.log.append(Line(at=self.now, said=said))
        if result.moved is not None:
            case.log.append(Line(at=self.now, moved=result.moved))
            after = apply(before, result.moved)
            self.transitions += 1
        assert after == result.handling, "the audit record or what was said does not give the handling"
        case.handling, case.timers = result.handling, result.timers
        self._follow(case, before, result)

    def _follow(self, case: Case, before: Handling, result: Transition) -> None:
        for notice in result.notices:
            if notice.word is Word.SET_AWAY:
                self.presence[notice.agent] = Presence.AWAY
        step = result.moved.transition if result.moved is not None else ""
        if step == Step.RING_MISSED and before.offered_to:
            self.misses[before.offered_to] += 1
        if step == Step.ACCEPTED:
            self.misses[case.handling.agent] = 0
            waited = self.now - before.enqueued_at
            pickup = Pickup(at=self.now, waited_ms=waited, position=before.first_position)
            self.pickups.setdefault(before.department, []).append(pickup)
        if before.agent and before.agent != case.handling.agent:
            self.idle_since[before.agent] = self.now
        if case.handling.state is State.BOT and before.state not in (State.BOT, State.OFFER):
            case.recent = ()

    def crash(self, case: Case) -> None:
        """Forget all, and read it again from the log."""
        handling = case.begun
        for line in case.log:
            handling = apply(handling, line.moved) if line.moved is not None else line.said(handling)  # type: ignore[misc]
        assert handling == case.handling, "the log does not give the state again"
        again = decide(handling, does.TimerFired(kind="none", epoch=-1), self.floor(), self.now)  # type: ignore[arg-type]
        assert isinstance(again, NothingToDo)
        case.handling, case.thinking = handling, None

    def crash_everything(self) -> None:
        """Begin anew from what was stored."""
        for case in self.cases:
            self.crash(case)

    # -- the promises

    def _check(self, case: Case, action: Action, before: Handling, result: Transition) -> None:
        after = case.handling
        moved = result.moved
        self._one_owner(case, before, after)
        assert (moved is not None) == (after.state is not before.state or after.owner != before.owner) or (
            moved is not None and moved.from_state is moved.to_state
        ), "a change of owner or state without an audit record"
        alive = result.timers or (after.agent and not after.agent_gone_at)
        assert after.state is State.CLOSED or alive, f"nothing ends {after.state}"
        assert all(timer.epoch == after.epoch for timer in result.timers)
        if isinstance(action, does.TimerFired):
            again = [timer for timer in result.timers if timer.kind is action.kind and timer.fire_at <= self.now]
            assert not again, f"timer {action.kind} fires for ever"
        if result.status is not None:
            assert result.status.text, result.status
            assert "{" not in result.status.text, result.status
        if moved is not None:
            self._audited(case, before, moved, result)

    def _one_owner(self, case: Case, before: Handling, after: Handling) -> None:
        assert case.owners.setdefault(after.epoch, after.owner) == after.owner, "two owners in one epoch"
        assert bool(after.agent) == (after.state in WITH_AGENT or after.state is State.WRAP_UP), after
        assert (after.owner == "bot") == (after.state in WITH_BOT), after
        changed = (before.state, before.owner) != (after.state, after.owner)
        assert after.epoch == before.epoch + changed
        turned = bool(before.agent) != bool(after.agent) or before.episode != after.episode
        assert not turned or after.owner_epoch > before.owner_epoch

    def _audited(self, case: Case, before: Handling, moved: Moved, result: Transition) -> None:
        after, step = case.handling, moved.transition
        assert moved.handling == after
        assert moved.actor
        if after.state is not before.state:
            case.spent[before.state] = case.spent.get(before.state, 0) + self.now - before.since
            assert after.since == self.now
        assert sum(case.spent.values()) + self.now - after.since == self.now - MONDAY, "time was lost or counted twice"
        if step in TAKES:
            for name in after.holds_slot_of:
                assert self.load(name) <= self.people[name].capacity, f"{name} has too many after {step}"
        if step in (Step.ACCEPTED, Step.TAKEN_OVER) and before.state is State.QUEUED:
            self._nobody_was_passed_over(before, case)
        if before.state in WITH_BOT and after.state in WAITING | WITH_AGENT:
            assert result.status is not None, f"{step} is a handoff that nobody sees"
            assert result.notices, f"{step} is a handoff of which nobody is told"
        if after.state is State.OFFLINE_FORM and before.state is not State.OFFLINE_FORM:
            assert result.status is not None
        if before.state in WITH_AGENT and after.state in WITH_BOT:
            assert step in HANDS_OVER or (step in OFFLINE_STEPS and after.state is State.OFFLINE_FORM), step
        if before.state in ENDED and after.state not in ENDED:
            assert after.episode == before.episode + 1, "what comes after the end is another episode"
            assert after.begun_at == self.now
        else:
            assert after.episode == before.episode
        if before.state is State.RINGING and after.state is State.QUEUED and step != Step.DEPARTMENT_CHANGED:
            assert after.enqueued_at == before.enqueued_at, "a ring cost the place in the queue"

    def _nobody_was_passed_over(self, before: Handling, case: Case) -> None:
        taker = self.people[case.handling.agent]
        place = Waiting(conversation=case.name, handling=before).order
        earlier = [other for other in self.queue() if other.handling.state is State.QUEUED and other.order < place]
        passed = [other for other in earlier if routing.eligible(other.handling, taker)]
        assert not passed or taker.supervises, "an agent took somebody who had waited less"

    def bot_line(self, case: Case) -> None:
        """The bot's reply is recorded, if its fence still holds."""
        if case.thinking is None or case.thinking != (case.handling.owner_epoch, case.turn):
            case.thinking = None
            return
        case.thinking = None
        if not case.handling.bot_may_speak:
            return
        assert not case.handling.agent, "the bot spoke while a person had the conversation"
        self.bot_lines += 1

    def route(self) -> None:
        """Ring as routing says, and hold it to its order."""
        offers = routing.assign(self.queue(), self.seats(), self.now)
        by_name = {case.name: case for case in self.cases}
        for offer in offers:
            result = self.act(by_name[offer.conversation], does.Ring(agent=offer.agent))
            assert isinstance(result, Transition), "routing offered what cannot be offered"
        left = [case for case in self.queue() if case.handling.state is State.QUEUED]
        for offer in offers:
            case = by_name[offer.conversation]
            place = Waiting(conversation=case.name, handling=case.handling).order
            passed = [
                other
                for other in left
                if other.order < place and routing.eligible(other.handling, self.people[offer.agent])
            ]
            assert not passed, "somebody behind was served first"

    def pass_time(self, seconds: int) -> None:
        """Let time go by; whatever is due happens in its order."""
        until = self.now + seconds * 1_000
        for _ in range(4_000):
            due = [(timer.fire_at, number, timer) for number, case in enumerate(self.cases) for timer in case.timers]
            first = min(due, key=lambda each: (each[0], each[1], each[2].kind), default=None)
            if first is None or first[0] > until:
                break
            self.now = max(self.now, first[0])
            case = self.cases[first[1]]
            result = self.act(case, does.TimerFired(kind=first[2].kind, epoch=first[2].epoch))
            if not isinstance(result, Transition):
                case.timers = tuple(timer for timer in case.timers if timer is not first[2])
            assert not isinstance(result, TooEarly), first
        else:
            raise AssertionError("timers never come to rest")
        self.now = max(self.now, until)


def _said_by(action: Action, now: int) -> Callable[[Handling], Handling] | None:
    match action:
        case does.VisitorSpoke():
            return lambda handling: heard(handling, now)
        case does.BotReplied():
            return replied
        case does.AgentSpoke(by=by):
            return lambda handling: answered(handling, now) if handling.agent == by else handling
        case _:
            return None
