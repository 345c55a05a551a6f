"""What may be asked of a conversation, what it becomes there, and what the asker is told."""

from collections.abc import Mapping

import msgspec

from server.conversations.events import Acted, Action, Body, Event, File, Millis, Spoke
from server.errors import BadCommand, IdReused
from server.ids import derived_id, to_text

MAX_TEXT_CHARS = 8_000
_RATED = 1_000  # turns: an older reply is rated no more


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks, as the credential says; never as the frame says."""

    workspace: str
    id: str
    kb: str
    language: str = ""
    page: str = ""
    device: str = ""
    zone: str = ""


class Say(msgspec.Struct, frozen=True, kw_only=True):
    """Say something."""

    client_msg_id: str
    text: str
    files: tuple[File, ...] = ()


class Choose(msgspec.Struct, frozen=True, kw_only=True):
    """Press the button of a choice that was offered."""

    client_msg_id: str
    entry_id: str
    about: bytes = b""  # the event that offered it


class AskForPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Press "talk to a person"."""

    client_msg_id: str


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """Press a thumb."""

    client_msg_id: str
    up: bool
    about: bytes = b""  # the reply that is rated


class CancelPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Stop waiting for a person."""

    client_msg_id: str


class AnswerOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Say whether a person is wanted, when that was asked."""

    client_msg_id: str
    yes: bool


class ChooseWait(msgspec.Struct, frozen=True, kw_only=True):
    """Choose what to do while everyone is busy."""

    client_msg_id: str
    value: str  # one of WAITS


class LeaveMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Leave an address, and a message where the chat does not say it all, to be answered later."""

    client_msg_id: str
    email: str
    text: str = ""


class RateChat(msgspec.Struct, frozen=True, kw_only=True):
    """Say how good the help was."""

    client_msg_id: str
    stars: int  # 1 to 5
    comment: str = ""


class EndChat(msgspec.Struct, frozen=True, kw_only=True):
    """Have done with it."""

    client_msg_id: str


WAITS = ("keep_waiting", "leave_message", "back_to_bot", "ask_bot")

Command = (
    Say | Choose | AskForPerson | Rate | CancelPerson | AnswerOffer | ChooseWait | LeaveMessage | RateChat | EndChat
)


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The command's event is on disk."""

    client_msg_id: str
    seq: int
    id: bytes
    at: Millis


def is_turn(command: Command) -> bool:
    """Whether a command voids what the bot is about to say: ratings and addresses do not."""
    return not isinstance(command, Rate | RateChat | LeaveMessage)


def body_of(command: Command, *, offered: Mapping[str, str], chinese: bool) -> Body:
    """Give the event's body.

    Args:
        command: what is asked.
        offered: the choices offered last, entry id to label.
        chinese: whether the visitor reads Chinese.

    Raises:
        BadCommand: the choice was not offered.
    """
    match command:
        case Say(text=text, files=files):
            return Spoke(text=text, files=files)
        case Choose(entry_id=entry_id, about=about):
            if entry_id not in offered:
                raise BadCommand("this choice was not offered, or no longer is.")
            return Acted(action=Action.CHOOSE, value=entry_id, label=offered[entry_id], about=_text(about))
        case AskForPerson():
            return Acted(action=Action.HUMAN, label="转人工" if chinese else "I want to talk to a person")
        case Rate(up=up, about=about):
            return Acted(action=Action.FEEDBACK, value="up" if up else "down", about=_text(about))
        case _:
            return _button(command)


def _button(command: CancelPerson | AnswerOffer | ChooseWait | LeaveMessage | RateChat | EndChat) -> Acted:
    match command:
        case CancelPerson():
            return Acted(action=Action.CANCEL)
        case AnswerOffer(yes=yes):
            return Acted(action=Action.ANSWER_OFFER, value="yes" if yes else "no")
        case ChooseWait(value=value):
            return Acted(action=Action.WAIT, value=value)
        case LeaveMessage(email=email, text=text):
            return Acted(action=Action.LEAVE_MESSAGE, value=email, label=text)
        case RateChat(stars=stars, comment=comment):
            return Acted(action=Action.RATE, value=str(stars), label=comment)
        case EndChat():
            return Acted(action=Action.END)


def reply_id(conversation: bytes, turn: int) -> bytes:
    """Give the id that the reply to a turn has."""
    return derived_id(conversation, "reply", turn)


def check_rated(command: Command, conversation: bytes, turns: int) -> None:
    """Look whether a rating is of a reply that the conversation may have.

    Args:
        command: any command.
        conversation: its id.
        turns: how many there were.

    Raises:
        BadCommand: it is of something else.
    """
    if isinstance(command, Rate) and command.about:
        newest_first = range(turns, max(0, turns - _RATED), -1)
        if all(reply_id(conversation, turn) != command.about for turn in newest_first):
            raise BadCommand("only the assistant's replies in this conversation can be rated.")


def same(event: Event, command: Command) -> Event:
    """Give the event that a command became when it was sent before.

    Raises:
        IdReused: it was another command.
    """
    match command, event.body:
        case _, None:  # erased since
            return event
        case Say(text=text, files=files), Spoke() as body if (body.text, body.files) == (text, files):
            return event
        case Choose(entry_id=entry_id), Acted(action=Action.CHOOSE, value=value) if value == entry_id:
            return event
        case AskForPerson(), Acted(action=Action.HUMAN):
            return event
        case ((Say() | Choose() | AskForPerson()), _):
            raise IdReused(command.client_msg_id)
        case _, body if body == body_of(command, offered={}, chinese=False):
            return event
        case _:
            raise IdReused(command.client_msg_id)


def _text(about: bytes) -> str:
    return to_text(about) if about else ""
