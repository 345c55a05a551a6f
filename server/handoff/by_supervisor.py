"""Passing on, and what only supervisors do (rows 16, 17 and 25)."""

from server.handoff import hours, routing
from server.handoff.actions import AgentAction, Assign, Transfer
from server.handoff.by_agent import as_member, hand_to, member_now, owner_or_supervisor, seat_now
from server.handoff.by_visitor import rings_no_more, transfer_no_more
from server.handoff.outcomes import NotAllowed, NothingToDo, Notice, Result, Step, Word
from server.handoff.ringing import has_room, transfer_back
from server.handoff.routing import EXPECTED, SIGNED_IN, Presence, Seat
from server.handoff.scene import Scene
from server.handoff.staff import Agent
from server.handoff.states import (
    ENDED,
    NOBODY,
    TO_AGENT,
    TO_DEPARTMENT,
    WITH_AGENT,
    Handling,
    State,
    agent_name,
)
from server.handoff.wording import Told

NOTE_CHARS = 2_000
WARN_ROUNDS, ALERT_ROUNDS = 1, 2  # times that it comes back to somebody who had it


def transfer(scene: Scene, action: Transfer) -> Result:
    """Ask a colleague or another department; it stays with who has it until then."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    if scene.handling.state not in (State.ACTIVE, State.ON_HOLD):
        return NotAllowed(why="only a conversation that an agent is answering can be passed on.")
    if not action.note.strip() or len(action.note) > NOTE_CHARS:
        return NotAllowed(why=f"say in 1 to {NOTE_CHARS} characters why it is passed on.")
    if bool(action.to_agent) == bool(action.to_department):
        return NotAllowed(why="pass it on to an agent or to a department.")
    return _to_agent(scene, action) if action.to_agent else _to_department(scene, action)


def _to_agent(scene: Scene, action: Transfer) -> Result:
    before = scene.handling
    target = scene.floor.seat(action.to_agent)
    if target is None or target.agent.disabled or action.to_agent == before.agent:
        return NotAllowed(why="there is no such colleague to pass it on to.")
    if action.cold:
        return NotAllowed(why="a colleague has to accept; only a department can be given it at once.")
    if target.presence is not Presence.AVAILABLE or not has_room(target, before):
        return NotAllowed(why=f"{target.agent.name} is not available just now.")
    rounds = _rounds((*before.trail, action.to_agent))
    notices = [Notice(word=Word.ASKED_TO_TAKE, agent=action.to_agent, by=action.by)]
    if rounds >= WARN_ROUNDS:
        notices.append(Notice(word=Word.GOES_ROUND, agent=action.by))
    if rounds >= ALERT_ROUNDS:
        notices.append(Notice(word=Word.GOES_ROUND, department=before.department, supervisors=True))
    department = scene.floor.departments.get(_department_of(before, target.agent))
    return scene.move(
        Step.TRANSFER_ASKED,
        State.TRANSFERRING,
        told=Told.TRANSFERRING,
        values={
            "agent": scene.name(before.agent),
            "name": target.agent.name,
            "department": department.name(before.language) if department is not None else before.department,
        },
        notices=notices,
        why=action.note,
        transfer_to=TO_AGENT + action.to_agent,
        transfer_note=action.note,
        hold_until=0,
    )


def _to_department(scene: Scene, action: Transfer) -> Result:
    before = scene.handling
    department = scene.floor.departments.get(action.to_department)
    if department is None or not department.enabled:
        return NotAllowed(why="there is no such department.")
    there = as_member(scene, department.id)
    others = [seat for seat in scene.floor.seats if seat.agent.id != before.agent]
    if not hours.is_open(department, scene.now) or not routing.staffed(there.handling, others, EXPECTED):
        return NotAllowed(why=f"nobody of {department.name(before.language)} is there just now.")
    values = {"agent": scene.name(before.agent), "department": department.name(before.language)}
    if action.cold:
        return there.to_queue(
            Step.PASSED_ON,
            reason=before.reason,
            told=Told.PASSED_ON,
            values=values,
            more_priority=1,
            without=before.agent,
            why=action.note,
        )
    return scene.move(
        Step.TRANSFER_ASKED,
        State.TRANSFERRING,
        told=Told.TRANSFERRING,
        values=values,
        notices=[Notice(word=Word.ASKED_TO_TAKE, department=department.id, by=action.by)],
        why=action.note,
        transfer_to=TO_DEPARTMENT + department.id,
        transfer_note=action.note,
        hold_until=0,
    )


def _rounds(trail: tuple[str, ...]) -> int:
    """Count how often it came back to somebody who had it."""
    return sum(1 for place, agent in enumerate(trail) if agent in trail[:place])


def _department_of(handling: Handling, agent: Agent) -> str:
    """Give the conversation's department if the agent is of it, else the agent's first."""
    if handling.department in agent.departments or not agent.departments:
        return handling.department
    return agent.departments[0]


def accept_transfer(scene: Scene, action: AgentAction) -> Result:
    """Take what is passed on: the new place is taken before the old one is freed."""
    seat = seat_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state is not State.TRANSFERRING or not _asked(before, seat.agent):
        return NotAllowed(why="nobody asked you to take this conversation.")
    if not has_room(seat, before):
        return NotAllowed(why=f"you have {seat.agent.capacity} conversations already. Finish one first.")
    if before.transfer_to.startswith(TO_DEPARTMENT):
        department = before.transfer_to.removeprefix(TO_DEPARTMENT)
    else:
        department = _department_of(before, seat.agent)
    notices = [Notice(word=Word.TRANSFER_OVER, agent=before.agent, by=action.by), *transfer_no_more(scene)]
    return scene.to_agent(Step.TRANSFER_ACCEPTED, seat.agent, notices=notices, department=department)


def _asked(handling: Handling, agent: Agent) -> bool:
    if agent_name(agent.id) == handling.owner:
        return False
    if handling.transfer_to.startswith(TO_AGENT):
        return handling.transfer_to == TO_AGENT + agent.id
    return handling.transfer_to.removeprefix(TO_DEPARTMENT) in agent.departments


def decline_transfer(scene: Scene, action: AgentAction) -> Result:
    """Do not take it; or, by who has it, take the question back."""
    seat = seat_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state is not State.TRANSFERRING:
        return NotAllowed(why="this conversation is not being passed on.")
    if before.agent == action.by:
        return transfer_back(scene, Step.TRANSFER_DECLINED, by=action.by)
    if not _asked(before, seat.agent):
        return NotAllowed(why="nobody asked you to take this conversation.")
    if before.transfer_to.startswith(TO_DEPARTMENT):
        return NothingToDo()  # the others of the department may
    return transfer_back(scene, Step.TRANSFER_DECLINED, by=action.by)


def assign(scene: Scene, action: Assign) -> Result:
    """Give it to an agent, whatever the load."""
    seat = member_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    if not seat.agent.supervises:
        return NotAllowed(why="only supervisors assign conversations.")
    before = scene.handling
    target = scene.floor.seat(action.agent)
    if target is None or target.agent.disabled or target.presence not in SIGNED_IN:
        return NotAllowed(why="this agent is not signed in.")
    if before.state in ENDED:
        return NotAllowed(why="this chat has ended.")
    if before.agent == action.agent:
        return NothingToDo()
    return hand_to(scene, Step.ASSIGNED, target, by=action.by, department=_department_of(before, target.agent))


def requeue(scene: Scene, action: AgentAction) -> Result:
    """Put it back into the queue."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state in WITH_AGENT:
        had = [Notice(word=Word.REASSIGNED, agent=before.agent, by=action.by), *transfer_no_more(scene)]
        return scene.to_queue(
            Step.REQUEUED,
            reason=before.reason,
            told=Told.FINDING_OTHER,
            more_priority=1,
            without=before.agent if before.agent == action.by else "",
            notices=had,
        )
    if before.state is State.RINGING:
        return scene.move(Step.REQUEUED, State.QUEUED, notices=rings_no_more(scene), offered_to="")
    if before.state is State.OFFLINE_FORM:
        return scene.to_queue(Step.REQUEUED, reason=before.reason, keeps_place=True)
    return NotAllowed(why="only what an agent has, what rings, and tickets can be queued.")


def block(scene: Scene, action: AgentAction) -> Result:
    """End it at once, without a word: its place and its agent are free."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state is State.CLOSED:
        return NothingToDo()
    notices = [*rings_no_more(scene), *transfer_no_more(scene)]
    if before.agent and before.agent != action.by:
        notices.append(Notice(word=Word.ENDED, agent=before.agent, by=action.by))
    fields = {**scene.ended(close_reason="blocked", rating_until=0, human_handled=False), "owner": NOBODY}
    return scene.move(Step.BLOCKED, State.CLOSED, notices=notices, **fields)
