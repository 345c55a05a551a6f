"""What can happen to a conversation's handling. An agent's action names the epoch that the agent saw."""

from enum import StrEnum

import msgspec

from server.handoff.states import Millis
from server.handoff.timers import Kind


class TurnSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A turn that the bot answered, as the triggers need it."""

    decision: str  # "answer", "clarify", "smalltalk", "unknown", "refuse", "handoff"
    reason: str = ""  # of a handoff; the kind of small talk
    entry_id: str = ""  # answered from, or offered first
    sentiment: float = 0.0  # from -1 to 1
    thumb: str = ""  # "up" or "down", where the reply was rated


class WaitChoice(StrEnum):
    """What a visitor may choose while waiting."""

    KEEP_WAITING = "keep_waiting"
    LEAVE_MESSAGE = "leave_message"
    BACK_TO_BOT = "back_to_bot"
    ASK_BOT = "ask_bot"


# -- the visitor


class VisitorSpoke(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A message, or the button of one of the bot's choices."""


class AskedForPerson(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The button; the same wish in words comes as `BotReplied`."""


class Cancelled(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """No person is wanted any more."""


class OfferAnswered(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Yes or no to a person."""

    yes: bool


class WaitChosen(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A button of those that are shown while waiting."""

    choice: WaitChoice


class MessageLeft(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Where an answer may go; what was written is a message of its own."""

    email: str


class ReplyRated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A thumb on a reply of the bot."""

    recent: tuple[TurnSeen, ...]  # the episode's last turns, oldest first, this thumb among them


class ChatRated(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One to five, for the episode that ended."""

    stars: int


class ChatEnded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The visitor ended it."""


class VisitorLeft(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The last of the visitor's connections is gone."""


class VisitorReturned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first one is back."""


# -- the bot


class BotReplied(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The bot's reply to a turn is stored."""

    recent: tuple[TurnSeen, ...]  # the episode's last turns, oldest first, this one at the end


class BotFailed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The bot could not reply at all."""


# -- agents and supervisors; `by` is the agent's id


class AgentAction(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What an agent does, having seen an epoch."""

    by: str
    epoch: int


class Accept(AgentAction, frozen=True, kw_only=True, tag=True):
    """Take it: a ring, one from the queue, or a ticket."""


class Decline(AgentAction, frozen=True, kw_only=True, tag=True):
    """Not this one."""


class TakeOver(AgentAction, frozen=True, kw_only=True, tag=True):
    """Take it from whoever has it."""


class Transfer(AgentAction, frozen=True, kw_only=True, tag=True):
    """Ask somebody else to take it; keep it until then."""

    note: str  # why: for the other one
    to_agent: str = ""
    to_department: str = ""
    cold: bool = False  # let go of it at once; departments only


class AcceptTransfer(AgentAction, frozen=True, kw_only=True, tag=True):
    """Take what another agent passes on."""


class DeclineTransfer(AgentAction, frozen=True, kw_only=True, tag=True):
    """Do not; or, by who asked, take the question back."""


class Hold(AgentAction, frozen=True, kw_only=True, tag=True):
    """Wait for the visitor or somebody else."""

    until: Millis = 0  # 0: as long as the department lets it


class Resume(AgentAction, frozen=True, kw_only=True, tag=True):
    """Go on after a hold."""


class ReturnToBot(AgentAction, frozen=True, kw_only=True, tag=True):
    """Leave the rest to the bot."""

    note: str = ""


class CloseChat(AgentAction, frozen=True, kw_only=True, tag=True):
    """It is settled, or not."""

    resolution: str = "resolved"
    tags: tuple[str, ...] = ()


class FinishWrapUp(AgentAction, frozen=True, kw_only=True, tag=True):
    """Notes and tags are done."""


class SetTags(AgentAction, frozen=True, kw_only=True, tag=True):
    """Replace the tags."""

    tags: tuple[str, ...]


class Assign(AgentAction, frozen=True, kw_only=True, tag=True):
    """A supervisor gives it to an agent."""

    agent: str


class Requeue(AgentAction, frozen=True, kw_only=True, tag=True):
    """Back to the queue."""


class Block(AgentAction, frozen=True, kw_only=True, tag=True):
    """Away with it: spam."""


class AgentSpoke(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A message of an agent to the visitor. Names no epoch: who owns the conversation may speak."""

    by: str


# -- the system


class Ring(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Routing offers it to an agent; "" offers it to all who may take it."""

    agent: str


class AgentLeft(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The last of an agent's connections is gone."""

    agent: str


class AgentReturned(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The agent is back."""

    agent: str


class FloorChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The staff, somebody's presence, the hours or the queue changed: look again."""


class TimerFired(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A timer's time has come."""

    kind: Kind
    epoch: int


ByVisitor = (
    VisitorSpoke
    | AskedForPerson
    | Cancelled
    | OfferAnswered
    | WaitChosen
    | MessageLeft
    | ReplyRated
    | ChatRated
    | ChatEnded
    | VisitorLeft
    | VisitorReturned
)
ByBot = BotReplied | BotFailed
ByAgent = (
    Accept
    | Decline
    | TakeOver
    | Transfer
    | AcceptTransfer
    | DeclineTransfer
    | Hold
    | Resume
    | ReturnToBot
    | CloseChat
    | FinishWrapUp
    | SetTags
    | Assign
    | Requeue
    | Block
    | AgentSpoke
)
BySystem = Ring | AgentLeft | AgentReturned | FloorChanged | TimerFired
Action = ByVisitor | ByBot | ByAgent | BySystem
