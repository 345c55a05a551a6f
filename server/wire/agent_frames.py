"""What an agent's client and the server say to each other after the hello, in JSON. docs/PROTOCOL.md explains it.

The frames are those of visitors where they mean the same, with the conversation that they are about: an agent follows
many over one socket.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from server.handoff.cases import AgentView, Case
from server.wire.frames import EventFrame, Ping, Pong, Whole

MAX_FOLLOWED = 50  # conversations that one socket follows; one more lets go of the longest followed
Conversation = Annotated[str, Meta(max_length=22)]
MessageId = Annotated[str, Meta(min_length=1, max_length=64)]
_Word = Annotated[str, Meta(max_length=100)]
_Text = Annotated[str, Meta(max_length=8_000)]


class _Frame(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", forbid_unknown_fields=False
):
    """As with visitors: fields that hold their default are not sent, unknown ones are ignored."""


# -- from the agent


class Follow(_Frame, frozen=True, tag="follow"):
    """Asks for a conversation: what was missed of it now, what happens in it from now on."""

    conversation: Conversation
    last_seq: Whole = 0
    last_internal: Whole = 0


class Unfollow(_Frame, frozen=True, tag="unfollow"):
    """Enough of it."""

    conversation: Conversation


class AgentSay(_Frame, frozen=True, tag="say"):
    """A message to the visitor."""

    conversation: Conversation
    client_msg_id: MessageId
    text: _Text
    files: Annotated[tuple[_Word, ...], Meta(max_length=20)] = ()


class Note(_Frame, frozen=True, tag="note"):
    """A line that the visitor does not see."""

    conversation: Conversation
    client_msg_id: MessageId
    text: _Text
    mentions: Annotated[tuple[_Word, ...], Meta(max_length=20)] = ()


class DeskAct(_Frame, frozen=True, tag="desk"):
    """Something that changes whose conversation it is, or how it stands."""

    conversation: Conversation
    client_msg_id: MessageId
    verb: _Word
    epoch: Whole  # that the agent saw
    to_agent: _Word = ""
    to_department: _Word = ""
    cold: bool = False  # of a transfer to a department: let go of it at once
    note: _Text = ""
    until: Whole = 0
    resolution: _Word = ""
    tags: Annotated[tuple[_Word, ...], Meta(max_length=30)] = ()


class SetPresence(_Frame, frozen=True, tag="presence"):
    """What the agent wants to be: available, busy or away."""

    state: _Word
    client_msg_id: Annotated[str, Meta(max_length=64)] = ""
    agent: _Word = ""  # whose, where it is not one's own: for supervisors


class AgentTyping(_Frame, frozen=True, tag="typing"):
    """Somebody types in a conversation, or stopped. Both ways; `text` is what a visitor has typed so far."""

    conversation: Conversation
    on: bool
    text: str = ""
    author: str = ""  # set by the server


class AgentRead(_Frame, frozen=True, tag="read"):
    """All up to an event was shown. Both ways."""

    conversation: Conversation
    seq: Whole
    author: str = ""  # set by the server


class Viewing(_Frame, frozen=True, tag="viewing"):
    """The agent looks at a conversation, or at none ("")."""

    conversation: Conversation = ""


class Draft(_Frame, frozen=True, tag="draft"):
    """What is typed and not sent: kept for the agent's other tabs, and for after a crash."""

    conversation: Conversation
    text: _Text = ""


# -- from the server


class AgentCode(StrEnum):
    """Why an agent's frame was refused."""

    BAD_FRAME = "bad_frame"  # not a frame, or fields of the wrong kind; mend the client
    BAD_VALUE = "bad_value"  # a field out of its range
    ID_REUSED = "id_reused"  # the client_msg_id belongs to something else
    NOT_FOUND = "not_found"  # no such conversation, or none that the agent may see
    NOT_ALLOWED = "not_allowed"  # not this agent, or not as things stand
    ALREADY_TAKEN = "already_taken"  # `by` was faster, at `at`
    STALE = "stale"  # the conversation changed since the agent looked
    RATE_LIMITED = "rate_limited"  # again after retry_after_ms
    BUSY = "busy"  # again after retry_after_ms
    UNAVAILABLE = "unavailable"  # nothing was stored; again after retry_after_ms


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the knowledge base that was weighed."""

    entry_id: str
    title: str
    score: float  # comparable within one question only
    stages: dict[str, float] = {}


class ReceiptFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Why the bot said what it said."""

    question: str  # as it was understood
    language: str
    sentiment: str
    intent: str
    reason: str
    confidence: float  # probability that the first candidate answers the question
    threshold: float | None  # that it had to reach
    candidates: tuple[Tried, ...]  # best first
    thresholds: dict[str, float]
    versions: dict[str, str]  # of the knowledge base and the models
    stage_ms: dict[str, float]
    took_ms: float


