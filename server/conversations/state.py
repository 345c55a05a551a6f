"""Where a conversation stands: the sum of its events, and what may be added to it. Pure.

Two fences keep speakers apart. An agent's action names the `epoch` it saw, which rises with every change of owner or
state. A bot's reply names (`owner_epoch`, `turn`): it is void once a person took over, or the visitor said more.
"""

from collections.abc import Sequence

import msgspec

from server.conversations.events import Audience, Body, Event, Millis, Opened, Understood, kind_of

VISITOR, BOT, SYSTEM = "visitor", "bot", "system"


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
    owner: str = BOT
    seq: int = 0  # of the last public event
    internal_seq: int = 0
    epoch: int = 1
    owner_epoch: int = 1
    turn: int = 0  # the visitor's last
    answered: int = 0  # the last turn that was answered
    opened_at: Millis = 0
    last_at: Millis = 0

    @property
    def fence(self) -> Fence:
        """What a reply to the last turn must name."""
        return Fence(self.owner_epoch, self.turn)

    @property
    def waits_for_bot(self) -> bool:
        """Whether a turn is unanswered that the bot should answer."""
        return self.owner == BOT and self.answered < self.turn


def apply(head: Head, event: Event) -> Head:
    """Give the state after an event.

    Raises:
        ValueError: the event does not follow the last one.
    """
    counted = head.seq if event.audience is Audience.PUBLIC else head.internal_seq
    if event.seq != counted + 1:
        raise ValueError(f"{event.audience.value} event {event.seq} cannot follow {counted}")
    if event.audience is Audience.INTERNAL:
        return msgspec.structs.replace(head, internal_seq=event.seq, last_at=event.at)
    head = msgspec.structs.replace(head, seq=event.seq, last_at=event.at, epoch=event.epoch)
    if event.author == VISITOR:
        return msgspec.structs.replace(head, turn=event.turn)
    if event.author == BOT:
        return msgspec.structs.replace(head, answered=event.turn)
    return head


def opened(workspace: str, conversation: bytes, visitor: str, body: Opened, *, at: Millis) -> Head:
    """Give the state that a conversation's first event follows."""
    return Head(
        workspace=workspace,
        conversation=conversation,
        visitor=visitor,
        kb=body.kb,
        language=body.language,
        opened_at=at,
        last_at=at,
    )


class Drafts:
    """Numbers the events of one append, each against the state that the one before leaves."""

    def __init__(self, head: Head, *, at: Millis) -> None:
        self.head = head
        self.events: list[Event] = []
        self._at = at

    def add(
        self, identifier: bytes, author: str, body: Body, *, turn: int | None = None, client_msg_id: str = ""
    ) -> Event:
        """Append an event; `turn` defaults to the visitor's last one."""
        audience = Audience.INTERNAL if isinstance(body, Understood) else Audience.PUBLIC
        event = Event(
            id=identifier,
            kind=kind_of(body),
            audience=audience,
            seq=(self.head.seq if audience is Audience.PUBLIC else self.head.internal_seq) + 1,
            epoch=self.head.epoch,
            turn=self.head.turn if turn is None else turn,
            author=author,
            at=max(self._at, self.head.last_at),  # a clock that was set back never orders events
            body=body,
            client_msg_id=client_msg_id,
        )
        self.head = apply(self.head, event)
        self.events.append(event)
        return event


def replay(head: Head, events: Sequence[Event]) -> Head:
    """Give the state after all events, in their order."""
    for event in events:
        head = apply(head, event)
    return head
