from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_REPLIED: _ClassVar[Kind]
    KIND_OPENED: _ClassVar[Kind]
    KIND_SPOKE: _ClassVar[Kind]
    KIND_ACTED: _ClassVar[Kind]
    KIND_TEXT: _ClassVar[Kind]

class Author(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AUTHOR_BOT: _ClassVar[Author]
    AUTHOR_VISITOR: _ClassVar[Author]
    AUTHOR_SYSTEM: _ClassVar[Author]
    AUTHOR_TEXT: _ClassVar[Author]

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_ANSWER: _ClassVar[Decision]
    DECISION_CLARIFY: _ClassVar[Decision]
    DECISION_SMALL_TALK: _ClassVar[Decision]
    DECISION_UNKNOWN: _ClassVar[Decision]
    DECISION_REFUSE: _ClassVar[Decision]
    DECISION_HANDOFF: _ClassVar[Decision]
    DECISION_TEXT: _ClassVar[Decision]

class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_TEXT: _ClassVar[Reason]
    REASON_CUSTOMER_REQUEST: _ClassVar[Reason]
    REASON_COMPLAINT: _ClassVar[Reason]
    REASON_SAFETY: _ClassVar[Reason]
    REASON_RESTRICTED_TOPIC: _ClassVar[Reason]
    REASON_TOOL_FAILURE: _ClassVar[Reason]
    REASON_LOW_CONFIDENCE: _ClassVar[Reason]
    REASON_REPEATED_FAILURE: _ClassVar[Reason]
    REASON_NEGATIVE_SENTIMENT: _ClassVar[Reason]
    REASON_NEGATIVE_FEEDBACK: _ClassVar[Reason]
    REASON_INJECTION: _ClassVar[Reason]
    REASON_OFF_TOPIC: _ClassVar[Reason]

class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ACTION_TEXT: _ClassVar[Action]
    ACTION_CHOOSE: _ClassVar[Action]
    ACTION_HUMAN: _ClassVar[Action]
    ACTION_FEEDBACK: _ClassVar[Action]

class Code(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CODE_TEXT: _ClassVar[Code]
    CODE_BAD_FRAME: _ClassVar[Code]
    CODE_BAD_VALUE: _ClassVar[Code]
    CODE_ID_REUSED: _ClassVar[Code]
    CODE_NOT_FOUND: _ClassVar[Code]
    CODE_FORBIDDEN: _ClassVar[Code]
    CODE_RATE_LIMITED: _ClassVar[Code]
    CODE_BUSY: _ClassVar[Code]
    CODE_UNAVAILABLE: _ClassVar[Code]
KIND_REPLIED: Kind
KIND_OPENED: Kind
KIND_SPOKE: Kind
KIND_ACTED: Kind
KIND_TEXT: Kind
AUTHOR_BOT: Author
AUTHOR_VISITOR: Author
AUTHOR_SYSTEM: Author
AUTHOR_TEXT: Author
DECISION_ANSWER: Decision
DECISION_CLARIFY: Decision
DECISION_SMALL_TALK: Decision
DECISION_UNKNOWN: Decision
DECISION_REFUSE: Decision
DECISION_HANDOFF: Decision
DECISION_TEXT: Decision
REASON_TEXT: Reason
REASON_CUSTOMER_REQUEST: Reason
REASON_COMPLAINT: Reason
REASON_SAFETY: Reason
REASON_RESTRICTED_TOPIC: Reason
REASON_TOOL_FAILURE: Reason
REASON_LOW_CONFIDENCE: Reason
REASON_REPEATED_FAILURE: Reason
REASON_NEGATIVE_SENTIMENT: Reason
REASON_NEGATIVE_FEEDBACK: Reason
REASON_INJECTION: Reason
REASON_OFF_TOPIC: Reason
ACTION_TEXT: Action
ACTION_CHOOSE: Action
ACTION_HUMAN: Action
ACTION_FEEDBACK: Action
CODE_TEXT: Code
CODE_BAD_FRAME: Code
CODE_BAD_VALUE: Code
CODE_ID_REUSED: Code
CODE_NOT_FOUND: Code
CODE_FORBIDDEN: Code
CODE_RATE_LIMITED: Code
CODE_BUSY: Code
CODE_UNAVAILABLE: Code

class FromClient(_message.Message):
    __slots__ = ("ping", "pong", "typing", "read", "hello", "say", "action", "history")
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    HELLO_FIELD_NUMBER: _ClassVar[int]
    SAY_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    ping: Ping
    pong: Pong
    typing: Typing
    read: Read
    hello: Hello
    say: Say
    action: Act
    history: History
    def __init__(self, ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., typing: _Optional[_Union[Typing, _Mapping]] = ..., read: _Optional[_Union[Read, _Mapping]] = ..., hello: _Optional[_Union[Hello, _Mapping]] = ..., say: _Optional[_Union[Say, _Mapping]] = ..., action: _Optional[_Union[Act, _Mapping]] = ..., history: _Optional[_Union[History, _Mapping]] = ...) -> None: ...

class FromServer(_message.Message):
    __slots__ = ("ping", "pong", "typing", "read", "welcome", "ack", "event", "chunk", "page", "goaway", "error")
    PING_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    TYPING_FIELD_NUMBER: _ClassVar[int]
    READ_FIELD_NUMBER: _ClassVar[int]
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ACK_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    GOAWAY_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    ping: Ping
    pong: Pong
    typing: Typing
    read: Read
    welcome: Welcome
    ack: Ack
    event: Event
    chunk: Chunk
    page: Page
    goaway: Goaway
    error: Problem
    def __init__(self, ping: _Optional[_Union[Ping, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., typing: _Optional[_Union[Typing, _Mapping]] = ..., read: _Optional[_Union[Read, _Mapping]] = ..., welcome: _Optional[_Union[Welcome, _Mapping]] = ..., ack: _Optional[_Union[Ack, _Mapping]] = ..., event: _Optional[_Union[Event, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., page: _Optional[_Union[Page, _Mapping]] = ..., goaway: _Optional[_Union[Goaway, _Mapping]] = ..., error: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Pong(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Typing(_message.Message):
    __slots__ = ("off", "author", "author_text", "text")
    OFF_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    off: bool
    author: Author
    author_text: str
    text: str
    def __init__(self, off: _Optional[bool] = ..., author: _Optional[_Union[Author, str]] = ..., author_text: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class Read(_message.Message):
    __slots__ = ("seq", "author", "author_text")
    SEQ_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_TEXT_FIELD_NUMBER: _ClassVar[int]
    seq: int
    author: Author
    author_text: str
    def __init__(self, seq: _Optional[int] = ..., author: _Optional[_Union[Author, str]] = ..., author_text: _Optional[str] = ...) -> None: ...

class Token(_message.Message):
    __slots__ = ("claims", "signature", "text")
    CLAIMS_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    claims: bytes
    signature: bytes
    text: str
    def __init__(self, claims: _Optional[bytes] = ..., signature: _Optional[bytes] = ..., text: _Optional[str] = ...) -> None: ...

class Resume(_message.Message):
    __slots__ = ("conversation", "last_seq")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    conversation: bytes
    last_seq: int
    def __init__(self, conversation: _Optional[bytes] = ..., last_seq: _Optional[int] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("token", "key", "key_text", "user", "signature", "signature_text", "resume", "language", "page", "client", "device", "zone")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    KEY_TEXT_FIELD_NUMBER: _ClassVar[int]
    USER_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_TEXT_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    LANGUAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    ZONE_FIELD_NUMBER: _ClassVar[int]
    token: Token
    key: bytes
    key_text: str
    user: str
    signature: bytes
    signature_text: str
    resume: Resume
    language: str
    page: str
    client: str
    device: str
    zone: str
    def __init__(self, token: _Optional[_Union[Token, _Mapping]] = ..., key: _Optional[bytes] = ..., key_text: _Optional[str] = ..., user: _Optional[str] = ..., signature: _Optional[bytes] = ..., signature_text: _Optional[str] = ..., resume: _Optional[_Union[Resume, _Mapping]] = ..., language: _Optional[str] = ..., page: _Optional[str] = ..., client: _Optional[str] = ..., device: _Optional[str] = ..., zone: _Optional[str] = ...) -> None: ...

class Say(_message.Message):
    __slots__ = ("client_msg_id", "client_msg_id_text", "text", "files")
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    client_msg_id: bytes
    client_msg_id_text: str
    text: str
    files: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, client_msg_id: _Optional[bytes] = ..., client_msg_id_text: _Optional[str] = ..., text: _Optional[str] = ..., files: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Act(_message.Message):
    __slots__ = ("client_msg_id", "client_msg_id_text", "action", "action_text", "value", "about", "text")
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    ACTION_TEXT_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    client_msg_id: bytes
    client_msg_id_text: str
    action: Action
    action_text: str
    value: str
    about: bytes
    text: str
    def __init__(self, client_msg_id: _Optional[bytes] = ..., client_msg_id_text: _Optional[str] = ..., action: _Optional[_Union[Action, str]] = ..., action_text: _Optional[str] = ..., value: _Optional[str] = ..., about: _Optional[bytes] = ..., text: _Optional[str] = ...) -> None: ...

class History(_message.Message):
    __slots__ = ("before", "limit")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    before: int
    limit: int
    def __init__(self, before: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("id", "name", "media_type", "size")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    id: bytes
    name: str
    media_type: str
    size: int
    def __init__(self, id: _Optional[bytes] = ..., name: _Optional[str] = ..., media_type: _Optional[str] = ..., size: _Optional[int] = ...) -> None: ...

class Source(_message.Message):
    __slots__ = ("entry_id", "title")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    title: str
    def __init__(self, entry_id: _Optional[str] = ..., title: _Optional[str] = ...) -> None: ...

class Choice(_message.Message):
    __slots__ = ("entry_id", "label", "action", "value")
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    entry_id: str
    label: str
    action: str
    value: str
    def __init__(self, entry_id: _Optional[str] = ..., label: _Optional[str] = ..., action: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Event(_message.Message):
    __slots__ = ("seq", "id", "kind", "author", "at", "turn", "text", "decision", "sources", "choices", "client_msg_id", "client_msg_id_text", "action", "value", "about", "epoch", "reason", "files", "erased", "kind_text", "author_text", "decision_text", "reason_text", "action_text", "name", "status", "values")
    class ValuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    TURN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SOURCES_FIELD_NUMBER: _ClassVar[int]
    CHOICES_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ABOUT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FILES_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    KIND_TEXT_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_TEXT_FIELD_NUMBER: _ClassVar[int]
    DECISION_TEXT_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    ACTION_TEXT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VALUES_FIELD_NUMBER: _ClassVar[int]
    seq: int
    id: bytes
    kind: Kind
    author: Author
    at: int
    turn: int
    text: str
    decision: Decision
    sources: _containers.RepeatedCompositeFieldContainer[Source]
    choices: _containers.RepeatedCompositeFieldContainer[Choice]
    client_msg_id: bytes
    client_msg_id_text: str
    action: Action
    value: str
    about: bytes
    epoch: int
    reason: Reason
    files: _containers.RepeatedCompositeFieldContainer[File]
    erased: bool
    kind_text: str
    author_text: str
    decision_text: str
    reason_text: str
    action_text: str
    name: str
    status: str
    values: _containers.ScalarMap[str, str]
    def __init__(self, seq: _Optional[int] = ..., id: _Optional[bytes] = ..., kind: _Optional[_Union[Kind, str]] = ..., author: _Optional[_Union[Author, str]] = ..., at: _Optional[int] = ..., turn: _Optional[int] = ..., text: _Optional[str] = ..., decision: _Optional[_Union[Decision, str]] = ..., sources: _Optional[_Iterable[_Union[Source, _Mapping]]] = ..., choices: _Optional[_Iterable[_Union[Choice, _Mapping]]] = ..., client_msg_id: _Optional[bytes] = ..., client_msg_id_text: _Optional[str] = ..., action: _Optional[_Union[Action, str]] = ..., value: _Optional[str] = ..., about: _Optional[bytes] = ..., epoch: _Optional[int] = ..., reason: _Optional[_Union[Reason, str]] = ..., files: _Optional[_Iterable[_Union[File, _Mapping]]] = ..., erased: _Optional[bool] = ..., kind_text: _Optional[str] = ..., author_text: _Optional[str] = ..., decision_text: _Optional[str] = ..., reason_text: _Optional[str] = ..., action_text: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., values: _Optional[_Mapping[str, str]] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("session", "conversation", "token", "recovered", "last_seq", "events", "ping_s", "max_bytes", "max_upload")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    RECOVERED_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    PING_S_FIELD_NUMBER: _ClassVar[int]
    MAX_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_UPLOAD_FIELD_NUMBER: _ClassVar[int]
    session: bytes
    conversation: bytes
    token: Token
    recovered: bool
    last_seq: int
    events: _containers.RepeatedCompositeFieldContainer[Event]
    ping_s: int
    max_bytes: int
    max_upload: int
    def __init__(self, session: _Optional[bytes] = ..., conversation: _Optional[bytes] = ..., token: _Optional[_Union[Token, _Mapping]] = ..., recovered: _Optional[bool] = ..., last_seq: _Optional[int] = ..., events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., ping_s: _Optional[int] = ..., max_bytes: _Optional[int] = ..., max_upload: _Optional[int] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("client_msg_id", "client_msg_id_text", "seq", "id", "at")
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    client_msg_id: bytes
    client_msg_id_text: str
    seq: int
    id: bytes
    at: int
    def __init__(self, client_msg_id: _Optional[bytes] = ..., client_msg_id_text: _Optional[str] = ..., seq: _Optional[int] = ..., id: _Optional[bytes] = ..., at: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("turn", "text", "aborted")
    TURN_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    turn: int
    text: str
    aborted: bool
    def __init__(self, turn: _Optional[int] = ..., text: _Optional[str] = ..., aborted: _Optional[bool] = ...) -> None: ...

class Page(_message.Message):
    __slots__ = ("events", "more")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[Event]
    more: bool
    def __init__(self, events: _Optional[_Iterable[_Union[Event, _Mapping]]] = ..., more: _Optional[bool] = ...) -> None: ...

class Goaway(_message.Message):
    __slots__ = ("after_ms",)
    AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    after_ms: int
    def __init__(self, after_ms: _Optional[int] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "code_text", "message", "client_msg_id", "client_msg_id_text", "retry_after_ms")
    CODE_FIELD_NUMBER: _ClassVar[int]
    CODE_TEXT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_MSG_ID_TEXT_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    code: Code
    code_text: str
    message: str
    client_msg_id: bytes
    client_msg_id_text: str
    retry_after_ms: int
    def __init__(self, code: _Optional[_Union[Code, str]] = ..., code_text: _Optional[str] = ..., message: _Optional[str] = ..., client_msg_id: _Optional[bytes] = ..., client_msg_id_text: _Optional[str] = ..., retry_after_ms: _Optional[int] = ...) -> None: ...
