"""A conversation and an agent as the console's lists show them."""

from typing import Protocol

import msgspec

from server.conversations.state import Head
from server.handoff.routing import Presence, Seat
from server.handoff.states import Handling, Millis
from server.ids import to_text
from server.search.search import Found

VERIFIED = "user:"  # begins the name of a visitor whom a site vouches for


class CaseVisitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who writes."""

    id: str
    name: str  # "" if it is not known
    verified: bool  # a site vouches for who it is


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in a list. The one with the greater (epoch, seq) is the newer one."""

    conversation: str
    visitor: CaseVisitor
    kb: str
    state: str
    owner: str  # "bot", "" or "agent:ID"
    owner_name: str
    department: str
    reason: str
    priority: int
    language: str
    enqueued_at: Millis
    since: Millis  # in this state
    opened_at: Millis
    last_at: Millis
    last_text: str  # at most 120 characters
    last_author: str
    seq: int
    internal_seq: int
    epoch: int
    offered_to: str
    rings: int
    transfer_to: str
    transfer_note: str
    hold_until: Millis
    episode: int
    tags: tuple[str, ...]
    rating: int
    resolution: str
    page: str
    email: str
    visitor_presence: str  # "online", "grace", "away"
    sentiment: str  # "negative", "neutral", "positive", "" if it is not known
    front: bool = False  # served before all others of its priority: it had an agent already
    visitor_gone_at: Millis = 0  # when the visitor went, where somebody waits for them
    asks_until: Millis = 0  # that it rings, or is offered to a colleague
    read_seq: int = 0  # up to which this agent read it
    viewers: tuple[str, ...] = ()  # agents who look at it just now


class FoundLine(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was said, found by its words."""

    conversation: str
    visitor: CaseVisitor
    audience: str  # "public", "internal"
    seq: int
    at: Millis
    author: str
    snippet: str
    marks: tuple[tuple[int, int], ...]  # where in it, in characters


class FoundPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some lines of all that were found."""

    items: tuple[FoundLine, ...]
    total: int  # at most `server.search.search.MAX_FOUND`


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """A colleague in a list."""

    id: str
    name: str
    presence: str
    load: int
    capacity: int


class Notified(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody is told of a conversation just now; nothing of it is stored."""

    word: str  # of `server.handoff.outcomes.Word`, or "mentioned"
    by: str = ""  # the agent who caused it
    until: Millis = 0  # of a ring


class DeskSession(Protocol):
    """A live connection of an agent. Nothing here waits: a session that cannot keep up ends, and comes back."""

    def case_changed(self, case: Case) -> None:
        """Take a conversation that is new in a list, or otherwise."""

    def erased(self, conversation: str) -> None:
        """Take note that what was said in a conversation was erased."""

    def agent_changed(self, view: AgentView) -> None:
        """Take a colleague who came, went or took something on."""

    def notified(self, case: Case, notice: Notified) -> None:
        """Take a ring, a mention, or whatever else the agent should notice now."""


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand, for supervisors."""

    waiting: int
    longest_wait_ms: int
    tickets: int
    active: int
    on_hold: int
    late: int  # visitors who wait longer for a reply than they should
    agents: tuple[AgentView, ...]
    queue: tuple[Case, ...]  # in the order in which they are served
    departments: tuple["DepartmentLoad", ...]


class DepartmentLoad(msgspec.Struct, frozen=True, kw_only=True):
    """A department on the board."""

    id: str
    waiting: int
    longest_wait_ms: int
    available: int  # agents who can take one more
    open: bool


def view_of(seat: Seat) -> AgentView:
    """Show an agent."""
    agent = seat.agent
    return AgentView(
        id=agent.id, name=agent.name, presence=seat.presence.value, load=seat.load, capacity=agent.capacity
    )


def visitor_of(head: Head) -> CaseVisitor:
    """Show a visitor; who is not vouched for has no name."""
    verified = head.visitor.startswith(VERIFIED)
    return CaseVisitor(id=head.visitor, name=head.visitor.removeprefix(VERIFIED) if verified else "", verified=verified)


def found_line(found: Found) -> FoundLine:
    """Show something that was found."""
    return FoundLine(
        conversation=to_text(found.head.conversation),
        visitor=visitor_of(found.head),
        audience=found.audience.value,
        seq=found.seq,
        at=found.at,
        author=found.author,
        snippet=found.text,
        marks=found.marks,
    )


def case_of(head: Head, *, owner_name: str, here: bool, asks_until: Millis = 0, viewers: tuple[str, ...] = ()) -> Case:
    """Show a conversation.

    Args:
        head: where it stands.
        owner_name: of the agent who has it.
        here: whether the visitor is connected.
        asks_until: when a ring or an offer to a colleague ends.
        viewers: agents who look at it.
    """
    handling = head.handling
    return Case(
        conversation=to_text(head.conversation),
        visitor=visitor_of(head),
        kb=head.kb,
        state=handling.state.value,
        owner=handling.owner,
        owner_name=owner_name,
        department=handling.department,
        reason=handling.reason,
        priority=handling.priority,
        language=handling.language or head.language,
        enqueued_at=handling.enqueued_at,
        since=handling.since or head.opened_at,
        opened_at=handling.begun_at or head.opened_at,
        last_at=head.last_at,
        last_text=head.last_text,
        last_author=head.last_author,
        seq=head.seq,
        internal_seq=head.internal_seq,
        epoch=handling.epoch,
        offered_to=handling.offered_to,
        rings=handling.rings,
        transfer_to=handling.transfer_to,
        transfer_note=handling.transfer_note,
        hold_until=handling.hold_until,
        episode=handling.episode,
        tags=handling.tags,
        rating=handling.rating,
        resolution=handling.resolution,
        page=head.page,
        email=handling.email,
        visitor_presence=_presence(handling, here=here),
        sentiment=head.sentiment,
        front=handling.front,
        visitor_gone_at=0 if here else handling.visitor_gone_at,
        asks_until=asks_until,
        viewers=viewers,
    )


def _presence(handling: Handling, *, here: bool) -> str:
    if here:
        return "online"
    return "grace" if handling.visitor_gone_at and not handling.away_marked else "away"


class Opening(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent sees at first."""

    presence: str
    cases: tuple[Case, ...]  # one's own, and those that wait in one's departments, in the queue's order
    agents: tuple[AgentView, ...]


ASKABLE = (Presence.AVAILABLE, Presence.BUSY, Presence.AWAY)  # what an agent may be by choice
