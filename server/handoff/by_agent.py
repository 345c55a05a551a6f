"""What agents do with what they have, or take (rows 7, 8, 9, 14, 15, 23, 24, 26 and 31)."""

from collections.abc import Sequence

import msgspec

from server.handoff import routing
from server.handoff.actions import AgentAction
from server.handoff.by_visitor import rings_no_more, transfer_no_more
from server.handoff.outcomes import (
    AlreadyTaken,
    Changed,
    NotAllowed,
    NothingToDo,
    Notice,
    Refusal,
    Result,
    Step,
    Transition,
    Word,
)
from server.handoff.ringing import everyone_declined, has_room, ring_over
from server.handoff.routing import Presence, Seat
from server.handoff.scene import Scene
from server.handoff.staff import Role
from server.handoff.states import ENDED, NOBODY, WAITING, WITH_AGENT, Millis, State, answered
from server.handoff.timers import SECOND
from server.handoff.wording import Told

RESOLUTION_CHARS, TAGS, TAG_CHARS = 200, 20, 40  # at most


# -- who may


def seat_of(scene: Scene, agent: str) -> Seat | NotAllowed:
    """Give an agent's seat, if the agent may work at all."""
    seat = scene.floor.seat(agent)
    if seat is None or seat.agent.disabled:
        return NotAllowed(why="you are no agent of this workspace, or no longer.")
    return seat


def member(scene: Scene, agent: str) -> Seat | NotAllowed:
    """Give an agent's seat, if the conversation is the agent's department's; admins are of all."""
    seat = seat_of(scene, agent)
    if isinstance(seat, NotAllowed):
        return seat
    if scene.handling.department not in seat.agent.departments and seat.agent.role is not Role.ADMIN:
        return NotAllowed(why="this conversation belongs to a department that you are not in.")
    return seat


def seat_now(scene: Scene, action: AgentAction) -> Seat | Refusal:
    """Give the seat of an agent who sees the conversation as it is."""
    return _unless_outdated(seat_of(scene, action.by), scene, action)


def member_now(scene: Scene, action: AgentAction) -> Seat | Refusal:
    """Give the seat of an agent of the department who sees the conversation as it is."""
    return _unless_outdated(member(scene, action.by), scene, action)


def owner_or_supervisor(scene: Scene, action: AgentAction) -> Seat | Refusal:
    """Give the seat of who may decide about a conversation that an agent has, and sees it as it is."""
    owns = scene.handling.agent == action.by
    seat = seat_now(scene, action) if owns else member_now(scene, action)
    if isinstance(seat, Seat) and not owns and not seat.agent.supervises:
        return NotAllowed(why="this conversation is not yours. Take it over first.")
    return seat


def _unless_outdated(seat: Seat | NotAllowed, scene: Scene, action: AgentAction) -> Seat | Refusal:
    if isinstance(seat, NotAllowed):
        return seat
    return _outdated(scene, action) or seat


def _outdated(scene: Scene, action: AgentAction) -> Refusal | None:
    """Tell what became of the conversation since the agent saw it; None if nothing did."""
    handling = scene.handling
    if action.epoch == handling.epoch:
        return None
    if handling.agent and handling.agent != action.by:
        return AlreadyTaken(by=handling.agent, at=handling.accepted_at)
    return Changed(state=handling.state, epoch=handling.epoch)


# -- taking


def accept(scene: Scene, action: AgentAction) -> Result:
    """Take a ring, one from the queue, or a ticket."""
    seat = member_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.agent and before.agent != action.by:  # the agent saw that, but the button was still there
        return AlreadyTaken(by=before.agent, at=before.accepted_at)
    if before.state is State.RINGING and before.offered_to not in ("", action.by):
        return NotAllowed(why="it rings for somebody else. Take it over if you must.")
    if before.state not in WAITING and before.state is not State.OFFLINE_FORM:
        return NotAllowed(why="nobody waits here for an agent.")
    if seat.presence is Presence.OFFLINE:
        return NotAllowed(why="you are signed out. Sign in first.")
    if before.state in WAITING and not routing.fits(before, seat.agent):
        return NotAllowed(why="this visitor needs a language or a skill that you do not have.")
    if before.state is State.QUEUED and not seat.agent.supervises and passes_over(scene, seat):
        return NotAllowed(why="somebody has waited longer for you. Take that one first.")
    if not has_room(seat, before):
        return NotAllowed(why=f"you have {seat.agent.capacity} conversations already. Finish one first.")
    step = Step.TICKET_TAKEN if before.state is State.OFFLINE_FORM else Step.ACCEPTED
    return scene.to_agent(step, seat.agent, notices=rings_no_more(scene) if before.offered_to != action.by else ())


