"""Events of the log as frames."""

from msgspec.structs import replace

from server.conversations.commands import WAITS
from server.conversations.events import (
    Acted,
    Action,
    Choice,
    Event,
    Noted,
    Opened,
    Replied,
    Spoke,
    Understood,
)
from server.conversations.signals import ReadSignal, ShownSignal, TypingSignal, WordingSignal
from server.handoff.states import Moved, Option, Status
from server.ids import to_text
from server.wire.frames import Chunk, EventFrame, FromServer, Read, Typing


def event_frame(event: Event) -> EventFrame:
    """Give the frame of a public event."""
    frame = EventFrame(
        seq=event.seq,
        id=to_text(event.id),
        kind=event.kind,
        author=event.author,
        at=event.at,
        epoch=event.epoch,
        turn=event.turn,
        client_msg_id=event.client_msg_id,
        erased=event.body is None,
    )
    return _with_body(frame, event)


def _with_body(frame: EventFrame, event: Event) -> EventFrame:
    match event.body:
        case Spoke(text=text, files=files, name=name):
            return replace(frame, text=text, files=files, name=name)
        case Status(code=code, text=text, values=values, choices=options):
            return replace(frame, status=code, text=text, values=dict(values), choices=tuple(map(_button, options)))
        case Noted(text=text, name=name):
            return replace(frame, text=text, name=name)
        case Acted(action=action, value=value, label=label, about=about):
            return replace(frame, action=action.value, value=value, text=label, about=about)
        case Replied() as said:
            return replace(
                frame,
                text=said.text,
                decision=said.decision,
                reason=said.reason,
                sources=said.sources,
                choices=said.choices,
            )
        case Opened() | Understood() | Moved() | None:
            return frame


def _button(option: Option) -> Choice:
    """Give a button with the action that it sends."""
    return Choice(entry_id="", label=option.label, action=_action_of(option.value), value=option.value)


def _action_of(value: str) -> Action:
    if value in WAITS:
        return Action.WAIT
    if value in ("yes", "no"):
        return Action.ANSWER_OFFER
    return Action.RATE if value.isdigit() else Action(value)


def signal_frame(signal: ShownSignal) -> FromServer:
    """Give the frame of something ephemeral."""
    match signal:
        case TypingSignal(author=author, on=on, text=text):
            return Typing(author=author, on=on, text=text)
        case ReadSignal(author=author, seq=seq):
            return Read(author=author, seq=seq)
        case WordingSignal(fence=fence, text=text, aborted=aborted):
            return Chunk(turn=fence.turn, text=text, aborted=aborted)
