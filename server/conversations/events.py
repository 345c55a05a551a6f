"""What happens in a conversation. A conversation is its events; everything else follows from them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from server.handoff.states import Moved, Status

Millis = int  # since 1970, UTC


class Audience(StrEnum):
    """Who may see an event; each audience counts its own, without gaps."""

    PUBLIC = "public"  # visitors and agents
    INTERNAL = "internal"  # agents, webhooks and reports


class Action(StrEnum):
    """The buttons of a visitor."""

    CHOOSE = "choose"
    HUMAN = "human"
    FEEDBACK = "feedback"
    CANCEL = "cancel"  # the wait for a person
    ANSWER_OFFER = "answer_offer"  # of a person: yes or no
    WAIT = "wait"  # what to do while everyone is busy
    LEAVE_MESSAGE = "leave_message"
    RATE = "rate"  # the whole chat
    END = "end"


class File(msgspec.Struct, frozen=True, kw_only=True):
    """An uploaded file, by reference."""

    id: str
    name: str
    media_type: str
    size: int  # bytes


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer comes from, as visitors see it."""

    entry_id: str
    title: str


class Choice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A button below a reply, or below what the system says."""

    entry_id: str  # "" where the button is no question
    label: str
    action: str = ""  # that the button sends, with the value; "": `choose` with the entry
    value: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The conversation began."""

    kb: str
    language: str = ""  # of the visitor's browser or app, as it says
    page: str = ""  # where the visitor was
    device: str = ""  # that the visitor had, in a few words
    zone: str = ""  # the visitor's time zone, IANA name


class Spoke(msgspec.Struct, frozen=True, kw_only=True, tag="spoke"):
    """A visitor or an agent wrote something."""

    text: str
    files: tuple[File, ...] = ()
    name: str = ""  # of an agent, as visitors saw it then


class Acted(msgspec.Struct, frozen=True, kw_only=True, tag="acted"):
    """The visitor pressed a button."""

    action: Action
    value: str = ""  # the entry chosen; "up" or "down"; an e-mail address; 1 to 5
    label: str = ""  # what the button said, or what was written beside it
    about: str = ""  # the event that the button belongs to, as text


class Replied(msgspec.Struct, frozen=True, kw_only=True, tag="replied"):
    """The bot answered a turn."""

    text: str  # Markdown
    decision: str  # "answer", "clarify", ... as the engine names it
    reason: str = ""  # of a handoff or a refusal
    sources: tuple[Source, ...] = ()
    choices: tuple[Choice, ...] = ()


class Understood(msgspec.Struct, frozen=True, kw_only=True, tag="understood"):
    """What was found out about a turn: internal, and what the next turn needs to know of it."""

    decision: str  # that followed
    text: str  # as it was written
    question: str  # as it was understood: spelling corrected, follow-ups resolved
    language: str
    edits: tuple[tuple[str, str], ...]  # (as written, as corrected)
    sentiment: str
    sentiment_score: float
    intent: str
    talk: str
    entry_ids: tuple[str, ...]  # answered from, or offered
    receipt: Mapping[str, Any]  # scores, thresholds, versions, times: as the engine gave them


class Noted(msgspec.Struct, frozen=True, kw_only=True, tag="noted"):
    """An agent wrote something that the visitor does not see."""

    text: str
    name: str = ""  # of the agent
    mentions: tuple[str, ...] = ()  # ids of agents


Body = Opened | Spoke | Acted | Replied | Status | Understood | Moved | Noted
INTERNAL = (Understood, Moved, Noted)  # bodies that visitors never see


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. Its body is None once the visitor was erased; all else stays."""

    id: bytes
    kind: str  # the body's tag: "opened", "spoke", ...
    audience: Audience
    seq: int  # from 1, without gaps within the conversation and audience
    epoch: int
    turn: int  # of the visitor's, from 1; the turn that a reply answers
    author: str  # "visitor", "bot", "system", "agent:ana"
    at: Millis
    body: Body | None
    client_msg_id: str = ""  # given by the author's client; the same one is the same event
    after: int = 0  # of an internal event: the public one that it follows

    @property
    def place(self) -> tuple[int, int, int]:
        """What both audiences are ordered by, where they are shown together."""
        return (self.seq, 0, 0) if self.audience is Audience.PUBLIC else (self.after, 1, self.seq)


def in_order(events: Iterable[Event]) -> list[Event]:
    """Give events of both audiences in the order in which they happened."""
    return sorted(events, key=lambda event: event.place)


def kind_of(body: Body) -> str:
    """Give the word that a body's kind is written with."""
    return str(body.__struct_config__.tag)


_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Body] = msgspec.json.Decoder(Body)


def encode_body(body: Body) -> bytes:
    """Give the bytes that a log keeps."""
    return _encoder.encode(body)


def decode_body(raw: bytes) -> Body:
    """Read what `encode_body` gave.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return _decoder.decode(raw)
