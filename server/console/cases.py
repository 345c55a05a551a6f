"""Conversations: the lists, one with what an agent wants to know of it, its lines; and the supervisors' board."""

from typing import Annotated

import msgspec
from msgspec import Meta

from server.api.operation import Request
from server.api.paging import Limit, Offset
from server.console.brief import Brief, brief_of, email_of, opened_of
from server.console.finding import key_of
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply
from server.console.parts import RECEIPTS
from server.console.receipts import page
from server.conversations.events import Audience, Event, in_order
from server.conversations.state import Head
from server.handoff.cases import AgentView, Case, DepartmentLoad, visitor_of
from server.handoff.states import WAITING, State, agent_name
from server.parts import DESK, LOG
from server.staff.errors import BadValue
from server.staff.permissions import Permission
from server.stores.protocols import CaseFilter, Episode
from server.wire.agent_frames import AgentEvent

_OPEN = tuple(state for state in State if state is not State.CLOSED)
_FOUND = 200  # conversations that words in a list are looked for in
_UNDERSTOOD = 200  # internal events that a brief looks at
_ADDRESSED = 200  # public ones among which an address is looked for

_Word = Annotated[str, Meta(max_length=100)]
Seq = Annotated[int, Meta(ge=0, le=2**53)]


class CaseQuery(Request, frozen=True):
    """Which conversations."""

    box: _Word = "all"  # "mine", "queue", "department", "all", "closed"
    department: _Word = ""
    state: _Word = ""
    tag: _Word = ""
    q: Annotated[str, Meta(max_length=500)] = ""  # words that were said
    limit: Limit = 50
    offset: Offset = 0


class CaseList(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list, the conversation with the newest event first."""

    items: tuple[Case, ...]
    total: int


class VisitorFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a visitor."""

    id: str
    name: str
    email: str
    verified: bool
    language: str
    page: str
    device: str
    first_seen: int
    conversations: int  # episodes, this one included


class CaseFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation, and what an agent wants to know before the first word."""

    case: Case
    visitor: VisitorFacts
    brief: Brief
    episodes: tuple[Episode, ...]


class EventQuery(Request, frozen=True):
    """Which lines: those after a public number, those before one, else the newest."""

    before: Seq = 0
    after: Seq = 0
    limit: Limit = 50


class EventPage(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of both audiences in their order."""

    events: tuple[AgentEvent, ...]
    more: bool


class BoardFacts(msgspec.Struct, frozen=True, kw_only=True):
    """How things stand, for supervisors."""

    waiting: int
    longest_wait_ms: int
    tickets: int
    active: int
    on_hold: int
    bot: int  # conversations that the bot has
    missed: int  # visitors who wait longer for a reply than they should
    agents: tuple[AgentView, ...]
    queue: tuple[Case, ...]
    departments: tuple[DepartmentLoad, ...]


async def list_cases(call: ConsoleCall) -> ConsoleReply:
    """List conversations."""
    wanted = call.query(CaseQuery)
    chosen = await _filter(call, wanted)
    found = await call.app[DESK].cases(call.agent, chosen, offset=wanted.offset, limit=wanted.limit)
    return ConsoleReply(body=CaseList(items=found.items, total=found.total))


async def show_case(call: ConsoleCall) -> ConsoleReply:
    """Show a conversation."""
    desk, log, key = call.app[DESK], call.app[LOG], key_of(call.workspace, call.path("conversation"))
    head = await desk.case_head(call.agent, key)
    internal = await log.events(*key, audience=Audience.INTERNAL, limit=_UNDERSTOOD, newest=True)
    first = await log.events(*key, limit=1)
    newest = await log.events(*key, limit=_ADDRESSED, newest=True)
    episodes = tuple(await log.cases.episodes(*key))
    facts = CaseFacts(
        case=await desk.case(call.agent, key),
        visitor=_visitor(head, first, newest),
        brief=brief_of(head, internal, call.app[RECEIPTS]),
        episodes=episodes,
    )
    return ConsoleReply(body=facts)


async def show_events(call: ConsoleCall) -> ConsoleReply:
    """Show lines of a conversation."""
    wanted, key = call.query(EventQuery), key_of(call.workspace, call.path("conversation"))
    head = await call.app[DESK].case_head(call.agent, key)
    public, beside, more = await page(call.app[LOG], key, before=wanted.before, after=wanted.after, limit=wanted.limit)
    shown = call.app[RECEIPTS].shown(in_order([*public, *beside]), head)
    return ConsoleReply(body=EventPage(events=shown, more=more))


async def show_board(call: ConsoleCall) -> ConsoleReply:
    """Tell how things stand."""
    desk = call.app[DESK]
    board = desk.board(call.agent)
    talking = await desk.cases(call.agent, CaseFilter(states=(State.BOT, State.OFFER)), limit=1)
    return ConsoleReply(
        body=BoardFacts(
            waiting=board.waiting,
            longest_wait_ms=board.longest_wait_ms,
            tickets=board.tickets,
            active=board.active,
            on_hold=board.on_hold,
            bot=talking.total,
            missed=board.late,
            agents=board.agents,
            queue=board.queue,
            departments=board.departments,
        )
    )


async def _filter(call: ConsoleCall, wanted: CaseQuery) -> CaseFilter:
    """Say a query as the log takes it: words of closed lists, and ids."""
    me = agent_name(call.agent.id)
    match wanted.box:
        case "mine":
            chosen = CaseFilter(owners=(me,), states=_OPEN)
        case "queue":
            chosen = CaseFilter(states=(*WAITING, State.OFFLINE_FORM))
        case "department":
            chosen = CaseFilter(states=_OPEN, departments=call.agent.departments)
        case "closed":
            chosen = CaseFilter(states=(State.CLOSED,))
        case "all":
            chosen = CaseFilter(states=_OPEN)
        case _:
            raise BadValue("box is mine, queue, department, all or closed.")
    if wanted.state:
        chosen = msgspec.structs.replace(chosen, states=(_state(wanted.state),))
    if wanted.department:
        chosen = msgspec.structs.replace(chosen, departments=(wanted.department,))
    if wanted.tag:
        chosen = msgspec.structs.replace(chosen, tag=wanted.tag)
    if wanted.q.strip():
        found = await call.app[DESK].conversations_saying(call.agent, wanted.q, limit=_FOUND)
        chosen = msgspec.structs.replace(chosen, conversations=found)
    return chosen


def _state(name: str) -> State:
    try:
        return State(name)
    except ValueError as error:
        raise BadValue(f"states are {', '.join(State)}, not {name!r}.") from error


def _visitor(head: Head, first: list[Event], newest: list[Event]) -> VisitorFacts:
    began = opened_of(first)
    case = visitor_of(head)
    return VisitorFacts(
        id=case.id,
        name=case.name,
        email=email_of(head, newest),
        verified=case.verified,
        language=head.handling.language or head.language,
        page=head.page or (began.page if began is not None else ""),
        device=head.device,
        first_seen=first[0].at if first else head.opened_at,
        conversations=head.handling.episode,
    )


_ONE = "cases/{conversation}"
_WORK = Permission.WORK
OPERATIONS = (
    ConsoleOperation(method="GET", path="cases", permission=_WORK, handler=list_cases, query=CaseQuery),
    ConsoleOperation(method="GET", path=_ONE, permission=_WORK, handler=show_case),
    ConsoleOperation(method="GET", path=f"{_ONE}/events", permission=_WORK, handler=show_events, query=EventQuery),
    ConsoleOperation(method="GET", path="board", permission=Permission.SUPERVISE, handler=show_board),
)
