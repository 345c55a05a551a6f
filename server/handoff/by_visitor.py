"""What visitors do: write, ask for a person, choose, come, go and rate (rows 1, 2, 4, 11, 12, 21, 27 to 29, 31)."""

from collections.abc import Mapping
from typing import Any

from engine.types import Reason
from server.handoff.actions import WaitChoice
from server.handoff.outcomes import NotAllowed, NothingToDo, Notice, Result, Step, Transition, Word
from server.handoff.scene import AGENT_OVER, WAIT_OVER, Scene
from server.handoff.states import ENDED, NOBODY, WAITING, WITH_AGENT, WITH_BOT, State, heard
from server.handoff.timers import SECOND
from server.handoff.triggers import QUIET_TURNS
from server.handoff.wording import Told


def spoke(scene: Scene) -> Result:
    """Take a message: it resumes what was on hold, and opens anew what was closed."""
    state = scene.handling.state
    if state in ENDED:
        return reopen(scene)
    scene = scene.at(heard(scene.handling, scene.now))
    if state is State.ON_HOLD:
        return scene.move(Step.RESUMED, State.ACTIVE, hold_until=0)
    return scene.settle(scene.handling)


def reopen(scene: Scene, *, asks: bool = False) -> Transition:
    """Begin the next episode: with the former agent, with the bot, or from a clean page.

    Args:
        scene: of a conversation that ended.
        asks: for a person.
    """
    before = scene.handling
    window_open = before.closed_at > 0 and scene.now < before.closed_at + scene.limits.reopen * SECOND
    anew = _episode(scene)
    again = window_open and before.human_handled
    former = before.agent or before.former
    seat = scene.floor.seat(former) if again and former else None
    if seat is not None and seat.free and before.department in seat.agent.departments:
        return _reconnect(scene, former, anew)
    if asks:
        extra = {} if window_open else {"former": ""}
        reason = Reason.CUSTOMER_REQUEST
        return scene.to_queue(Step.ASKED, reason=reason, more_priority=int(again), **{**anew, **extra})
    if window_open:
        return scene.to_bot(Step.REOPENED, None, **{**anew, "priority": int(again), "reason": ""})
    return scene.to_bot(Step.NEW_EPISODE, None, **{**anew, "former": "", "reason": ""})


def _reconnect(scene: Scene, former: str, anew: Mapping[str, Any]) -> Transition:
    fields = {
        **WAIT_OVER,
        **AGENT_OVER,
        **anew,
        "owner": NOBODY,
        "former": former,
        "offered_to": former,
        "enqueued_at": scene.now,
        "noticed_at": scene.now,
        "asked_at": scene.now,
        "first_position": 1,
        "position": 1,
        "reason": scene.handling.reason or Reason.CUSTOMER_REQUEST.value,
    }
    rings = Notice(word=Word.RINGS, agent=former)
    values = {"name": scene.name(former)}
    return scene.move(
        Step.RECONNECTING, State.RINGING, told=Told.RECONNECTING, values=values, notices=[rings], **fields
    )


def _episode(scene: Scene) -> dict[str, Any]:
    """Give the fields with which the next episode begins."""
    return {
        "episode": scene.handling.episode + 1,
        "begun_at": scene.now,
        "heard_at": scene.now,
        "visitor_gone_at": 0,
        "human_handled": False,
        "close_reason": "",
        "resolution": "",
        "tags": (),
        "trail": (),
        "skills": (),
        "quiet_turns": 0,
        "bot_failures": 0,
    }


def asked_for_person(scene: Scene) -> Result:
    """Get a person, without arguing and without asking twice."""
    state = scene.handling.state
    if state in ENDED:
        return reopen(scene, asks=True)
    if state not in WITH_BOT:
        return NothingToDo()
    keeps = state is State.OFFLINE_FORM
    return scene.to_queue(Step.ASKED, reason=Reason.CUSTOMER_REQUEST, keeps_place=keeps)


def cancelled(scene: Scene) -> Result:
    """Leave the queue."""
    state = scene.handling.state
    if state is State.OFFER:
        return _offer_declined(scene)
    if state not in WAITING and state is not State.OFFLINE_FORM:
        return NothingToDo()
    over = rings_no_more(scene)
    return scene.to_bot(Step.CANCELLED, Told.CANCELLED, notices=over, quiet_turns=QUIET_TURNS, reason="")


def rings_no_more(scene: Scene) -> list[Notice]:
    """Take the cards away of those who might have taken it."""
    before = scene.handling
    if before.state not in WAITING:
        return []
    if before.offered_to:
        return [Notice(word=Word.RING_OVER, agent=before.offered_to)]
    return [Notice(word=Word.RING_OVER, department=before.department)]