class AgentEvent(EventFrame, frozen=True, tag="event"):
    """Something that happened. Each audience counts its own; an internal event says which public one it follows."""

    conversation: str = ""  # left out inside `following` and pages
    audience: str = ""  # "internal"; else the visitor sees it, too
    after: Whole = 0
    receipt: ReceiptFacts | None = None  # why the bot said it
    from_state: str = ""  # of a transition, which `status` names
    to_state: str = ""
    tags: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


class Following(_Frame, frozen=True, tag="following"):
    """Answers follow: what was missed, in order."""

    conversation: str
    recovered: bool  # `events` are all that was missed; else they are the newest, and what the client holds is void
    last_seq: Whole
    last_internal: Whole
    events: tuple[AgentEvent, ...] = ()
    draft: str = ""  # of this agent, not sent yet


class AgentWelcome(_Frame, frozen=True, tag="welcome"):
    """Answers hello."""

    session: str
    role: str
    agent: str
    presence: str
    cases: tuple[Case, ...] = ()  # one's own, and those that wait
    agents: tuple[AgentView, ...] = ()
    following: tuple[Following, ...] = ()
    ping_s: Whole = 25
    max_bytes: Whole = 65536


class AgentAck(_Frame, frozen=True, tag="ack"):
    """It is done for good."""

    client_msg_id: str
    seq: Whole = 0  # of the event that it became
    epoch: Whole = 0  # of the conversation after it


class AgentChunk(_Frame, frozen=True, tag="chunk"):
    """A piece of a reply of the bot that is still being worded."""

    conversation: str
    turn: Whole
    text: str = ""
    aborted: bool = False


class Erased(_Frame, frozen=True, tag="erased"):
    """What was said in a conversation was erased; whoever holds or shows something of it asks for it anew."""

    conversation: str


class CaseChanged(_Frame, frozen=True, tag="case"):
    """A row is new or otherwise; the one with the greater (epoch, seq) counts."""

    case: Case


class AgentChanged(_Frame, frozen=True, tag="agent"):
    """A colleague came, went, or took something on."""

    id: str
    name: str
    presence: str
    load: Whole
    capacity: Whole


class RingsFor(_Frame, frozen=True, tag="ring"):
    """A conversation is offered to this agent."""

    conversation: str
    case: Case
    until: Whole


class Mentioned(_Frame, frozen=True, tag="mentioned"):
    """Somebody named this agent in a note."""

    conversation: str
    by: str


class Told(_Frame, frozen=True, tag="notice"):
    """Something else that the agent should notice now, in a word of `server.handoff.outcomes.Word`."""

    word: str
    conversation: str
    case: Case
    by: str = ""
    until: Whole = 0


class AgentProblem(_Frame, frozen=True, tag="error"):
    """Something was refused."""

    code: str  # of AgentCode
    message: str
    client_msg_id: str = ""
    retry_after_ms: Whole = 0
    by: str = ""  # who was faster
    at: Whole = 0  # when


FromAgent = (
    Follow
    | Unfollow
    | AgentSay
    | Note
    | DeskAct
    | SetPresence
    | AgentTyping
    | AgentRead
    | Viewing
    | Draft
    | Ping
    | Pong
)
ToAgent = (
    AgentWelcome
    | Following
    | AgentAck
    | AgentEvent
    | AgentChunk
    | AgentTyping
    | AgentRead
    | CaseChanged
    | Erased
    | AgentChanged
    | RingsFor
    | Mentioned
    | Told
    | AgentProblem
    | Pong
)
