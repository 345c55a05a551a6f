"""A ring and a question to a colleague: how they begin, and how they end without a yes (rows 6, 9 and 17)."""

from server.handoff import routing
from server.handoff.outcomes import Notice, Result, Step, Transition, Word
from server.handoff.routing import EXPECTED, Seat
from server.handoff.scene import Scene
from server.handoff.states import TO_AGENT, Handling, State
from server.handoff.wording import Told


def has_room(seat: Seat, handling: Handling) -> bool:
    """Whether a conversation fits into an agent's capacity; a place that it holds already is its own."""
    own = 1 if seat.agent.id in handling.holds_slot_of else 0
    return seat.load - own < seat.agent.capacity


def ring_over(scene: Scene, step: Step, agent: str, *, missed: bool) -> Result:
    """Put it back at its place; whoever did not take it is not asked again in this wait.

    Args:
        scene: of a conversation that rings.
        step: the transition's name.
        agent: who did not take it; "" is all who were asked.
        missed: nobody pressed anything.
    """
    before, limits = scene.handling, scene.limits
    rings = before.rings + 1
    declined = (*before.declined, agent) if agent and agent not in before.declined else before.declined
    round_over = rings % limits.rings == 0
    card = (
        Notice(word=Word.RING_OVER, agent=agent) if agent else Notice(word=Word.RING_OVER, department=before.department)
    )
    notices = [card]
    seat = scene.floor.seat(agent) if agent else None
    if missed and seat is not None and seat.misses + 1 >= limits.misses:
        notices.append(Notice(word=Word.SET_AWAY, agent=agent))
    if round_over or everyone_declined(scene, declined):
        notices.append(Notice(word=Word.NOBODY_TAKES_IT, department=before.department, supervisors=True))
    return scene.move(
        step,
        State.QUEUED,
        notices=notices,
        offered_to="",
        rings=rings,
        declined=declined,
        priority=before.priority + int(round_over),
    )


def everyone_declined(scene: Scene, declined: tuple[str, ...]) -> bool:
    """Whether nobody is left to be asked in this wait."""
    fitting = [
        seat.agent.id
        for seat in scene.floor.seats
        if seat.presence in EXPECTED and routing.fits(scene.handling, seat.agent)
    ]
    return all(agent in declined for agent in fitting)


def transfer_back(scene: Scene, step: Step, *, by: str = "") -> Transition:
    """Leave it with the agent who has it."""
    before = scene.handling
    kind, _, name = before.transfer_to.partition(":")
    asked = (
        Notice(word=Word.TRANSFER_OVER, agent=name)
        if kind + ":" == TO_AGENT
        else Notice(word=Word.TRANSFER_OVER, department=name)
    )
    return scene.move(
        step,
        State.ACTIVE,
        told=Told.STILL_WITH,
        values={"name": scene.name(before.agent)},
        notices=[Notice(word=Word.TRANSFER_BACK, agent=before.agent, by=by), asked],
        why=before.transfer_note,
        transfer_to="",
        transfer_note="",
        accepted_at=scene.now,
        nudged=False,
    )
