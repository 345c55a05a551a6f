"""Where a conversation stands: the sum of its events, and what may be added to it. Pure.

Two fences keep speakers apart. An agent's action names the `epoch` it saw, which rises with every change of owner or
state. A bot's reply names (`owner_epoch`, `turn`): it is void once a person took over, or the visitor said more.
"""

from collections.abc import Sequence

import msgspec

from server.conversations.events import (
    INTERNAL,
    Acted,
    Action,
    Audience,
    Body,
    Event,
    Millis,
    Opened,
    Replied,
    Spoke,
    Understood,
    kind_of,
)
from server.handoff.outcomes import Notice, Step
from server.handoff.states import Handling, Moved, answered, heard, replied
from server.handoff.timers import Timer

VISITOR, BOT, SYSTEM = "visitor", "bot", "system"
AGENT = "agent:"  # begins an agent's name as author or owner

_LANGUAGES = ("zh", "en")  # that the system speaks
_LAST_CHARS = 120  # of what was said last
_UNKNOWN = {"page": "", "device": "", "zone": ""}


class Fence(msgspec.Struct, frozen=True):
    """What a reply of the bot must still find when it is recorded."""

    owner_epoch: int
    turn: int


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a conversation after its last event."""

    workspace: str
    conversation: bytes
    visitor: str
    kb: str
    language: str = ""
    page: str = ""  # where the visitor was when it began
    device: str = ""  # that the visitor had then
    zone: str = ""  # the visitor's time zone then, IANA name
    seq: int = 0  # of the last public event
    internal_seq: int = 0
    turn: int = 0  # the visitor's last
    answered: int = 0  # the last turn that was answered
    opened_at: Millis = 0
    last_at: Millis = 0
    last_text: str = ""  # the beginning of what was said last, by anybody
    last_author: str = ""
    sentiment: str = ""  # of the visitor's last turn
    erased_seq: int = 0  # up to which words were erased; 0: none were
    handling: Handling = Handling()

    @property
    def owner(self) -> str:
        """Who answers: "bot", "agent:ID", or nobody."""
        return self.handling.owner

    @property
    def epoch(self) -> int:
        """What an agent's action must name."""
        return self.handling.epoch

    @property
    def fence(self) -> Fence:
        """What a reply to the last turn must name."""
        return Fence(self.handling.owner_epoch, self.turn)

    @property
    def waits_for_bot(self) -> bool:
        """Whether a turn is unanswered that the bot should answer."""
        return self.handling.bot_may_speak and self.answered < self.turn


def apply(head: Head, event: Event) -> Head:
    """Give the state after an event.

    Raises:
        ValueError: the event does not follow the last one.
    """
    counted = head.seq if event.audience is Audience.PUBLIC else head.internal_seq
    if event.seq != counted + 1:
        raise ValueError(f"{event.audience.value} event {event.seq} cannot follow {counted}")
    if event.audience is Audience.INTERNAL:
        return _after_internal(msgspec.structs.replace(head, internal_seq=event.seq, last_at=event.at), event)
    return _after_public(msgspec.structs.replace(head, seq=event.seq, last_at=event.at), event)


def _after_public(head: Head, event: Event) -> Head:
    if isinstance(event.body, Spoke | Replied) and event.body.text:
        head = msgspec.structs.replace(head, last_text=event.body.text[:_LAST_CHARS], last_author=event.author)
    if event.author == VISITOR:
        return _after_visitor(head, event)
    if event.author == BOT:
        return msgspec.structs.replace(head, answered=event.turn, handling=replied(head.handling))
    if event.author.startswith(AGENT):
        return msgspec.structs.replace(head, handling=answered(head.handling, event.at))
    return head


def _after_visitor(head: Head, event: Event) -> Head:
    done, handling = head.answered, head.handling
    match event.body:
        case Spoke() | Acted(action=Action.CHOOSE):
            handling = heard(handling, event.at)
        case Acted(action=action) if action is not Action.HUMAN and head.answered == head.turn:
            done = event.turn  # a button asks the bot nothing; what was asked before it still waits
    return msgspec.structs.replace(head, turn=event.turn, answered=done, handling=handling)


def _after_internal(head: Head, event: Event) -> Head:
    match event.body:
        case Moved(handling=handling, actor=actor, transition=transition):
            # What was said to a person, or asks for one, is not the bot's to answer when it has the conversation again.
            done = not head.handling.bot_may_speak or (actor == VISITOR and transition == Step.ASKED)
            return msgspec.structs.replace(head, handling=handling, answered=head.turn if done else head.answered)
        case Understood(sentiment=sentiment, language=language):
            handling = spoken(head.handling, language)
            return msgspec.structs.replace(head, sentiment=sentiment, handling=handling)
        case _:
            return head


def spoken(handling: Handling, language: str) -> Handling:
    """Give the handling of a visitor who writes in a language; what browsers say of it is often wrong."""
    known = language in _LANGUAGES and not handling.language.startswith(language)
    return msgspec.structs.replace(handling, language=language) if known else handling


def scrubbed(head: Head) -> Head:
    """Give the state without a word of the visitor's or to the visitor, for one who was erased."""
    handling = msgspec.structs.replace(head.handling, transfer_note="", email="", resolution="", tags=())
    words = {"last_text": "", "last_author": "", "sentiment": "", **_UNKNOWN}
    return msgspec.structs.replace(head, erased_seq=head.seq, handling=handling, **words)


def opened(workspace: str, conversation: bytes, visitor: str, body: Opened, *, at: Millis) -> Head:
    """Give the state that a conversation's first event follows."""
    return Head(
        workspace=workspace,
        conversation=conversation,
        visitor=visitor,
        kb=body.kb,
        language=body.language,
        page=body.page,
        device=body.device,
        zone=body.zone,
        opened_at=at,
        last_at=at,
        handling=Handling(language=body.language, begun_at=at, since=at),
    )


class Drafts:
    """Numbers the events of one append, each against the state that the one before leaves."""

    def __init__(self, head: Head, *, at: Millis) -> None:
        self.before = head
        self.head = head
        self.events: list[Event] = []
        self.notices: list[Notice] = []  # who else is told, once it is stored
        self.timers: tuple[Timer, ...] | None = None  # all that there are from now on; None: as before
        self.at = max(at, head.last_at)  # a clock that was set back never orders events

    @property
    def moved(self) -> bool:
        """Whether a transition is among the events."""
        return any(event.kind == "moved" for event in self.events)

    @property
    def changes(self) -> bool:
        """Whether there is anything to be stored."""
        return bool(self.events) or self.timers is not None

    def add(
        self, identifier: bytes, author: str, body: Body, *, turn: int | None = None, client_msg_id: str = ""
    ) -> Event:
        """Append an event; `turn` defaults to the visitor's last one."""
        audience = Audience.INTERNAL if isinstance(body, INTERNAL) else Audience.PUBLIC
        event = Event(
            id=identifier,
            kind=kind_of(body),
            audience=audience,
            seq=(self.head.seq if audience is Audience.PUBLIC else self.head.internal_seq) + 1,
            epoch=body.handling.epoch if isinstance(body, Moved) else self.head.epoch,
            turn=self.head.turn if turn is None else turn,
            author=author,
            at=self.at,
            body=body,
            client_msg_id=client_msg_id,
            after=self.head.seq if audience is Audience.INTERNAL else 0,
        )
        self.head = apply(self.head, event)
        self.events.append(event)
        return event


def replay(head: Head, events: Sequence[Event]) -> Head:
    """Give the state after all events, in their order."""
    for event in events:
        head = apply(head, event)
    return head
