"""What agents see of events: frames of both audiences, and why the bot said what it said."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import asdict, replace

from engine.engine import DialogEngine
from knowledge.errors import KnowledgeError
from server.conversations.events import Audience, Event, Noted, Replied, Understood
from server.conversations.hub import Key
from server.conversations.state import Head
from server.handoff.states import Moved
from server.stores.protocols import ConversationLog
from server.wire.agent_frames import AgentEvent, ReceiptFacts, Tried
from server.wire.mapping import event_frame

_CANDIDATES = 5
_AT_ONCE = 400  # internal events read for a page


class Receipts:
    """Makes receipts of what was understood."""

    def __init__(self, engine: DialogEngine) -> None:
        self._engine = engine

    def of(self, understood: Understood, workspace: str, kb: str) -> ReceiptFacts:
        """Give a turn's receipt, entries by their titles of today."""
        receipt: dict[str, Any] = dict(understood.receipt)
        thresholds = {name: round(float(value), 4) for name, value in receipt.get("thresholds", {}).items()}
        stage_ms = {name: round(float(value), 2) for name, value in receipt.get("stage_ms", {}).items()}
        candidates = [
            Tried(
                entry_id=each["entry_id"],
                title=self.title(workspace, kb, each["entry_id"]) or each["entry_id"],
                score=round(float(each["score"]), 4),
                stages={name: round(float(score), 4) for name, score in each.get("stages", {}).items()},
            )
            for each in receipt.get("candidates", ())[:_CANDIDATES]
        ]
        return ReceiptFacts(
            question=understood.question,
            language=understood.language,
            sentiment=understood.sentiment,
            intent=understood.intent,
            reason=receipt.get("reason", ""),
            confidence=round(float(receipt.get("confidence", 0.0)), 4),
            threshold=thresholds.get("answer_at"),
            candidates=tuple(candidates),
            thresholds=thresholds,
            versions=dict(receipt.get("versions", {})),
            stage_ms=stage_ms,
            took_ms=round(sum(stage_ms.values()), 2),
        )

    def title(self, workspace: str, kb: str, entry_id: str) -> str:
        """Give an entry's question, "" if it is gone."""
        try:
            entry = self._engine.entry(workspace, kb, entry_id)
        except KnowledgeError:
            return ""
        return entry.question if entry is not None else ""

    def shown(self, events: Iterable[Event], head: Head, beside: Iterable[Event] = ()) -> tuple[AgentEvent, ...]:
        """Give the frames of events; replies carry the receipt of their turn.

        Args:
            events: of both audiences, in their order.
            head: of their conversation.
            beside: further internal events, in which a receipt may be.
        """
        events = list(events)
        receipts = {
            event.turn: self.of(event.body, head.workspace, head.kb)
            for event in (*beside, *events)
            if isinstance(event.body, Understood)
        }
        return tuple(
            agent_event(event, receipt=receipts.get(event.turn) if _explained(event) else None) for event in events
        )


def _explained(event: Event) -> bool:
    return isinstance(event.body, Replied | Understood)


def agent_event(event: Event, *, conversation: str = "", receipt: ReceiptFacts | None = None) -> AgentEvent:
    """Give an event as agents see it."""
    internal = event.audience is Audience.INTERNAL
    frame = AgentEvent(
        **asdict(event_frame(event)),
        conversation=conversation,
        audience=event.audience.value if internal else "",
        after=event.after,
        receipt=receipt,
    )
    match event.body:
        case Moved() as moved:
            return replace(
                frame,
                author=moved.actor,
                status=moved.transition,
                reason=moved.reason,
                from_state=moved.from_state.value,
                to_state=moved.to_state.value,
                tags=moved.handling.tags,
            )
        case Noted(mentions=mentions):
            return replace(frame, mentions=mentions)
        case _:
            return frame


async def page(
    log: ConversationLog, key: Key, *, before: int, after: int, limit: int
) -> tuple[list[Event], list[Event], bool]:
    """Read a part of a conversation: public events, internal ones that stand between them, whether there are more.

    Args:
        log: the log.
        key: the conversation.
        before: only public events with a smaller number, the last of them; 0: all.
        after: only those with a greater number, the first of them.
        limit: of public events.
    """
    forwards = bool(after) and not before
    public = await log.events(*key, after=after, before=before or None, limit=limit, newest=not forwards)
    beside = await _internal(log, key, public)
    more = len(public) == limit if forwards else bool(public) and public[0].seq > after + 1
    return public, beside, more


async def _internal(log: ConversationLog, key: Key, public: Sequence[Event]) -> list[Event]:
    """Read the internal events that follow one of some public ones, walking back from the newest."""
    if not public:
        return []
    found: list[Event] = []
    before: int | None = None
    while True:
        part = await log.events(*key, audience=Audience.INTERNAL, before=before, limit=_AT_ONCE, newest=True)
        found = [event for event in part if public[0].seq <= event.after <= public[-1].seq] + found
        if len(part) < _AT_ONCE or part[0].after < public[0].seq:
            return found
        before = part[0].seq
