"""The handoff as one function: where a conversation stands and what happens give what comes of it. Pure.

The rows of the specification are in the files of who acts: `by_visitor`, `by_bot`, `by_agent`, `by_supervisor`,
`by_system`. A transition holds whole: the handling, one audit record, what the visitor is told, who else is told, and
all timers from now on.
"""

from server.handoff import actions as does
from server.handoff import by_agent, by_bot, by_supervisor, by_system, by_visitor
from server.handoff.outcomes import Result
from server.handoff.scene import Floor, Scene
from server.handoff.states import Handling, Millis, Moved, agent_name


def decide(
    handling: Handling,
    action: does.Action,
    floor: Floor,
    now: Millis,
    *,
    conversation: bytes = b"",
    visitor_zone: str = "",
) -> Result:
    """Tell what comes of an action.

    Args:
        handling: where the conversation stands.
        action: what happens.
        floor: who is there, and who waits.
        now: the time of day, in milliseconds.
        conversation: its id, for its place in the queue.
        visitor_zone: the visitor's time zone, IANA name; "" if it is not known.

    Returns:
        A transition, or why there is none.
    """
    scene = Scene(
        handling=handling,
        floor=floor,
        now=now,
        actor=_actor(action),
        conversation=conversation,
        visitor_zone=visitor_zone,
    )
    if isinstance(action, does.ByVisitor):
        return _by_visitor(scene, action)
    if isinstance(action, does.ByAgent):
        return _by_agent(scene, action)
    match action:
        case does.BotReplied(recent=recent):
            return by_bot.bot_replied(scene, recent)
        case does.BotFailed():
            return by_bot.bot_failed(scene)
        case does.Ring(agent=agent):
            return by_system.ring(scene, agent)
        case does.AgentLeft(agent=agent):
            return by_system.agent_left(scene, agent)
        case does.AgentReturned(agent=agent):
            return by_system.agent_returned(scene, agent)
        case does.FloorChanged():
            return by_system.floor_changed(scene)
        case does.TimerFired(kind=kind, epoch=epoch):
            return by_system.timer_fired(scene, kind, epoch)


def apply(handling: Handling, moved: Moved) -> Handling:
    """Give the handling after a transition.

    Raises:
        ValueError: the transition began elsewhere.
    """
    after = moved.handling
    steps = after.epoch - handling.epoch
    if moved.from_state is not handling.state or moved.to_state is not after.state or steps not in (0, 1):
        raise ValueError(f"{moved.transition} of epoch {after.epoch} cannot follow {handling.state} {handling.epoch}")
    return after


def _actor(action: does.Action) -> str:
    match action:
        case does.AgentAction(by=by) | does.AgentSpoke(by=by):
            return agent_name(by)
        case does.BotReplied() | does.BotFailed():
            return "bot"
        case does.TimerFired():
            return "timer"
        case does.Ring() | does.AgentLeft() | does.AgentReturned() | does.FloorChanged():
            return "system"
        case _:
            return "visitor"


def _by_visitor(scene: Scene, action: does.ByVisitor) -> Result:
    match action:
        case does.VisitorSpoke():
            return by_visitor.spoke(scene)
        case does.AskedForPerson():
            return by_visitor.asked_for_person(scene)
        case does.Cancelled():
            return by_visitor.cancelled(scene)
        case does.OfferAnswered(yes=yes):
            return by_visitor.offer_answered(scene, yes=yes)
        case does.WaitChosen(choice=choice):
            return by_visitor.wait_chosen(scene, choice)
        case does.MessageLeft(email=email):
            return by_visitor.message_left(scene, email)
        case does.ReplyRated(recent=recent):
            return by_bot.reply_rated(scene, recent)
        case does.ChatRated(stars=stars):
            return by_visitor.chat_rated(scene, stars)
        case does.ChatEnded():
            return by_visitor.chat_ended(scene)
        case does.VisitorLeft():
            return by_visitor.visitor_left(scene)
        case does.VisitorReturned():
            return by_visitor.visitor_returned(scene)


def _by_agent(scene: Scene, action: does.ByAgent) -> Result:
    match action:
        case does.Accept():
            return by_agent.accept(scene, action)
        case does.Decline():
            return by_agent.decline(scene, action)
        case does.TakeOver():
            return by_agent.take_over(scene, action)
        case does.Transfer():
            return by_supervisor.transfer(scene, action)
        case does.AcceptTransfer():
            return by_supervisor.accept_transfer(scene, action)
        case does.DeclineTransfer():
            return by_supervisor.decline_transfer(scene, action)
        case does.Hold(until=until):
            return by_agent.hold(scene, action, until)
        case does.Resume():
            return by_agent.resume(scene, action)
        case does.ReturnToBot(note=note):
            return by_agent.return_to_bot(scene, action, note)
        case does.CloseChat(resolution=resolution, tags=tags):
            return by_agent.close(scene, action, resolution, tags)
        case does.FinishWrapUp():
            return by_agent.finish_wrap_up(scene, action)
        case does.SetTags(tags=tags):
            return by_agent.set_tags(scene, action, tags)
        case does.Assign():
            return by_supervisor.assign(scene, action)
        case does.Requeue():
            return by_supervisor.requeue(scene, action)
        case does.Block():
            return by_supervisor.block(scene, action)
        case does.AgentSpoke(by=by):
            return by_agent.spoke(scene, by)
