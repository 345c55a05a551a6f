"""What nobody presses: routing, presence, the floor and timers (rows 4, 6, 9, 10, 12, 13, 17 to 22, 31 to 33)."""

from server.handoff import hours, routing
from server.handoff.by_agent import wrapped_up
from server.handoff.by_visitor import rings_no_more, transfer_no_more
from server.handoff.outcomes import NothingToDo, Notice, Result, Step, TooEarly, Transition, Word
from server.handoff.ringing import has_room, ring_over, transfer_back
from server.handoff.routing import EXPECTED, SIGNED_IN, Presence
from server.handoff.scene import Scene
from server.handoff.states import NOBODY, TO_AGENT, TO_DEPARTMENT, WAITING, WITH_AGENT, State
from server.handoff.timers import SECOND, Kind
from server.handoff.wording import Told


def ring(scene: Scene, agent: str) -> Result:
    """Offer it to an agent, and hold a place for it; "" offers it to all who may take it."""
    before = scene.handling
    if before.state is not State.QUEUED:
        return NothingToDo()
    if not agent:
        if not routing.staffed(before, scene.floor.seats, EXPECTED):
            return NothingToDo()
        rings = Notice(word=Word.RINGS, department=before.department)
        return scene.move(Step.RANG, State.RINGING, notices=[rings], offered_to="")
    seat = scene.floor.seat(agent)
    if seat is None or not seat.free or not routing.eligible(before, seat.agent):
        return NothingToDo()
    if seat.misses >= scene.limits.misses:
        return NothingToDo()
    return scene.move(Step.RANG, State.RINGING, notices=[Notice(word=Word.RINGS, agent=agent)], offered_to=agent)


def agent_left(scene: Scene, agent: str) -> Result:
    """Wait for an agent who lost the connection; the visitor sees nothing of it yet."""
    before = scene.handling
    if before.state not in WITH_AGENT or before.agent != agent or before.agent_gone_at:
        return NothingToDo()
    return scene.move(Step.AGENT_LEFT, agent_gone_at=scene.now)


def agent_returned(scene: Scene, agent: str) -> Result:
    """Go on as if nothing had been."""
    before = scene.handling
    if before.agent != agent or not before.agent_gone_at:
        return NothingToDo()
    return scene.move(Step.AGENT_RETURNED, agent_gone_at=0)


# -- the floor


def floor_changed(scene: Scene) -> Result:
    """Look again: whether somebody can still take it, who has it, and which number it is."""
    before = scene.handling
    if before.state in WAITING:
        return _look_at_the_queue(scene)
    if before.state in WITH_AGENT:
        return _look_at_the_agents(scene)
    if before.state is State.OFFLINE_FORM:
        waits = before.enqueued_at and not before.visitor_gone_at and not before.leaves_message
        if not waits or scene.serving() is None:
            return NothingToDo()
        return scene.to_queue(Step.TEAM_BACK, reason=before.reason, told=Told.TEAM_BACK, keeps_place=True)
    return NothingToDo()


def _look_at_the_queue(scene: Scene) -> Result:
    before = scene.handling
    if not scene.serves(scene.department, SIGNED_IN):
        return _unserved(scene)
    if before.state is State.RINGING:
        return _look_at_the_ring(scene)
    place = scene.place(before)
    if int(place["position"]) == before.position:
        return NothingToDo()
    soonest = before.noticed_at + scene.limits.notice_gap * SECOND
    if scene.now < soonest:
        return TooEarly(until=soonest)
    return scene.move(
        Step.POSITION,
        told=Told.POSITION,
        values=place,
        noticed_at=scene.now,
        position=int(place["position"]),
    )


def _look_at_the_ring(scene: Scene) -> Result:
    """Stop a ring that nobody can hear, or that can no longer be accepted."""
    before = scene.handling
    seat = scene.floor.seat(before.offered_to) if before.offered_to else None
    heard = seat is not None and not seat.agent.disabled and seat.presence is not Presence.OFFLINE
    if not before.offered_to or (heard and seat is not None and has_room(seat, before)):
        return NothingToDo()
    return scene.move(Step.RING_WITHDRAWN, State.QUEUED, notices=rings_no_more(scene), offered_to="")


