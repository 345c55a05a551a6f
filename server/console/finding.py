"""Finding what was said, and what the knowledge base says."""

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.types import Exchange, Outcome, Turn
from server.api.operation import Request
from server.api.paging import Limit, Offset
from server.console.operation import ConsoleCall, ConsoleOperation, ConsoleReply
from server.console.parts import ADVICE
from server.conversations.events import Audience, Event, Understood
from server.conversations.hub import Key
from server.conversations.lane import HISTORY as EXCHANGES
from server.conversations.lane import exchange_of
from server.conversations.state import Head
from server.errors import ConversationNotFound
from server.ids import from_text
from server.parts import DESK, ENGINE, LOG
from server.staff.permissions import Permission

_SUGGESTED = 5
_NEAR = 0.5  # of the best one's score: what lies further behind is no suggestion

_Query = Annotated[str, Meta(min_length=1, max_length=500)]


class SearchQuery(Request, frozen=True):
    """Words that must all be in what was said."""

    q: _Query
    limit: Limit = 20
    offset: Offset = 0


class SuggestQuery(Request, frozen=True):
    """What the visitor asked, or what the agent is typing."""

    conversation: Annotated[str, Meta(max_length=22)]
    q: Annotated[str, Meta(min_length=1, max_length=2_000, pattern=r"\S")]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that may be the answer."""

    entry_id: str
    question: str
    answer: str  # Markdown
    score: float  # of the first: probability that it is the answer; of the others: less, as the search found them worse


class Suggestions(msgspec.Struct, frozen=True, kw_only=True):
    """What the knowledge base says, best first."""

    items: tuple[Suggestion, ...]
    decision: str  # what the bot would do
    confidence: float  # probability that the first one is the answer


def key_of(workspace: str, conversation: str) -> Key:
    """Read a conversation's id.

    Raises:
        ConversationNotFound: it is none.
    """
    try:
        return workspace, from_text(conversation)
    except ValueError as error:
        raise ConversationNotFound("there is no such conversation.") from error


async def search(call: ConsoleCall) -> ConsoleReply:
    """Find what was said in conversations that the agent may see."""
    wanted = call.query(SearchQuery)
    found = await call.app[DESK].search(call.agent, wanted.q, offset=wanted.offset, limit=wanted.limit)
    return ConsoleReply(body=found)


async def suggest(call: ConsoleCall) -> ConsoleReply:
    """Ask the knowledge base on the very path of a visitor's turn; nothing is recorded."""
    wanted = call.query(SuggestQuery)
    head = await call.app[DESK].case_head(call.agent, key_of(call.workspace, wanted.conversation))
    turn = Turn(text=wanted.q, workspace=head.workspace, kb=head.kb, history=await earlier_turns(call, head))
    outcome = await call.app[ADVICE].on(turn)
    return ConsoleReply(body=_suggestions(call, head, outcome))


async def earlier_turns(call: ConsoleCall, head: Head) -> tuple[Exchange, ...]:
    """Give the bot's last turns with the visitor, so that a question may refer to them."""
    events: list[Event] = await call.app[LOG].events(
        head.workspace, head.conversation, audience=Audience.INTERNAL, limit=10 * EXCHANGES, newest=True
    )
    begun = head.handling.begun_at
    turns = [event.body for event in events if isinstance(event.body, Understood) and event.at >= begun]
    return tuple(map(exchange_of, turns[-EXCHANGES:]))


def _suggestions(call: ConsoleCall, head: Head, outcome: Outcome) -> Suggestions:
    receipt, engine = outcome.receipt, call.app[ENGINE]
    best = max((candidate.score for candidate in receipt.candidates), default=0.0)
    items = []
    for candidate in receipt.candidates[:_SUGGESTED]:
        entry, nearness = engine.entry(head.workspace, head.kb, candidate.entry_id), candidate.score / (best or 1.0)
        if entry is not None and nearness >= _NEAR:
            score = round(float(receipt.confidence * nearness), 4)
            items.append(Suggestion(entry_id=entry.id, question=entry.question, answer=entry.answer, score=score))
    return Suggestions(items=tuple(items), decision=receipt.decision, confidence=round(float(receipt.confidence), 4))


OPERATIONS = (
    ConsoleOperation(method="GET", path="search", permission=Permission.WORK, handler=search, query=SearchQuery),
    ConsoleOperation(method="GET", path="suggest", permission=Permission.WORK, handler=suggest, query=SuggestQuery),
)
