"""What visitors' devices did and saw, what the log holds at the end, and whether the two fit.

A history is a list of records in the order in which they happened, on one clock. They are those of Jepsen: an
operation is invoked (`Hailed`, `Sent`), and then it is ok (`Welcomed`, `Acked`), failed (`Refused`), or nobody knows
(nothing follows, or `Left`): then it may have happened or not, but not twice. `Saw` and `Paged` are reads.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from server.conversations.events import Event, Spoke, in_order
from server.conversations.state import BOT, VISITOR, Head
from server.handoff.states import Handling, Moved
from server.ids import to_text
from server.wire.frames import EventFrame
from server.wire.mapping import event_frame


class _Record(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    device: str  # "ann/phone": of the visitor ann
    at: float = 0.0  # seconds since the start

    @property
    def visitor(self) -> str:
        return self.device.split("/", 1)[0]


class Hailed(_Record, frozen=True):
    """Invoked: a device said hello."""

    conversation: str = ""  # that it knows
    after: int | None = None  # the last number it has of it


class Welcomed(_Record, frozen=True):
    """Ok: it was let in, and shown what it missed."""

    conversation: str
    recovered: bool
    last_seq: int
    events: tuple[EventFrame, ...] = ()


class Sent(_Record, frozen=True):
    """Invoked: a message or a button, for the first time or again."""

    client_msg_id: str
    text: str = ""  # of a message


class Acked(_Record, frozen=True):
    """Ok: stored, the server says."""

    client_msg_id: str
    seq: int
    id: str


class Refused(_Record, frozen=True):
    """Failed: the server says that it did not store it and will not."""

    client_msg_id: str
    code: str


class Saw(_Record, frozen=True):
    """A device was shown an event as it happened."""

    event: EventFrame


class Paged(_Record, frozen=True):
    """A device was shown older events, which it had asked for."""

    events: tuple[EventFrame, ...]


class Troubled(_Record, frozen=True):
    """The server asked to send a message again later: nothing is known of it."""

    code: str
    client_msg_id: str = ""


class Left(_Record, frozen=True):
    """The connection ended; of what was on its way nobody knows."""

    code: int


class Rested(_Record, frozen=True):
    """The device is connected at the end and was given the time to be shown everything."""


Record = Hailed | Welcomed | Sent | Acked | Refused | Saw | Paged | Troubled | Left | Rested
History = Sequence[Record]


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation as the log holds it."""

    head: Head
    public: tuple[Event, ...]  # both in the order in which the log gives them
    internal: tuple[Event, ...] = ()


Log = Mapping[str, Logged]  # by conversation, as text


