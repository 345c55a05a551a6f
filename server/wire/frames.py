"""The frames of the protocol `kefu.v1`, one type each, the same for both encodings. docs/PROTOCOL.md explains them.

Identifiers are text of 22 characters; protobuf sends their 16 bytes. Times are milliseconds since 1970.
"""

from typing import Annotated

import msgspec

from server.conversations.events import Choice, File, Source

# JavaScript and SQLite hold them exactly, protobuf as int64.
Whole = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]


class _Frame(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", forbid_unknown_fields=False
):
    """Fields that hold their default are not sent, unknown ones are ignored: clients may be older or newer."""


# -- from the client


class Resume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the client left off."""

    conversation: str
    last_seq: Whole  # of the last public event it has


class Held(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an agent's client holds of a conversation."""

    conversation: str
    last_seq: Whole = 0  # of the last public event it has; 0: none
    last_internal: Whole = 0  # of the last internal one


class Hello(_Frame, frozen=True, tag="hello"):
    """The first frame: who is there, and what it has already."""

    token: str = ""  # from an earlier welcome; never in the address
    key: str = ""  # a widget's publishable key, where there is no token yet
    user: str = ""  # who the visitor is, as the embedding site says
    signature: str = ""  # the site's, over `user`: hex HMAC-SHA256 with the widget's identity secret
    resume: Resume | None = None
    language: str = ""
    page: str = ""
    device: str = ""  # in a few words, such as "Chrome on Android"
    zone: str = ""  # of the visitor's device, as the IANA database names it, such as "Asia/Shanghai"
    client: str = ""  # name and version of the program
    ticket: str = ""  # of an agent, instead of token or key; agents speak JSON
    following: tuple[Held, ...] = ()  # by an agent, instead of resume


class Say(_Frame, frozen=True, tag="say"):
    """A message."""

    client_msg_id: str  # 1 to 64 characters; repeated with the message until it is acknowledged
    text: str
    files: tuple[str, ...] = ()  # ids of uploads


class Act(_Frame, frozen=True, tag="action"):
    """A button."""

    client_msg_id: str
    action: str  # of `server.conversations.events.Action`
    value: str = ""
    about: str = ""  # the event whose button it is
    text: str = ""  # beside an address or a rating


class Typing(_Frame, frozen=True, tag="typing"):
    """Somebody is typing, or stopped. Both ways; never stored."""

    on: bool = True
    author: str = ""  # set by the server
    text: str = ""  # what was typed so far: from visitors, shown to agents only


class Read(_Frame, frozen=True, tag="read"):
    """All up to an event was shown. Both ways."""

    seq: Whole
    author: str = ""


class History(_Frame, frozen=True, tag="history"):
    """Asks for the page of events before one."""

    before: Whole
    limit: Whole = 50


class Ping(_Frame, frozen=True, tag="ping"):
    """Asks for a pong. Both ways, for programs that cannot see the socket's own."""


class Pong(_Frame, frozen=True, tag="pong"):
    """Answers a ping."""


# -- from the server


class EventFrame(_Frame, frozen=True, tag="event"):
    """Something that happened, for good. The next one has the next `seq`."""

    seq: Whole
    id: str
    kind: str
    author: str
    at: Whole
    epoch: Whole = 1
    turn: Whole = 0
    text: str = ""
    decision: str = ""
    reason: str = ""
    files: tuple[File, ...] = ()
    sources: tuple[Source, ...] = ()
    choices: tuple[Choice, ...] = ()
    action: str = ""
    value: str = ""
    about: str = ""
    client_msg_id: str = ""
    erased: bool = False
    name: str = ""  # of the agent who wrote it
    status: str = ""  # what the system tells, in a word: "queued", "joined", ...; `text` words it
    values: dict[str, str] = {}  # for clients that word it themselves: name, position, minutes, ...


class Welcome(_Frame, frozen=True, tag="welcome"):
    """Answers hello: the conversation, and what the client misses of it."""

    session: str
    conversation: str
    token: str  # to be shown at the next hello
    recovered: bool  # `events` are all that was missed; else they are the newest, and what the client holds is void
    last_seq: Whole
    events: tuple[EventFrame, ...] = ()
    ping_s: Whole = 25
    max_bytes: Whole = 65536
    max_upload: Whole = 10_485_760  # bytes of a file; 0: none is taken


class Ack(_Frame, frozen=True, tag="ack"):
    """A message or button is stored for good, as the event with this number."""

    client_msg_id: str
    seq: Whole
    id: str
    at: Whole


class Chunk(_Frame, frozen=True, tag="chunk"):
    """A piece of a reply that is still being worded. Its event replaces all of them; `aborted` takes them back."""

    turn: Whole
    text: str = ""
    aborted: bool = False


class Page(_Frame, frozen=True, tag="page"):
    """Answers history."""

    events: tuple[EventFrame, ...] = ()
    more: bool = False


class Goaway(_Frame, frozen=True, tag="goaway"):
    """The server is about to close: come back after a while, with the resume that you hold."""

    after_ms: Whole


class Problem(_Frame, frozen=True, tag="error"):
    """Something was refused. `client_msg_id` names what."""

    code: str  # of wire.codes.Code
    message: str
    client_msg_id: str = ""
    retry_after_ms: Whole = 0


FromClient = Hello | Say | Act | Typing | Read | History | Ping | Pong
FromServer = Welcome | Ack | EventFrame | Chunk | Typing | Read | Page | Goaway | Problem | Ping | Pong
