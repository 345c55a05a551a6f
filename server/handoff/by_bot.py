"""What the bot's replies and failures change (rows 3, 4, 5 and 30)."""

from engine.types import Reason
from server.handoff.actions import TurnSeen
from server.handoff.outcomes import NothingToDo, Result, Step, Transition
from server.handoff.scene import Scene
from server.handoff.states import WAITING, WITH_BOT, State, replied
from server.handoff.triggers import QUIET_TURNS, Need, need, need_by_rating
from server.handoff.wording import Told

MAX_FAILURES = 2  # in a row; then a person


def bot_replied(scene: Scene, recent: tuple[TurnSeen, ...]) -> Result:
    """Judge the turn that the bot just answered."""
    quiet = scene.handling.quiet_turns > 0
    scene = scene.at(replied(scene.handling))
    wanted = need(recent)
    match scene.handling.state:
        case State.BOT if wanted is not None:
            if wanted.at_once:
                return scene.to_queue(Step.ASKED, reason=wanted.reason)
            return scene.settle(scene.handling) if quiet else offer(scene, wanted)
        case State.OFFER:
            return _beside_an_offer(scene, recent[-1] if recent else None, wanted)
        case State.OFFLINE_FORM if wanted is not None and wanted.at_once:
            return scene.to_queue(Step.ASKED, reason=wanted.reason, keeps_place=True)
        case _:
            return scene.settle(scene.handling)


def _beside_an_offer(scene: Scene, last: TurnSeen | None, wanted: Need | None) -> Transition:
    """Read what the visitor wrote instead of pressing a button: a yes, a no, or another question."""
    said = last.reason if last is not None and last.decision == "smalltalk" else ""
    if wanted is not None and wanted.at_once:
        return scene.to_queue(Step.ASKED, reason=wanted.reason)
    if said == "affirm":
        return scene.to_queue(Step.ASKED, reason=scene.handling.reason)
    if said == "deny":
        return scene.to_bot(Step.OFFER_DECLINED, None, quiet_turns=QUIET_TURNS, reason="")
    # Who goes on asking is not asked again at the very next turn.
    return scene.to_bot(Step.OFFER_PASSED, None, quiet_turns=1, reason="")


def reply_rated(scene: Scene, recent: tuple[TurnSeen, ...]) -> Result:
    """Offer a person to who was not helped twice."""
    wanted = need_by_rating(recent)
    if wanted is None or scene.handling.state is not State.BOT or scene.handling.quiet_turns:
        return NothingToDo()
    return offer(scene, wanted)


def offer(scene: Scene, wanted: Need) -> Transition:
    """Ask whether a person is wanted; where nobody is there, say when somebody is."""
    if scene.serving() is None:
        return scene.to_ticket(Step.OFFLINE, told=Told.OFFLINE, reason=wanted.reason, enqueued_at=0)  # nobody asked
    told = Told.OFFER_UPSET if wanted.reason is Reason.NEGATIVE_SENTIMENT else Told.OFFER
    return scene.move(Step.OFFERED, State.OFFER, told=told, reason=wanted.reason.value)


def bot_failed(scene: Scene) -> Result:
    """Say so; the second time in a row, get a person."""
    state = scene.handling.state
    failures = scene.handling.bot_failures + 1
    if state in WITH_BOT and failures >= MAX_FAILURES:
        return scene.to_queue(Step.BOT_FAILED, reason=Reason.TOOL_FAILURE, keeps_place=state is State.OFFLINE_FORM)
    if state in WITH_BOT or (state in WAITING and scene.handling.asks_bot):
        return scene.move(Step.BOT_FAILED, told=Told.BOT_FAILED, bot_failures=failures)
    return NothingToDo()
