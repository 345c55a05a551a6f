"""A server of the protocol without a network: a log, and connections that lose what was on its way when they break."""

from collections import deque
from dataclasses import dataclass, field

from server.ids import to_text
from server.wire.codes import Code
from server.wire.frames import (
    Ack,
    Act,
    EventFrame,
    FromClient,
    FromServer,
    Hello,
    History,
    Page,
    Ping,
    Pong,
    Problem,
    Say,
    Welcome,
)


def identifier(number: int) -> str:
    return to_text(number.to_bytes(16, "big"))


@dataclass
class Link:
    """One connection: what is on its way in each direction."""

    up: deque[FromClient] = field(default_factory=deque)
    down: deque[FromServer] = field(default_factory=deque)
    greeted: bool = False


@dataclass
class ChatServer:
    """Stores a message once, acknowledges it when it is stored, and shows events in their order."""

    conversation: str = identifier(7)
    most_missed: int = 5  # then a fresh start
    newest: int = 3
    log: list[EventFrame] = field(default_factory=list)
    link: Link | None = None
    refuses: deque[Code] = field(default_factory=deque)  # the next messages, in this order
    hellos: list[Hello] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.append("opened", "system", "")

    def append(self, kind: str, author: str, text: str, client_msg_id: str = "") -> EventFrame:
        """Store an event, and show it."""
        seq = len(self.log) + 1
        event = EventFrame(
            seq=seq, id=identifier(seq), kind=kind, author=author, at=seq, text=text, client_msg_id=client_msg_id
        )
        self.log.append(event)
        if self.link is not None and self.link.greeted:
            self.link.down.append(event)
        return event

    def open(self) -> Link:
        self.link = Link()
        return self.link

    def take(self) -> None:
        """Read the next frame of the client."""
        assert self.link is not None
        frame, down = self.link.up.popleft(), self.link.down
        match frame:
            case Hello():
                self.hellos.append(frame)
                self.link.greeted = True
                down.append(self._welcome(frame))
            case Say() | Act() if self.refuses:
                code = self.refuses.popleft()
                named = frame.client_msg_id if code is not Code.RATE_LIMITED else ""
                down.append(Problem(code=code.value, message="no", client_msg_id=named, retry_after_ms=300))
            case Say() | Act():
                text = frame.text if isinstance(frame, Say) else frame.value
                name = frame.client_msg_id
                known = next((event for event in self.log if event.client_msg_id == name), None)
                event = known or self.append("spoke", "visitor", text, name)
                down.append(Ack(client_msg_id=name, seq=event.seq, id=event.id, at=event.at))
            case History(before=before, limit=limit):
                events = [event for event in self.log if event.seq < before][-limit:]
                down.append(Page(events=tuple(events), more=bool(events) and events[0].seq > 1))
            case Ping():
                down.append(Pong())
            case _:
                pass

    def _welcome(self, hello: Hello) -> Welcome:
        after = hello.resume.last_seq if hello.resume and hello.resume.conversation == self.conversation else None
        recovered = after is not None and len(self.log) - after <= self.most_missed
        events = self.log[after:] if recovered else self.log[-self.newest :]
        return Welcome(
            session=identifier(8), conversation=self.conversation, token="t1", recovered=recovered,
            last_seq=len(self.log), events=tuple(events),
        )  # fmt: skip