class Broken(StrEnum):
    """The promises."""

    LOST = "an acknowledged message is not in the log"
    MOVED = "an acknowledged message is another event in the log"
    DOUBLED = "a message is in the log twice"
    GAP = "numbers of events have a gap"
    STATE = "the stored state is not the sum of the events"
    REFUSED = "a refused message is in the log"
    UNSAID = "the log holds a message that nobody sent"
    DISAGREE = "a device was shown something else than the log holds"
    HOLE = "a device was not shown each event once and in order"
    MISSED = "a device that is connected was not shown the last events"
    BACK = "a device was taken back in time"
    OVERTOOK = "a message is before what was known when it was sent"
    STRANGER = "a visitor was given another conversation"
    TWICE = "a turn is answered twice"
    NEVER = "a turn is not answered"
    MISPLACED = "a reply does not follow its question"
    TALKED_OVER = "the bot spoke while a person owned the conversation"


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that was broken, and where."""

    promise: Broken
    where: str  # the conversation or device
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.promise.value}: {self.what}"


def check(history: History, log: Log) -> list[Violation]:
    """Hold a history and the log that is left of it against each other; nothing is found where all promises were kept.

    Args:
        history: of all devices, in the order in which it happened.
        log: all conversations, read after the last message was answered.
    """
    return [
        *(found for name, logged in log.items() for found in _sound(name, logged)),
        *(found for name, logged in log.items() for found in _answered(name, logged)),
        *_messages(history, log),
        *_readers(history, log),
        *_in_real_time(history),
    ]


# -- the log by itself


def _sound(name: str, logged: Logged) -> Iterator[Violation]:
    for events, what in ((logged.public, "public"), (logged.internal, "internal")):
        numbers = [event.seq for event in events]
        if numbers != list(range(1, len(numbers) + 1)):
            at = next(place for place, number in enumerate(numbers, 1) if number != place)
            yield Violation(promise=Broken.GAP, where=name, what=f"{what}: {numbers[at - 1]} where {at} should be")
    yield from _doubled(name, logged.public)
    spoken = [event.turn for event in logged.public if event.author == VISITOR]
    counted = (len(logged.public), len(logged.internal), max(spoken, default=0))
    head = logged.head
    if (head.seq, head.internal_seq, head.turn) != counted:
        yield Violation(promise=Broken.STATE, where=name, what=f"{head} but counted are {counted}")


def _doubled(name: str, events: Sequence[Event]) -> Iterator[Violation]:
    seen: dict[object, Event] = {}
    for event in events:
        keys = [event.id, (event.author, event.client_msg_id)] if event.client_msg_id else [event.id]
        for key in keys:
            first = seen.setdefault(key, event)
            if first is not event:
                what = f"{event.client_msg_id or to_text(event.id)} is {first.seq} and {event.seq}"
                yield Violation(promise=Broken.DOUBLED, where=name, what=what)
                break


def _answered(name: str, logged: Logged) -> Iterator[Violation]:
    """Each turn is answered once, after it was asked and before the next; a person's conversation by no bot."""
    asked = done = 0
    replied: set[int] = set()
    handling = Handling()
    for event in in_order([*logged.public, *logged.internal]):
        if isinstance(event.body, Moved):
            if event.body.actor == VISITOR or not handling.bot_may_speak:
                done = asked  # a button's request is fulfilled; what was said to a person is not the bot's to answer
            handling = event.body.handling
        elif event.author == VISITOR:
            asked = event.turn
        elif event.author == BOT:
            yield from _reply(name, event, asked, replied, handling)
            replied.add(event.turn)
            done = max(done, event.turn)
    if handling.bot_may_speak and done < asked:
        yield Violation(promise=Broken.NEVER, where=name, what=f"turn {asked}; the last answer is to {done}")


def _reply(name: str, event: Event, asked: int, replied: set[int], handling: Handling) -> Iterator[Violation]:
    what = f"event {event.seq} answers turn {event.turn} in epoch {event.epoch}"
    if event.turn in replied:
        yield Violation(promise=Broken.TWICE, where=name, what=what)
    elif event.turn != asked:
        yield Violation(promise=Broken.MISPLACED, where=name, what=f"{what} where {asked} was asked")
    if handling.agent or event.epoch < handling.epoch:
        yield Violation(promise=Broken.TALKED_OVER, where=name, what=f"{what}; it is {handling.owner}'s")


# -- what was said


def _messages(history: History, log: Log) -> Iterator[Violation]:
    stored = {
        event.client_msg_id: (name, event)
        for name, logged in log.items()
        for event in logged.public
        if event.author == VISITOR
    }
    texts = {record.client_msg_id: record.text for record in history if isinstance(record, Sent)}
    for record in history:
        if isinstance(record, Acked):
            yield from _acknowledged(record, stored.get(record.client_msg_id))
        elif isinstance(record, Refused) and record.client_msg_id in stored:
            yield Violation(promise=Broken.REFUSED, where=record.device, what=f"{record.client_msg_id}, {record.code}")
    for message, (name, event) in stored.items():
        text = event.body.text if isinstance(event.body, Spoke) else ""
        if texts.get(message) != text:
            yield Violation(promise=Broken.UNSAID, where=name, what=f"{message or event.seq}: {text!r}")


def _acknowledged(record: Acked, stored: tuple[str, Event] | None) -> Iterator[Violation]:
    message = record.client_msg_id
    if stored is None:
        yield Violation(promise=Broken.LOST, where=record.device, what=f"{message}, acknowledged as {record.seq}")
        return
    _, event = stored
    if (event.seq, to_text(event.id)) != (record.seq, record.id):
        what = f"{message}, acknowledged as {record.seq} {record.id}, is {event.seq} {to_text(event.id)}"
        yield Violation(promise=Broken.MOVED, where=record.device, what=what)


# -- what was seen


