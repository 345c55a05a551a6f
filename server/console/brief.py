"""What an agent wants to know before the first word: from what was understood of each turn, not from a model."""

import msgspec

from server.console.receipts import Receipts
from server.conversations.events import Acted, Action, Event, Opened, Understood
from server.conversations.state import Head

_TURNS = 30  # of the sentiment trend
_TRIED = 8
_SELF_EXPLAINING = frozenset({"handoff", "smalltalk", "refuse"})  # not the knowledge base's doing


class TriedEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A question that the bot tried to answer, and the entry that came nearest."""

    question: str
    decision: str
    entry_id: str
    title: str
    score: float  # probability that the entry answers the question


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """The matter in short."""

    question: str  # the last one that is one
    tried: tuple[TriedEntry, ...]  # newest first
    sentiment: tuple[str, ...]  # of each turn, oldest first
    reason: str
    page: str


def brief_of(head: Head, understood: list[Event], receipts: Receipts) -> Brief:
    """Sum a conversation up.

    Args:
        head: where it stands.
        understood: its internal events, oldest first; those of earlier episodes are left out here.
        receipts: know the entries' titles.
    """
    begun = head.handling.begun_at
    turns = [event.body for event in understood if isinstance(event.body, Understood) and event.at >= begun]
    asked = [turn for turn in turns if turn.decision not in _SELF_EXPLAINING] or turns
    return Brief(
        question=asked[-1].question if asked else "",
        tried=tuple(_tried(turn, head, receipts) for turn in reversed(asked) if turn.decision not in _SELF_EXPLAINING)[
            :_TRIED
        ],
        sentiment=tuple(turn.sentiment for turn in turns[-_TURNS:]),
        reason=head.handling.reason,
        page=head.page,
    )


def _tried(turn: Understood, head: Head, receipts: Receipts) -> TriedEntry:
    candidates = turn.receipt.get("candidates", ())
    entry_id = str(candidates[0]["entry_id"]) if candidates else ""
    return TriedEntry(
        question=turn.question,
        decision=turn.decision,
        entry_id=entry_id,
        title=receipts.title(head.workspace, head.kb, entry_id) if entry_id else "",
        score=round(float(turn.receipt.get("confidence", 0.0)), 4),
    )


def email_of(head: Head, events: list[Event]) -> str:
    """Give the address that the visitor left last, "" for none."""
    for event in reversed(events):
        if isinstance(event.body, Acted) and event.body.action is Action.LEAVE_MESSAGE and event.body.value:
            return event.body.value
    return head.handling.email


def opened_of(events: list[Event]) -> Opened | None:
    """Give how the conversation began, None if that was erased."""
    for event in events:
        if isinstance(event.body, Opened):
            return event.body
    return None
