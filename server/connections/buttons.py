"""The buttons of a visitor: frames to commands, their values checked."""

import re
from collections.abc import Callable, Mapping

from server.conversations.commands import (
    WAITS,
    AnswerOffer,
    AskForPerson,
    CancelPerson,
    Choose,
    ChooseWait,
    Command,
    EndChat,
    LeaveMessage,
    Rate,
    RateChat,
)
from server.conversations.events import Action
from server.errors import BadCommand
from server.ids import from_text
from server.wire.frames import Act

# One @ with something on both sides, no blanks: whether mail arrives there only sending it can tell.
_ADDRESS = re.compile(r"[^\s@\x00-\x1f]{1,64}@[^\s@\x00-\x1f]{1,190}", re.ASCII)
_STARS = ("1", "2", "3", "4", "5")


def pressed(frame: Act, *, max_text_chars: int) -> Command:
    """Give the command of a button.

    Args:
        frame: as it came; its `client_msg_id` was checked.
        max_text_chars: of what is written beside it.

    Raises:
        BadCommand: there is no such button, or a value is out of its range.
    """
    make = _BUTTONS.get(frame.action)
    if make is None:
        raise BadCommand(f"action is one of {', '.join(_BUTTONS)}.")
    if len(frame.text) > max_text_chars or "\0" in frame.text:
        raise BadCommand(f"text has at most {max_text_chars} characters.")
    return make(frame)


def _choose(frame: Act) -> Command:
    return Choose(client_msg_id=frame.client_msg_id, entry_id=frame.value, about=_identifier(frame.about))


def _feedback(frame: Act) -> Command:
    _require(frame, "up", "down")
    return Rate(client_msg_id=frame.client_msg_id, up=frame.value == "up", about=_identifier(frame.about))


def _answer_offer(frame: Act) -> Command:
    _require(frame, "yes", "no")
    return AnswerOffer(client_msg_id=frame.client_msg_id, yes=frame.value == "yes")


def _wait(frame: Act) -> Command:
    _require(frame, *WAITS)
    return ChooseWait(client_msg_id=frame.client_msg_id, value=frame.value)


def _leave_message(frame: Act) -> Command:
    address = frame.value.strip()
    if address and not _ADDRESS.fullmatch(address):
        raise BadCommand("leave_message has an e-mail address as its value, such as ann@example.com.")
    if not address and not frame.text.strip():
        raise BadCommand("leave_message has an e-mail address, a text, or both.")
    return LeaveMessage(client_msg_id=frame.client_msg_id, email=address, text=frame.text.strip())


def _rate(frame: Act) -> Command:
    _require(frame, *_STARS)
    return RateChat(client_msg_id=frame.client_msg_id, stars=int(frame.value), comment=frame.text.strip())


_BUTTONS: Mapping[str, Callable[[Act], Command]] = {
    Action.CHOOSE: _choose,
    Action.HUMAN: lambda frame: AskForPerson(client_msg_id=frame.client_msg_id),
    Action.FEEDBACK: _feedback,
    Action.CANCEL: lambda frame: CancelPerson(client_msg_id=frame.client_msg_id),
    Action.ANSWER_OFFER: _answer_offer,
    Action.WAIT: _wait,
    Action.LEAVE_MESSAGE: _leave_message,
    Action.RATE: _rate,
    Action.END: lambda frame: EndChat(client_msg_id=frame.client_msg_id),
}


def _require(frame: Act, *values: str) -> None:
    if frame.value not in values:
        raise BadCommand(f"{frame.action} has one of these values: {', '.join(values)}.")


def _identifier(text: str) -> bytes:
    try:
        return from_text(text) if text else b""
    except ValueError as error:
        raise BadCommand(f"about is no event's id: {error}") from error