def _readers(history: History, log: Log) -> Iterator[Violation]:
    """Every device is shown the log's events, each once a connection, without a hole: one order for all."""
    frames = {name: {event.seq: event_frame(event) for event in logged.public} for name, logged in log.items()}
    hailed: dict[str, Hailed] = {}
    conversation: dict[str, str] = {}  # of a device
    of_visitor: dict[str, str] = {}
    last: dict[str, int] = {}  # shown on this connection
    for record in history:
        device = record.device
        match record:
            case Hailed():
                hailed[device] = record
            case Welcomed():
                name = conversation[device] = record.conversation
                if of_visitor.setdefault(record.visitor, name) != name:
                    yield Violation(promise=Broken.STRANGER, where=device, what=name)
                yield from _welcome(record, hailed.get(device, Hailed(device=device)))
                yield from _as_logged(device, record.events, frames.get(name, {}))
                last[device] = record.last_seq
            case Saw(event=event):
                if event.seq != last.get(device, 0) + 1:
                    what = f"{event.seq} after {last.get(device, 0)}"
                    yield Violation(promise=Broken.HOLE, where=device, what=what)
                last[device] = event.seq
                yield from _as_logged(device, [event], frames.get(conversation.get(device, ""), {}))
            case Paged(events=events):
                yield from _consecutive(device, events)
                yield from _as_logged(device, events, frames.get(conversation.get(device, ""), {}))
            case Rested():
                newest = max(frames.get(conversation.get(device, ""), {}), default=0)
                if last.get(device, 0) < newest:
                    yield Violation(promise=Broken.MISSED, where=device, what=f"{last.get(device, 0)} of {newest}")
            case _:
                pass


def _welcome(record: Welcomed, hailed: Hailed) -> Iterator[Violation]:
    """A device that comes back gets exactly what it missed, or the newest and is told to begin anew."""
    device, numbers = record.device, [event.seq for event in record.events]
    if record.recovered:
        if hailed.after is None or hailed.conversation != record.conversation:
            yield Violation(promise=Broken.HOLE, where=device, what="recovered what it never had")
        elif numbers != list(range(hailed.after + 1, record.last_seq + 1)):
            what = f"missed {hailed.after + 1} to {record.last_seq}, got {numbers}"
            yield Violation(promise=Broken.HOLE, where=device, what=what)
        return
    yield from _consecutive(device, record.events)
    if not numbers or numbers[-1] != record.last_seq:
        yield Violation(promise=Broken.HOLE, where=device, what=f"the newest is {record.last_seq}, got {numbers}")


def _consecutive(device: str, events: Sequence[EventFrame]) -> Iterator[Violation]:
    numbers = [event.seq for event in events]
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield Violation(promise=Broken.HOLE, where=device, what=f"got {numbers}")


def _as_logged(device: str, events: Iterable[EventFrame], frames: Mapping[int, EventFrame]) -> Iterator[Violation]:
    for event in events:
        if frames.get(event.seq) != event:
            what = f"{event.seq} {event.id} by {event.author}; the log holds {frames.get(event.seq)}"
            yield Violation(promise=Broken.DISAGREE, where=device, what=what)


# -- real time


def _in_real_time(history: History) -> Iterator[Violation]:
    """What anybody knew when an operation began comes before it: no read goes back, no new message overtakes."""
    known: dict[str, int] = {}  # visitor -> the highest number that any of its devices was told of
    hailed: dict[str, int] = {}  # device -> what was known when it said hello
    sent: dict[str, int] = {}  # message -> what was known when it was first sent
    for record in history:
        visitor, told = record.visitor, 0
        match record:
            case Hailed(device=device):
                hailed[device] = known.get(visitor, 0)
            case Sent(client_msg_id=message):
                sent.setdefault(message, known.get(visitor, 0))
            case Welcomed(device=device, last_seq=told):
                if told < hailed.get(device, 0):
                    what = f"shown {told} where {hailed[device]} was known"
                    yield Violation(promise=Broken.BACK, where=device, what=what)
            case Acked(client_msg_id=message, seq=told):
                if told <= sent.get(message, 0):
                    what = f"{message} is {told}; {sent[message]} was known before it was sent"
                    yield Violation(promise=Broken.OVERTOOK, where=record.device, what=what)
            case Saw(event=event):
                told = event.seq
            case _:
                pass
        known[visitor] = max(known.get(visitor, 0), told)


# -- on disk

_file = msgspec.json.Decoder(tuple[list[Record], dict[str, Logged]])


def save(path: Path, history: History, log: Log) -> None:
    """Write both, to be checked again later."""
    path.write_bytes(msgspec.json.encode((history, log)))


def load(path: Path) -> tuple[History, Log]:
    """Read what `save` wrote."""
    return _file.decode(path.read_bytes())
