"""What a client tells its program, and what a program keeps so that the next client goes on where this one ended."""

import msgspec

from server.wire.frames import Act, Chunk, EventFrame, Read, Say, Typing


class Online(msgspec.Struct, frozen=True, kw_only=True):
    """The server said welcome."""

    conversation: str
    recovered: bool  # nothing was missed for good; else `Voided` came before


class Offline(msgspec.Struct, frozen=True, kw_only=True):
    """The connection is lost; the client comes back by itself."""

    code: int  # of the close, 1006 if there was none


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """The client will not come back by itself: it was told to stop, or the code says why it is not wanted."""

    code: int


class Voided(msgspec.Struct, frozen=True, kw_only=True):
    """All events shown before are void; the newest follow."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An event, each once and in the order of `seq`, until `Voided`."""

    event: EventFrame
    live: bool  # it happens now, or happened while the connection was lost; else it belongs to a fresh start


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """What was said is stored for good."""

    client_msg_id: str
    seq: int
    id: str
    at: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """What was said is not stored and will not be."""

    client_msg_id: str
    code: str  # of wire.codes.Code
    message: str


class Older(msgspec.Struct, frozen=True, kw_only=True):
    """The events before those that are known, as asked for."""

    events: tuple[EventFrame, ...]
    more: bool


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """Something ephemeral."""

    frame: Chunk | Typing | Read


Happening = Online | Offline | Stopped | Voided | Shown | Stored | Refused | Older | Noticed


class Memory(msgspec.Struct, kw_only=True):
    """What to keep, beside the events that were shown. Give it to the next client to go on where this one ended."""

    token: str = ""
    conversation: str = ""
    last_seq: int = 0  # of the last event that was shown
    outbox: list[Say | Act] = []  # said and not known to be stored, the oldest first


class NotStored(Exception):
    """What was said is not stored; `code` is of `wire.codes.Code`, or "stopped" if the client will not come back."""

    def __init__(self, client_msg_id: str, code: str, message: str) -> None:
        super().__init__(f"{client_msg_id} is not stored: {message} ({code})")
        self.client_msg_id = client_msg_id
        self.code = code
