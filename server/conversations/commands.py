"""What may be asked of a conversation, and what the asker is told."""

import msgspec

from server.conversations.events import File, Millis

MAX_TEXT_CHARS = 8_000


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Who speaks, as the credential says; never as the frame says."""

    workspace: str
    id: str
    kb: str
    language: str = ""
    page: str = ""


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


Command = Say | Choose | AskForPerson | Rate


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """The command's event is on disk."""

    client_msg_id: str
    seq: int
    id: bytes
    at: Millis
