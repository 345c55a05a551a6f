"""Where the handling of a conversation stands: who answers, and who is waited for. Values only.

`Handling` is what a conversation's head knows of the handoff. It changes by transitions (`Moved`, the audit record) and
by what is said (`heard`, `replied`, `answered`): replaying a conversation's events gives it again, after any restart.
"""

from enum import StrEnum

import msgspec

Millis = int  # since 1970, UTC

NOBODY = ""
_BOT = "bot"
_AGENT = "agent:"
TO_AGENT, TO_DEPARTMENT = "agent:", "department:"  # how a transfer's target begins


class State(StrEnum):
    """Who answers a conversation just now."""

    BOT = "bot"
    OFFER = "offer"  # the visitor was asked whether a person is wanted; the bot goes on meanwhile
    QUEUED = "queued"
    RINGING = "ringing"  # offered to an agent, or to all of a pool
    ACTIVE = "active"  # an agent answers
    ON_HOLD = "on_hold"  # an agent waits for the visitor or somebody else
    TRANSFERRING = "transferring"  # another agent is asked; the old one keeps it until then
    OFFLINE_FORM = "offline_form"  # nobody is there: a ticket, and the bot goes on
    WRAP_UP = "wrap_up"  # closed for the visitor; the agent finishes notes and tags
    CLOSED = "closed"


WITH_BOT = frozenset({State.BOT, State.OFFER, State.OFFLINE_FORM})
WAITING = frozenset({State.QUEUED, State.RINGING})
WITH_AGENT = frozenset({State.ACTIVE, State.ON_HOLD, State.TRANSFERRING})
ENDED = frozenset({State.WRAP_UP, State.CLOSED})
UNSTAFFED = frozenset({State.BOT, State.CLOSED})  # nobody of the staff is concerned


class Handling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The handoff side of a conversation's head. Agents are named by their ids; 0 and "" mean none."""

    state: State = State.BOT
    owner: str = _BOT  # "bot", "" or "agent:ID"
    epoch: int = 1  # +1 at each change of owner or state; an action of an agent names the one it saw
    owner_epoch: int = 1  # +1 when an agent comes or goes, and at the end of an episode; a reply of the bot names it
    since: Millis = 0  # in this state
    language: str = ""  # of what is said to the visitor
    # the episode
    episode: int = 1
    begun_at: Millis = 0
    human_handled: bool = False  # an agent answered in it
    closed_at: Millis = 0  # when the last episode ended; kept while the next one runs
    close_reason: str = ""  # "resolved", "idle", "visitor_idle", "visitor_left", "blocked", ...
    resolution: str = ""
    tags: tuple[str, ...] = ()
    rating: int = 0  # 1 to 5
    rating_until: Millis = 0  # until when a rating is taken
    # the queue
    department: str = "general"
    skills: tuple[str, ...] = ()  # of which an agent should have one at least
    reason: str = ""  # why a person is wanted
    priority: int = 0  # higher first
    front: bool = False  # before all others of its priority: it had an agent already
    enqueued_at: Millis = 0  # its place; kept through rings
    offered_to: str = ""  # in RINGING: "" is everyone who may take it
    rings: int = 0  # in this wait
    declined: tuple[str, ...] = ()  # not to be asked again in this wait
    first_position: int = 0  # in the queue, when it joined
    position: int = 0  # that the visitor was told last
    noticed_at: Millis = 0  # when the visitor was told something in the queue last
    reminded: int = 0  # times that "still waiting" was said, in this wait
    asked_at: Millis = 0  # when the wait began, or the visitor chose to go on waiting
    choices_shown: bool = False  # "everyone is still busy": keep waiting, leave a message, back to the bot
    asks_bot: bool = False  # "ask the assistant while I wait"
    # the agent
    former: str = ""  # who answered before
    transfer_to: str = ""  # "agent:ID" or "department:ID"
    transfer_note: str = ""
    trail: tuple[str, ...] = ()  # agents that had this episode, in their order
    hold_until: Millis = 0
    accepted_at: Millis = 0
    spoke_at: Millis = 0  # when the agent wrote last, since taking it
    waits_since: Millis = 0  # the oldest message of the visitor that the agent did not answer
    warned: bool = False  # the supervisor was told that it takes too long
    agent_gone_at: Millis = 0
    # the visitor
    visitor_gone_at: Millis = 0
    away_marked: bool = False  # the agent was told
    heard_at: Millis = 0  # when the visitor wrote last
    nudged: bool = False
    lost_place: bool = False  # left the queue because the visitor stayed away
    leaves_message: bool = False  # rather than to wait
    email: str = ""  # where an answer may go
    quiet_turns: int = 0  # turns for which nothing is offered, after a "no"
    bot_failures: int = 0  # in a row

    @property
    def agent(self) -> str:
        """The id of the agent who owns it, or ""."""
        return self.owner.removeprefix(_AGENT) if self.owner.startswith(_AGENT) else ""

    @property
    def bot_may_speak(self) -> bool:
        """Whether a turn of the visitor is the bot's to answer."""
        return self.state in WITH_BOT or (self.state in WAITING and self.asks_bot)

    @property
    def holds_slot_of(self) -> tuple[str, ...]:
        """The agents with a place taken by this conversation, each once: the owner, and who is rung or asked."""
        if self.state in WITH_BOT or self.state is State.QUEUED or self.state is State.CLOSED:
            return ()
        taken = [self.agent, self.offered_to if self.state is State.RINGING else ""]
        if self.state is State.TRANSFERRING and self.transfer_to.startswith(TO_AGENT):
            taken.append(self.transfer_to.removeprefix(TO_AGENT))
        return tuple(dict.fromkeys(name for name in taken if name))

    @property
    def order(self) -> tuple[int, int, Millis]:
        """What the queue is sorted by, the first to be served first."""
        return -self.priority, 0 if self.front else 1, self.enqueued_at


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """A button of a status."""

    value: str
    label: str


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status"):
    """What the visitor is told of a transition. Public, said by the system."""

    code: str  # of `server.handoff.wording.Told`
    text: str  # in the visitor's language
    values: dict[str, str] = {}  # name, position, minutes, opens_at, ...: for clients that word it themselves
    choices: tuple[Option, ...] = ()


class Moved(msgspec.Struct, frozen=True, kw_only=True, tag="moved"):
    """The audit record of a transition. Internal; exactly one each."""

    transition: str  # its name in `server.handoff.machine`
    actor: str  # "visitor", "bot", "system", "timer" or "agent:ID"
    from_state: State
    to_state: State
    handling: Handling  # after it
    reason: str = ""


def agent_name(agent: str) -> str:
    """Name an agent as owner, author or actor."""
    return f"{_AGENT}{agent}"


def heard(handling: Handling, at: Millis) -> Handling:
    """Give the handling after a message of the visitor that moved nothing."""
    waits = handling.waits_since or (at if handling.state in WITH_AGENT else 0)
    return msgspec.structs.replace(
        handling, heard_at=at, waits_since=waits, nudged=False, visitor_gone_at=0, away_marked=False
    )


def replied(handling: Handling) -> Handling:
    """Give the handling after a reply of the bot that moved nothing."""
    return msgspec.structs.replace(handling, quiet_turns=max(0, handling.quiet_turns - 1), bot_failures=0)


def answered(handling: Handling, at: Millis) -> Handling:
    """Give the handling after a message of its agent to the visitor."""
    return msgspec.structs.replace(handling, spoke_at=at, waits_since=0, warned=False)
