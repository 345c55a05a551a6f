"""Which events the world outside is told of, and how: stored with the events, delivered after the commit."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from engine import trace
from server.conversations.events import (
    Acted,
    Action,
    Event,
    Millis,
    Noted,
    Opened,
    Replied,
    Spoke,
    Understood,
)
from server.conversations.state import Head
from server.handoff.states import ENDED, WAITING, WITH_AGENT, Moved, State, Status
from server.ids import derived_id, to_text
from server.privacy import masked
from server.stores.protocols import Onward

_WANTED = WAITING | WITH_AGENT | {State.OFFLINE_FORM}  # a person


def told_outside(head: Head, events: Sequence[Event]) -> tuple[Onward, ...]:
    """Give the messages of one append, in order. Numbers of cards, phones, and the like are masked in all texts."""
    return tuple(
        Onward(
            id=derived_id("onward", event.id, kind),
            workspace=head.workspace,
            conversation=head.conversation,
            kind=kind,
            at=event.at,
            body=msgspec.json.encode(_envelope(head, event, kind, data)),
        )
        for event in events
        for kind, data in _messages(event)
    )


def _messages(event: Event) -> Iterator[tuple[str, dict[str, Any]]]:
    match event.body:
        case Opened(language=language, page=page):
            yield "conversation.opened", {"language": language, "page": masked(page)}
        case Spoke(text=text, files=files):
            yield "message.created", {"text": masked(text), "author": event.author, "files": len(files)}
        case Replied(text=text, decision=decision, reason=reason, sources=sources):
            data = {"text": text, "decision": decision, "reason": reason}
            yield "reply.created", {**data, "entry_ids": [source.entry_id for source in sources]}
        case Understood() as understood:
            yield (
                "turn.understood",
                {
                    "text": masked(understood.text),
                    "question": masked(understood.question),
                    "language": understood.language,
                    "edits": [[masked(before), masked(after)] for before, after in understood.edits],
                    "sentiment": understood.sentiment,
                    "sentiment_score": understood.sentiment_score,
                    "intent": understood.intent,
                    "talk": understood.talk,
                    "decision": understood.decision,
                },
            )
        case Acted(action=Action.FEEDBACK, value=value, about=about):
            yield "reply.rated", {"value": value, "about": about}
        case Acted(action=Action.RATE, value=value, label=comment):
            yield "chat.rated", {"stars": int(value), "comment": masked(comment)}
        case Acted(action=Action.LEAVE_MESSAGE, value=address, label=text):
            yield "ticket.created", {"email": masked(address), "text": masked(text)}
        case Acted(action=action, value=value):
            yield "button.pressed", {"action": action, "value": value}
        case Moved() as moved:
            yield from _moves(moved)
        case Status() | Noted() | None:
            return


def _moves(moved: Moved) -> Iterator[tuple[str, dict[str, Any]]]:
    """Tell of a change of who answers; a ring that nobody took is nobody else's business."""
    handling = moved.handling
    data = {
        "transition": moved.transition,
        "actor": moved.actor,
        "from": moved.from_state,
        "to": moved.to_state,
        "owner": handling.owner,
        "department": handling.department,
        "reason": handling.reason,
        "episode": handling.episode,
        "epoch": handling.epoch,
    }
    yield "conversation.moved", data
    if moved.from_state not in _WANTED and moved.to_state in _WANTED:
        yield "handoff.requested", {"reason": handling.reason, "department": handling.department}
    if moved.to_state in ENDED and moved.from_state not in ENDED:
        yield "conversation.closed", {**data, "close_reason": handling.close_reason, "resolution": handling.resolution}


def _envelope(head: Head, event: Event, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        "timestamp": iso(event.at),
        **trace.carrier(),  # where turns are traced: so that delivery goes on with the same trace
        "data": {
            "conversation": to_text(head.conversation),
            "visitor": head.visitor,
            "kb": head.kb,
            "event": to_text(event.id),
            "seq": event.seq,
            "turn": event.turn,
            **data,
        },
    }


def iso(at: Millis) -> str:
    """Write a time as ISO 8601, as Standard Webhooks asks for: 2026-11-23T15:48:22.123Z."""
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