def _unserved(scene: Scene) -> Transition:
    """Let the department that takes over have it, at its place; else open a ticket."""
    before = scene.handling
    other = scene.serving()
    if other is None:
        over = rings_no_more(scene)
        return scene.to_ticket(Step.UNSERVED, told=Told.OFFLINE_NOW, reason=before.reason, notices=over)
    place = scene.place(scene.handling_in(other.id))
    return scene.move(
        Step.DEPARTMENT_CHANGED,
        State.QUEUED,
        told=Told.POSITION,
        values=place,
        notices=[*rings_no_more(scene), Notice(word=Word.WAITS, department=other.id)],
        department=other.id,
        offered_to="",
        declined=(),
        noticed_at=scene.now,
        position=int(place["position"]),
    )


def _look_at_the_agents(scene: Scene) -> Result:
    before = scene.handling
    owner = scene.floor.seat(before.agent)
    if owner is None or owner.agent.disabled:
        return agent_lost(scene, Step.AGENT_REMOVED)
    if before.state is not State.TRANSFERRING:
        return NothingToDo()
    if before.transfer_to.startswith(TO_AGENT):
        target = scene.floor.seat(before.transfer_to.removeprefix(TO_AGENT))
        there = target is not None and not target.agent.disabled and target.presence in EXPECTED
    else:
        there = _department_is_there(scene, before.transfer_to.removeprefix(TO_DEPARTMENT))
    return NothingToDo() if there else transfer_back(scene, Step.TRANSFER_TARGET_GONE)


def _department_is_there(scene: Scene, name: str) -> bool:
    department = scene.floor.departments.get(name)
    others = [seat for seat in scene.floor.seats if seat.agent.id != scene.handling.agent]
    is_open = department is not None and hours.is_open(department, scene.now)
    return is_open and routing.staffed(scene.handling_in(name), others, EXPECTED)


def agent_lost(scene: Scene, step: Step) -> Transition:
    """Find somebody else, before all others of the same priority."""
    before = scene.handling
    return scene.to_queue(
        step,
        reason=before.reason,
        told=Told.LOST_AGENT,
        values={"name": scene.name(before.agent)},
        front=True,
        offline=Told.OFFLINE_NOW,
        notices=[Notice(word=Word.REASSIGNED, agent=before.agent), *transfer_no_more(scene)],
    )


# -- timers


def timer_fired(scene: Scene, kind: Kind, epoch: int) -> Result:
    """Do what is due; a timer of another epoch, or one that is not due, does nothing."""
    before = scene.handling
    if epoch != before.epoch:
        return NothingToDo()
    set_now = scene.settle(before).timers
    timer = next((each for each in set_now if each.kind is kind), None)
    if kind is Kind.HOURS_END and before.state in WAITING:
        return floor_changed(scene) if timer is None or timer.fire_at <= scene.now else TooEarly(until=timer.fire_at)
    if timer is None:
        return NothingToDo()
    if timer.fire_at > scene.now:
        return TooEarly(until=timer.fire_at)
    return _due(scene, kind)


def _due(scene: Scene, kind: Kind) -> Result:
    match kind:
        case Kind.OFFER:
            return scene.to_bot(Step.OFFER_EXPIRED, None, reason="")
        case Kind.RING:
            return ring_over(scene, Step.RING_MISSED, scene.handling.offered_to, missed=True)
        case Kind.NOTICE | Kind.QUEUE_MAX | Kind.VISITOR_GRACE | Kind.HOURS_END:
            return _waited(scene, kind)
        case Kind.AGENT_GRACE:
            return agent_lost(scene, Step.AGENT_LOST)
        case Kind.FIRST_REPLY | Kind.REPLY | Kind.REASSIGN:
            return _agent_is_slow(scene, kind)
        case Kind.AWAY | Kind.NUDGE | Kind.VISITOR_IDLE:
            return _visitor_is_silent(scene, kind)
        case Kind.HOLD:
            return scene.move(Step.RESUMED, State.ACTIVE, hold_until=0, waits_since=scene.now)
        case Kind.TRANSFER:
            return transfer_back(scene, Step.TRANSFER_MISSED)
        case Kind.WRAP_UP:
            return wrapped_up(scene)
        case Kind.IDLE:
            fields = {**scene.ended(close_reason="idle"), "owner": NOBODY}
            return scene.move(Step.IDLE, State.CLOSED, **fields)


