"""What follows from what is said: the machine's transitions as events. Is a `server.conversations.rules.Rules`."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from engine import replies
from engine.types import Unknown
from models.language import detect
from models.protocols import Language
from server.conversations import commands as asks
from server.conversations.bot import Reply
from server.conversations.events import Event
from server.conversations.recent import Recent
from server.conversations.rules import Put, PutReply
from server.conversations.state import SYSTEM, Drafts, Head, spoken
from server.errors import AlreadyTaken, BadCommand, NotAllowed, Outdated
from server.handoff import actions as does
from server.handoff import outcomes
from server.handoff.floors import Floors
from server.handoff.machine import decide
from server.handoff.outcomes import Result, Transition
from server.handoff.scene import Scene
from server.handoff.states import ENDED, WAITING, WITH_BOT, Handling, Millis
from server.handoff.timers import Timer
from server.ids import derived_id, to_text

Stored = Callable[[Drafts], None]  # told of what is on disk


class Following:
    """Asks the machine, and writes down what it says. Neither waits nor tells anybody: that is up to who is told."""

    def __init__(self, floors: Floors, stored: Stored, forget: Callable[[Head], Awaitable[None]]) -> None:
        """Take the parts.

        Args:
            floors: the workspaces as they are.
            stored: told of drafts that are on disk.
            forget: deletes what is kept elsewhere of a visitor's words.
        """
        self._floors = floors
        self._stored = stored
        self._forget = forget

    # -- what visitors do, and the bot

    def heard(self, drafts: Drafts, command: asks.Command, put: Put, recent: Recent) -> Event:
        """Put what the visitor did, and what follows."""
        action = _action_of(command, recent)
        if action is None:
            return put()
        before = drafts.head.handling
        result = self.decide(drafts.head, action, drafts.at)
        if isinstance(result, outcomes.NotAllowed):
            raise BadCommand(result.why)
        if not isinstance(result, Transition):
            return put()
        if before.state in ENDED and isinstance(action, does.VisitorSpoke):  # it belongs to the episode that it opens
            self._move(drafts, result)
            event = put()
        else:
            event = put()
            self._move(drafts, result)
        self._tell(drafts, result)
        return event

    def replied(self, drafts: Drafts, reply: Reply, put: PutReply, recent: Recent) -> None:
        """Put the bot's reply, and what follows: what the system then says stands in the place of "I pass you on"."""
        head = drafts.head
        if reply.understood is not None:
            head = replace(head, handling=spoken(head.handling, reply.understood.language))
            result = self.decide(head, does.BotReplied(recent=recent.and_reply(reply)), drafts.at)
        else:
            result = self.decide(head, does.BotFailed(), drafts.at)
        after = result.handling if isinstance(result, Transition) else head.handling
        if reply.said.decision == "handoff":
            if isinstance(result, Transition) and result.status is not None:
                reply = replace(reply, said=replace(reply.said, text=""))
            elif after.state not in WAITING:  # what the engine proposes is not done, so it is not said either
                reply = replace(reply, said=replace(reply.said, text=_unknown(reply, after)))
        put(reply)
        if isinstance(result, Transition):
            self._move(drafts, result)
            self._tell(drafts, result)

    def stored(self, drafts: Drafts) -> None:
        """Take over what is on disk."""
        self._floors.take(drafts.head)
        self._stored(drafts)

    def dropped(self, drafts: Drafts) -> None:
        """Free what was reserved."""
        self._floors.release((drafts.head.workspace, drafts.head.conversation))

    async def erased(self, head: Head) -> None:
        """Take over the state without the visitor's words, and forget them elsewhere."""
        self._floors.take(head)
        await self._forget(head)

    # -- what anybody does

    def decide(self, head: Head, action: does.Action, now: Millis) -> Result:
        """Ask the machine."""
        floor = self._floors.floor(head.workspace)
        return decide(head.handling, action, floor, now, conversation=head.conversation, visitor_zone=head.zone)

    def follow(self, drafts: Drafts, action: does.Action, put: Put | None = None, *, client_msg_id: str = "") -> Result:
        """Put what an agent or the system does, and what follows.

        Args:
            drafts: to add to.
            action: what is done.
            put: adds what is said with it.
            client_msg_id: by which an agent names what is done, where nothing is said.

        Raises:
            AlreadyTaken, Outdated, NotAllowed: it is not done.
        """
        result = self.decide(drafts.head, action, drafts.at)
        match result:
            case Transition():
                if put is not None:
                    put()
                self._move(drafts, result, client_msg_id=client_msg_id)
                self._tell(drafts, result)
            case outcomes.AlreadyTaken(by=by, at=at):
                raise AlreadyTaken(by, self._name(drafts.head, by), at)
            case outcomes.Changed(state=state, epoch=epoch):
                raise Outdated(state.value, epoch)
            case outcomes.NotAllowed(why=why):
                raise NotAllowed(why)
            case outcomes.TooEarly() | outcomes.NothingToDo():
                pass
        return result

    def timers(self, head: Head, now: Millis) -> tuple[Timer, ...]:
        """Give the timers that a conversation has."""
        floor = self._floors.floor(head.workspace)
        return Scene(handling=head.handling, floor=floor, now=now, actor=SYSTEM).settle(head.handling).timers

    def _name(self, head: Head, agent: str) -> str:
        seat = self._floors.floor(head.workspace).seat(agent)
        return seat.agent.name if seat is not None else agent

    # -- writing down

    def _move(self, drafts: Drafts, transition: Transition, *, client_msg_id: str = "") -> None:
        before = drafts.head
        key = (before.workspace, before.conversation)
        if transition.moved is not None:
            self._floors.reserve(key, transition.handling)
            author = transition.moved.actor
            identifier = derived_id(before.conversation, "moved", before.internal_seq + 1)
            drafts.add(identifier, author, transition.moved, client_msg_id=client_msg_id)
        if not self._may_stay(drafts, transition):
            drafts.timers = transition.timers
        drafts.notices.extend(transition.notices)

    def _may_stay(self, drafts: Drafts, transition: Transition) -> bool:
        """Whether the stored timers will do: the same ones, none of which fires earlier now.

        One that fires before its time does nothing and is set anew: that is cheaper than to write it with each message.
        """
        handling = drafts.before.handling
        if not handling.heard_at:
            return False  # nothing was stored yet
        if transition.moved is None and handling.state in WITH_BOT:
            return True  # what is said to the bot only puts them off
        before = {(timer.kind, timer.epoch): timer.fire_at for timer in self.timers(drafts.before, drafts.at)}
        after = {(timer.kind, timer.epoch): timer.fire_at for timer in transition.timers}
        return before.keys() == after.keys() and all(at >= before[key] for key, at in after.items())

    def _tell(self, drafts: Drafts, transition: Transition) -> None:
        if transition.status is not None:
            identifier = derived_id(drafts.head.conversation, "status", drafts.head.seq + 1)
            drafts.add(identifier, SYSTEM, transition.status)


def _unknown(reply: Reply, handling: Handling) -> str:
    language = Language.ZH if handling.language.startswith("zh") else Language.EN
    if not handling.language and reply.understood is not None:
        language = detect(reply.understood.text)
    return replies.say(Unknown(), {}, language)


def _action_of(command: asks.Command, recent: Recent) -> does.ByVisitor | None:
    """Give what a command does; None where it does nothing to who answers."""
    match command:
        case asks.Say() | asks.Choose():
            return does.VisitorSpoke()
        case asks.AskForPerson():
            return does.AskedForPerson()
        case asks.Rate(up=up, about=about):
            return does.ReplyRated(recent=recent.and_thumb(to_text(about), up=up)) if about else None
        case asks.CancelPerson():
            return does.Cancelled()
        case asks.AnswerOffer(yes=yes):
            return does.OfferAnswered(yes=yes)
        case asks.ChooseWait(value=value):
            return does.WaitChosen(choice=does.WaitChoice(value))
        case asks.LeaveMessage(email=email):
            return does.MessageLeft(email=email)
        case asks.RateChat(stars=stars):
            return does.ChatRated(stars=stars)
        case asks.EndChat():
            return does.ChatEnded()