def passes_over(scene: Scene, seat: Seat) -> bool:
    """Whether somebody before this one in the queue could be taken by the agent as well."""
    place = routing.Waiting(conversation=scene.conversation, handling=scene.handling).order
    return any(
        other.handling.state is State.QUEUED and other.order < place and routing.eligible(other.handling, seat.agent)
        for other in scene.floor.queue
    )


def decline(scene: Scene, action: AgentAction) -> Result:
    """Let somebody else take a ring; the place in the queue stays."""
    seat = member_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state is not State.RINGING or before.offered_to not in ("", action.by):
        return NotAllowed(why="it does not ring for you.")
    if before.offered_to:
        return ring_over(scene, Step.RING_DECLINED, action.by, missed=False)
    declined = (*before.declined, action.by)
    if everyone_declined(scene, declined):
        return ring_over(scene, Step.RING_DECLINED, action.by, missed=False)
    # the pool rings on without this one
    return scene.move(Step.RING_DECLINED, notices=[Notice(word=Word.RING_OVER, agent=action.by)], declined=declined)


def take_over(scene: Scene, action: AgentAction) -> Result:
    """Take it from whoever has it, the bot too."""
    seat = member_now(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state in ENDED:
        return NotAllowed(why="this chat has ended.")
    if before.agent == action.by:
        return NothingToDo()
    if not seat.agent.supervises:
        if before.agent and not scene.floor.agents_take_over:
            return NotAllowed(why="only supervisors take conversations over.")
        if before.state in WAITING and passes_over(scene, seat):
            return NotAllowed(why="somebody has waited longer for you. Take that one first.")
        if not has_room(seat, before):
            return NotAllowed(why=f"you have {seat.agent.capacity} conversations already. Finish one first.")
    return hand_to(scene, Step.TAKEN_OVER, seat, by=action.by)


def hand_to(scene: Scene, step: Step, seat: Seat, *, by: str, department: str = "") -> Transition:
    """Give it to an agent, and tell who had it."""
    before = scene.handling
    notices = [*rings_no_more(scene), *transfer_no_more(scene)]
    if before.agent:
        notices.append(Notice(word=Word.TAKEN_OVER, agent=before.agent, by=by))
    told = Told.TOOK_OVER if before.agent else Told.JOINED
    return scene.to_agent(step, seat.agent, told=told, notices=notices, department=department or before.department)


# -- having


def spoke(scene: Scene, by: str) -> Result:
    """Take a message of the agent who has it, or of a supervisor."""
    before = scene.handling
    if before.state not in WITH_AGENT:
        return NotAllowed(why="no agent has this conversation. Take it over first.")
    if before.agent != by:
        seat = member(scene, by)
        if isinstance(seat, NotAllowed):
            return seat
        if not seat.agent.supervises:
            return NotAllowed(why=f"{scene.name(before.agent)} has this conversation. Take it over?")
        return scene.settle(before)  # the agent who has it still owes an answer
    scene = scene.at(answered(before, scene.now))
    if before.state is State.ON_HOLD:
        return scene.move(Step.RESUMED, State.ACTIVE, hold_until=0)
    return scene.settle(scene.handling)


def hold(scene: Scene, action: AgentAction, until: Millis) -> Result:
    """Wait; the visitor was told that somebody is at it."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state is not State.ACTIVE or before.agent != action.by:
        return NotAllowed(why="only the agent who is answering can put it on hold.")
    latest = scene.now + scene.limits.hold * SECOND
    until = until or latest
    if not scene.now < until <= latest:
        return NotAllowed(why=f"a hold ends within {scene.limits.hold} seconds, and not in the past.")
    return scene.move(
        Step.HELD,
        State.ON_HOLD,
        told=Told.HOLD,
        values={"name": seat.agent.name},
        hold_until=until,
        waits_since=0,
        spoke_at=before.spoke_at or scene.now,
        warned=False,
        nudged=False,
    )


def resume(scene: Scene, action: AgentAction) -> Result:
    """Go on after a hold."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    if scene.handling.state is not State.ON_HOLD:
        return NotAllowed(why="it is not on hold.")
    return scene.move(Step.RESUMED, State.ACTIVE, hold_until=0)


def return_to_bot(scene: Scene, action: AgentAction, note: str) -> Result:
    """Leave the rest to the bot; the episode stays one that a person handled."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    if scene.handling.state not in (State.ACTIVE, State.ON_HOLD):
        return NotAllowed(why="no agent is answering here.")
    rating_until = scene.now + scene.limits.rating * SECOND
    return scene.to_bot(
        Step.RETURNED_TO_BOT, Told.BACK_WITH_BOT, why=note, reason="", rating=0, rating_until=rating_until
    )


# -- ending


def close(scene: Scene, action: AgentAction, resolution: str, tags: Sequence[str]) -> Result:
    """End it; who had it finishes notes and tags."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    before = scene.handling
    if before.state in ENDED:
        return NotAllowed(why="this chat has ended already.")
    if (wrong := _wrong_tags(tags)) is not None or len(resolution) > RESOLUTION_CHARS:
        return wrong or NotAllowed(why=f"a resolution has at most {RESOLUTION_CHARS} characters.")
    kept = tuple(dict.fromkeys((*before.tags, *tags)))
    fields = scene.ended(close_reason="closed", resolution=resolution, tags=kept)
    if before.agent:
        others = [] if before.agent == action.by else [Notice(word=Word.ENDED, agent=before.agent, by=action.by)]
        notices = [*others, *transfer_no_more(scene)]
        return scene.move(Step.CLOSED, State.WRAP_UP, told=Told.CLOSED, notices=notices, why=resolution, **fields)
    told = Told.CLOSED if before.human_handled else Told.CLOSED_IDLE
    fields["owner"] = NOBODY
    return scene.move(Step.CLOSED, State.CLOSED, told=told, notices=rings_no_more(scene), why=resolution, **fields)


def finish_wrap_up(scene: Scene, action: AgentAction) -> Result:
    """Free the agent's place."""
    seat = owner_or_supervisor(scene, action)
    if not isinstance(seat, Seat):
        return seat
    if scene.handling.state is not State.WRAP_UP:
        return NotAllowed(why="there is nothing to finish here.")
    return wrapped_up(scene)


def wrapped_up(scene: Scene) -> Transition:
    """End the agent's part for good."""
    return scene.move(Step.WRAPPED_UP, State.CLOSED, owner=NOBODY)


def set_tags(scene: Scene, action: AgentAction, tags: Sequence[str]) -> Result:
    """Replace the tags, whatever happened since the agent looked: nobody is harmed by it."""
    seat = member(scene, action.by)
    if isinstance(seat, NotAllowed):
        return seat
    if (wrong := _wrong_tags(tags)) is not None:
        return wrong
    tags = tuple(dict.fromkeys(tags))
    if tags == scene.handling.tags:
        return NothingToDo()
    return scene.move(Step.TAGGED, tags=tags, why=", ".join(tags))


def _wrong_tags(tags: Sequence[str]) -> NotAllowed | None:
    if len(tags) > TAGS or any(not 0 < len(tag) <= TAG_CHARS for tag in tags):
        return NotAllowed(why=f"at most {TAGS} tags of 1 to {TAG_CHARS} characters can be given.")
    return None


def as_member(scene: Scene, department: str) -> Scene:
    """Give the scene as another department would have it."""
    return msgspec.structs.replace(scene, handling=scene.handling_in(department))