def _waited(scene: Scene, kind: Kind) -> Result:
    before = scene.handling
    if kind is Kind.VISITOR_GRACE:
        over = rings_no_more(scene)
        return scene.to_bot(Step.PLACE_LOST, Told.PLACE_LOST, notices=over, lost_place=True)
    if kind is Kind.QUEUE_MAX:
        return _everyone_is_busy(scene)
    place = scene.place(before)
    return scene.move(
        Step.STILL_WAITING,
        told=Told.STILL_WAITING,
        values=place,
        noticed_at=scene.now,
        reminded=before.reminded + 1,
        position=int(place["position"]),
    )


def _everyone_is_busy(scene: Scene) -> Transition:
    """Let the visitor choose, ask all agents anew, and let the department that takes over have it."""
    before = scene.handling
    department, notices = (
        before.department,
        [Notice(word=Word.NOBODY_TAKES_IT, department=before.department, supervisors=True)],
    )
    own = scene.department
    other = scene.floor.departments.get(own.fallback) if own is not None and own.fallback else None
    if other is not None and before.state is State.QUEUED and scene.serves(other):
        department = other.id
        notices += [*rings_no_more(scene), Notice(word=Word.WAITS, department=department)]
    place = scene.place(scene.handling_in(department))
    return scene.move(
        Step.ALL_BUSY,
        told=None if before.choices_shown else Told.ALL_BUSY,  # who saw the choices need not see them again
        values=place,
        notices=notices,
        department=department,
        declined=() if before.state is State.QUEUED else before.declined,
        asked_at=scene.now,
        noticed_at=scene.now,
        choices_shown=True,
        position=int(place["position"]),
    )


def _agent_is_slow(scene: Scene, kind: Kind) -> Transition:
    before = scene.handling
    if kind is Kind.FIRST_REPLY:
        due_now = Notice(word=Word.FIRST_REPLY_DUE, agent=before.agent)
        return scene.move(Step.AGENT_WARNED, notices=[due_now], warned=True)
    if kind is Kind.REPLY:
        late = Notice(word=Word.REPLY_LATE, department=before.department, supervisors=True, by=before.agent)
        return scene.move(Step.REPLY_LATE, notices=[late], warned=True)
    if not _others_serve(scene):  # who is slow is better than nobody
        late = Notice(word=Word.REPLY_LATE, department=before.department, supervisors=True, by=before.agent)
        again = scene.now if before.waits_since else 0
        return scene.move(Step.REPLY_LATE, notices=[late], accepted_at=scene.now, waits_since=again)
    return scene.to_queue(
        Step.AGENT_TOO_SLOW,
        reason=before.reason,
        told=Told.FINDING_OTHER,
        more_priority=1,
        without=before.agent,
        offline=Told.OFFLINE_NOW,
        notices=[Notice(word=Word.REASSIGNED, agent=before.agent)],
    )


def _others_serve(scene: Scene) -> bool:
    """Whether somebody else could take it now or before long."""
    department = scene.serving()
    if department is None:
        return False
    others = [seat for seat in scene.floor.seats if seat.agent.id != scene.handling.agent]
    return routing.staffed(scene.handling_in(department.id), others, EXPECTED)


def _visitor_is_silent(scene: Scene, kind: Kind) -> Transition:
    before = scene.handling
    if kind is Kind.AWAY:
        notices = [Notice(word=Word.VISITOR_AWAY, agent=before.agent)]
        if before.email:
            notices.append(Notice(word=Word.MAIL, agent=before.agent))
        return scene.move(Step.VISITOR_AWAY, notices=notices, away_marked=True)
    if kind is Kind.NUDGE:
        return scene.move(Step.NUDGED, told=Told.NUDGE, nudged=True)
    values = {"name": scene.name(before.agent), "minutes": str(scene.limits.reopen // 60)}
    over = [Notice(word=Word.ENDED, agent=before.agent)]
    fields = scene.ended(close_reason="visitor_idle")
    return scene.move(Step.VISITOR_IDLE, State.WRAP_UP, told=Told.CLOSED_IDLE, values=values, notices=over, **fields)