def offer_answered(scene: Scene, *, yes: bool) -> Result:
    """Take the offer or decline it; a late yes counts as well."""
    state = scene.handling.state
    if not yes:
        return _offer_declined(scene) if state is State.OFFER else NothingToDo()
    if state is State.OFFER:
        return scene.to_queue(Step.ASKED, reason=scene.handling.reason)
    return asked_for_person(scene)


def _offer_declined(scene: Scene) -> Transition:
    return scene.to_bot(Step.OFFER_DECLINED, Told.OFFER_DECLINED, quiet_turns=QUIET_TURNS, reason="")


def wait_chosen(scene: Scene, choice: WaitChoice) -> Result:
    """Go on waiting, ask the bot meanwhile, leave a message, or go back to the bot."""
    before = scene.handling
    if before.state not in WAITING:
        return NothingToDo()
    match choice:
        case WaitChoice.KEEP_WAITING:
            return scene.move(
                Step.KEPT_WAITING,
                told=Told.KEPT_WAITING,
                values=scene.place(before),
                asked_at=scene.now,
                noticed_at=scene.now,
                choices_shown=False,
            )
        case WaitChoice.ASK_BOT:
            return scene.move(Step.ASKING_BOT, told=Told.ASKING_BOT, values=scene.place(before), asks_bot=True)
        case WaitChoice.LEAVE_MESSAGE:
            over = rings_no_more(scene)
            return scene.to_ticket(
                Step.OFFLINE, told=Told.LEAVE_MESSAGE, reason=before.reason, notices=over, leaves_message=True
            )
        case WaitChoice.BACK_TO_BOT:
            return cancelled(scene)


def message_left(scene: Scene, email: str) -> Result:
    """Keep where an answer may go; where no agent has it, it is a ticket."""
    before = scene.handling
    values = {"email": email}
    if before.state in WITH_AGENT:
        return scene.move(Step.MESSAGE_LEFT, told=Told.MESSAGE_LEFT, values=values, email=email)
    anew = _episode(scene) if before.state in ENDED else {}
    return scene.to_ticket(
        Step.MESSAGE_LEFT,
        told=Told.MESSAGE_LEFT,
        reason=before.reason or Reason.CUSTOMER_REQUEST,
        notices=rings_no_more(scene),
        values=values,
        email=email,
        leaves_message=True,
        **anew,
    )


def chat_rated(scene: Scene, stars: int) -> Result:
    """Keep the rating of the episode that ended."""
    before = scene.handling
    if not 1 <= stars <= 5:
        return NotAllowed(why=f"a rating is a number from 1 to 5; got {stars}.")
    if scene.now >= before.rating_until:
        return NotAllowed(why="there is no chat to rate, or its time to be rated is over.")
    if before.rating == stars:
        return NothingToDo()
    return scene.move(Step.RATED, rating=stars, why=f"{stars} of 5")


def chat_ended(scene: Scene) -> Result:
    """End it for the visitor; an agent who had it finishes notes and tags."""
    before = scene.handling
    if before.state in ENDED:
        return NothingToDo()
    told = Told.CLOSED if before.human_handled else Told.CLOSED_IDLE
    fields = scene.ended(close_reason="visitor_left")
    if before.agent:
        over = [Notice(word=Word.ENDED, agent=before.agent), *transfer_no_more(scene)]
        return scene.move(Step.CLOSED, State.WRAP_UP, told=told, notices=over, **fields)
    return scene.move(Step.CLOSED, State.CLOSED, told=told, notices=rings_no_more(scene), **{**fields, "owner": NOBODY})


def transfer_no_more(scene: Scene) -> list[Notice]:
    """Take the card away of whoever was asked to take it."""
    before = scene.handling
    if before.state is not State.TRANSFERRING:
        return []
    kind, _, name = before.transfer_to.partition(":")
    if kind == "agent":
        return [Notice(word=Word.TRANSFER_OVER, agent=name)]
    return [Notice(word=Word.TRANSFER_OVER, department=name)]


def visitor_left(scene: Scene) -> Result:
    """Note when the visitor went, where somebody waits for it."""
    before = scene.handling
    concerns = before.state in WAITING or before.state in WITH_AGENT or before.state is State.OFFLINE_FORM
    if not concerns or before.visitor_gone_at:
        return NothingToDo()
    return scene.move(Step.VISITOR_LEFT, visitor_gone_at=scene.now)


def visitor_returned(scene: Scene) -> Result:
    """Note that the visitor is back."""
    before = scene.handling
    if not before.visitor_gone_at:
        return NothingToDo()
    told = [Notice(word=Word.VISITOR_BACK, agent=before.agent)] if before.agent and before.away_marked else []
    return scene.move(Step.VISITOR_RETURNED, notices=told, visitor_gone_at=0, away_marked=False)
