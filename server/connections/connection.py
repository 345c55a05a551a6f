"""One connection: a hello, then frames in both directions until either side ends it.

The reader is the connection's own task. There is no writer while nothing is to be written: the first frame of an idle
connection starts a task that empties the outbox and ends. A peer that does not read is closed with a code that lets
it come back, and loses nothing, because all it misses is in the log.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine import trace
from server.connections.credentials import Credential, Gate, Grant, Refused
from server.connections.outbox import Outbox, OutboxFull, OutboxLimits
from server.connections.rates import Limiter
from server.conversations.commands import AskForPerson, Choose, Command, Rate, Say, Visitor
from server.conversations.events import Audience, Event
from server.conversations.hub import Key
from server.conversations.service import Conversations
from server.conversations.signals import Signal, WordingSignal
from server.errors import BadCommand, Busy, ConversationNotFound, IdReused, LogUnavailable, ServerError
from server.ids import from_text, new_id, to_text
from server.wire import frames
from server.wire.codec import BadFrame, Codec
from server.wire.codes import Close, Code
from server.wire.mapping import event_frame, signal_frame

log = logging.getLogger(__name__)


class Socket(Protocol):
    """A WebSocket, or what stands in for one."""

    async def receive(self) -> bytes | str | None:
        """Give the next message, None when the peer has closed."""

    async def send(self, message: bytes) -> None:
        """Write a message; waits while the peer does not read."""

    async def close(self, code: Close, reason: str) -> None:
        """Say goodbye and close; waits for the peer a little at most."""

    def abort(self) -> None:
        """Close at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionSettings:
    """What one connection may do and take."""

    outbox: OutboxLimits = field(default_factory=OutboxLimits)
    hello_s: float = 15.0  # to say hello
    write_s: float = 20.0  # for the peer to take one message
    ping_s: int = 25  # of silence, then the server asks
    pong_s: int = 10  # to answer
    max_bytes: int = 64 * 1024  # of one message
    max_text_chars: int = 8_000  # of what a visitor says at once
    bad_frames: int = 5  # that are forgiven


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all connections share."""

    conversations: Conversations
    gate: Gate
    settings: ConnectionSettings
    frames: Limiter  # by connection
    messages: Limiter  # by visitor
    heard: Callable[["Connection"], None]  # the peer gave a sign of life
    admitted: Callable[["Connection"], None]  # who it is is known now
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # by workspace and why, since the start


class _Ended(Exception):
    """The connection is to be closed, and why."""

    def __init__(self, code: Close, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """A visitor's device. Is a `server.conversations.hub.Session`."""

    def __init__(self, socket: Socket, codec: Codec, origin: str, around: Surroundings) -> None:
        self.id = new_id()
        self.grant: Grant | None = None
        self._socket = socket
        self._codec = codec
        self._origin = origin
        self._around = around
        self._outbox = Outbox(around.settings.outbox)
        self._writer: asyncio.Task[None] | None = None
        self._closing: tuple[Close, str] | None = None
        self._joined: Key | None = None
        self._shown = 0  # the last seq that was put into the outbox
        self._bad = 0

    # -- life

    async def run(self) -> None:
        """Serve the peer until it or we end it. Cancelling closes the connection."""
        try:
            await self._greet()
            await self._read()
        except _Ended as end:
            self.end(end.code, str(end))
        finally:
            if self._joined is not None:
                self._around.conversations.leave(self._joined, self)
            await self._goodbye()

    @property
    def waiting(self) -> tuple[int, int]:
        """Frames and bytes that wait to be written."""
        return len(self._outbox), self._outbox.waiting_bytes

    @property
    def ending(self) -> Close:
        """Why the connection is ended; NORMAL while it is not, and where the peer ended it."""
        return self._closing[0] if self._closing is not None else Close.NORMAL

    def end(self, code: Close, reason: str) -> None:
        """Let the connection end: what waits is written first, unless the peer is too slow."""
        if self._closing is None:
            self._closing = (code, reason)
            self._wake_writer()

    def send(self, frame: frames.FromServer, *, replaces: str = "") -> None:
        """Queue a frame; a peer that fell too far behind is closed instead."""
        self._put(self._codec.encode(frame), replaces=replaces)

    # -- what the conversation shows

    def deliver(self, event: Event) -> None:
        """Show an event, once."""
        if event.audience is Audience.PUBLIC and event.seq > self._shown:
            self._shown = event.seq
            self._put(encoded(event, self._codec))

    def signal(self, signal: Signal) -> None:
        """Show something ephemeral; of typing and reading only the newest waits."""
        replaces = "" if isinstance(signal, WordingSignal) else f"{type(signal).__name__} {signal.author}"
        self.send(signal_frame(signal), replaces=replaces)

    # -- hello

    async def _greet(self) -> None:
        try:
            async with asyncio.timeout(self._around.settings.hello_s):
                hello = await self._hello()
                grant = await self._admit(hello)
        except TimeoutError:
            raise _Ended(Close.NO_HELLO, "say hello first") from None
        self.grant = grant
        self._around.admitted(self)
        try:
            await self._join(hello, grant)
        except (LogUnavailable, Busy) as error:
            raise _Ended(Close.FULL, "not available just now") from error

    async def _hello(self) -> frames.Hello:
        raw = await self._socket.receive()
        if raw is None:
            raise _Ended(Close.NORMAL, "")
        try:
            hello = self._codec.from_client(raw)
        except BadFrame as error:
            raise _Ended(Close.BAD_REQUEST, "the first frame must be a hello") from error
        if not isinstance(hello, frames.Hello):
            raise _Ended(Close.BAD_REQUEST, "the first frame must be a hello")
        return hello

    async def _admit(self, hello: frames.Hello) -> Grant:
        try:
            return await self._around.gate.admit(
                Credential(
                    token=hello.token,
                    key=hello.key,
                    user=hello.user,
                    signature=hello.signature,
                    origin=self._origin,
                )
            )
        except Refused as error:
            raise _Ended(Close.EXPIRED if error.expired else Close.BAD_TOKEN, str(error)) from error

    async def _join(self, hello: frames.Hello, grant: Grant) -> None:
        """Open the visitor's conversation; what the client claims to have counts only for that one."""
        visitor = Visitor(
            workspace=grant.workspace,
            id=grant.visitor,
            kb=grant.kb,
            language=hello.language[:35],
            page=hello.page[:500],
        )
        head = await self._around.conversations.open(visitor)
        name, resume = to_text(head.conversation), hello.resume
        after = resume.last_seq if resume is not None and resume.conversation == name else None
        key = (grant.workspace, head.conversation)
        missed = await self._around.conversations.join(key, self, after=after)
        self._joined = key
        settings = self._around.settings
        shown = tuple(event_frame(event) for event in missed.events)
        welcome = frames.Welcome(
            session=to_text(self.id),
            conversation=name,
            token=grant.token,
            recovered=missed.recovered,
            last_seq=missed.head.seq,
            events=shown,
            ping_s=settings.ping_s,
            max_bytes=settings.max_bytes,
        )
        self._welcome(welcome, missed.head.seq)

    def _welcome(self, welcome: frames.Welcome, seq: int) -> None:
        """Put the welcome before whatever was delivered while it was made."""
        self._shown = max(self._shown, seq)
        self.send(welcome)

    # -- reading

    async def _read(self) -> None:
        while self._closing is None:
            raw = await self._socket.receive()
            if raw is None:
                return
            self._around.heard(self)
            wait = self._around.frames.wait_s(self.id)
            if wait:
                if wait > 60:
                    raise _Ended(Close.RATE_LIMITED, "too many frames")
                name = self._name_in(raw)
                self._refuse(Code.RATE_LIMITED, "too many frames", name, retry_after_ms=int(wait * 1000) + 1)
                await asyncio.sleep(min(wait, 1.0))  # what is not read now holds up nobody but its sender
                continue
            try:
                await self._take(self._codec.from_client(raw))
            except BadFrame as error:
                self._bad += 1
                if self._bad > self._around.settings.bad_frames:
                    raise _Ended(Close.BAD_REQUEST, "too many bad frames") from error
                self._refuse(Code.BAD_FRAME, str(error)[:200])

    def _name_in(self, raw: bytes | str) -> str:
        """Give the id of the message that a frame carries, "" if it carries none."""
        try:
            return str(getattr(self._codec.from_client(raw), "client_msg_id", ""))
        except BadFrame:
            return ""

    async def _take(self, frame: frames.FromClient) -> None:
        key, conversations = self._joined, self._around.conversations
        if key is None:
            return
        match frame:
            case frames.Say() | frames.Act():
                with trace.span("kefu.message", workspace=key[0]):
                    await self._submit(key, frame)
            case frames.Typing(on=on):
                conversations.typing(key, self, on=on)
            case frames.Read(seq=seq):
                conversations.read(key, self, seq=seq)
            case frames.History(before=before, limit=limit):
                await self._show_page(key, before, limit)
            case frames.Ping():
                self.send(frames.Pong(), replaces="pong")
            case frames.Pong():
                pass  # `heard` was told already
            case frames.Hello():
                raise BadFrame("hello was said before")

    async def _submit(self, key: Key, frame: frames.Say | frames.Act) -> None:
        """Store what was said; every way that it can fail has an answer that names the message."""
        name, grant = frame.client_msg_id, self.grant
        wait = self._around.messages.wait_s((key[0], grant.visitor if grant is not None else ""))
        if wait:
            self._refuse(Code.RATE_LIMITED, "too many messages", name, retry_after_ms=int(wait * 1000) + 1)
            return
        try:
            stored = await self._around.conversations.submit(key, self._command(frame))
        except IdReused as error:
            self._refuse(Code.ID_REUSED, str(error), name)
        except BadCommand as error:
            self._refuse(Code.BAD_VALUE, str(error), name)
        except ConversationNotFound as error:
            self._refuse(Code.NOT_FOUND, str(error), name)
        except Busy as error:
            self._refuse(Code.BUSY, str(error), name, retry_after_ms=error.retry_after_ms)
        except ServerError as error:
            log.error("a message was not stored: %s", error)
            self._refuse(Code.UNAVAILABLE, "not stored; send it again", name, retry_after_ms=2000)
        else:
            self.send(frames.Ack(client_msg_id=name, seq=stored.seq, id=to_text(stored.id), at=stored.at))

    def _command(self, frame: frames.Say | frames.Act) -> Command:
        """Check a frame's values.

        Raises:
            BadCommand: one is out of its range.
        """
        name = frame.client_msg_id
        if not 0 < len(name) <= 64 or not name.isprintable():
            raise BadCommand("client_msg_id has 1 to 64 printable characters.")
        if isinstance(frame, frames.Say):
            limit = self._around.settings.max_text_chars
            if not frame.text.strip() or len(frame.text) > limit or "\0" in frame.text:
                raise BadCommand(f"text has 1 to {limit} characters.")
            if frame.files:
                raise BadCommand("these files are not known; upload them first.")
            return Say(client_msg_id=name, text=frame.text)
        about = _identifier(frame.about)
        match frame.action:
            case "choose":
                return Choose(client_msg_id=name, entry_id=frame.value, about=about)
            case "human":
                return AskForPerson(client_msg_id=name)
            case "feedback" if frame.value in ("up", "down"):
                return Rate(client_msg_id=name, up=frame.value == "up", about=about)
            case _:
                raise BadCommand('action is "choose", "human", or "feedback" with the value "up" or "down".')

    async def _show_page(self, key: Key, before: int, limit: int) -> None:
        limit = min(max(limit, 1), 100)
        try:
            events = await self._around.conversations.page(key, before=before, limit=limit)
        except LogUnavailable:
            self._refuse(Code.UNAVAILABLE, "history cannot be read just now", retry_after_ms=2000)
            return
        more = bool(events) and events[0].seq > 1
        self.send(frames.Page(events=tuple(event_frame(event) for event in events), more=more))

    def _refuse(self, code: Code, message: str, client_msg_id: str = "", *, retry_after_ms: int = 0) -> None:
        self._around.refused[self.grant.workspace if self.grant is not None else "", code.value] += 1
        self.send(
            frames.Problem(
                code=code.value, message=message, client_msg_id=client_msg_id[:64], retry_after_ms=retry_after_ms
            )
        )

    # -- writing

    def _put(self, raw: bytes, *, replaces: str = "") -> None:
        if self._closing is not None:
            return
        try:
            self._outbox.put(raw, replaces=replaces)
        except OutboxFull:
            self._closing = (Close.SLOW, "read what you are sent, then come back")
            self._socket.abort()
            return
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write(), name="writer")

    async def _write(self) -> None:
        try:
            while (raw := self._outbox.take()) is not None:
                async with asyncio.timeout(self._around.settings.write_s):
                    await self._socket.send(raw)
            if self._closing is not None:
                await self._socket.close(*self._closing)
        except (TimeoutError, OSError):
            self._closing = self._closing or (Close.SLOW, "")
            self._socket.abort()
        finally:
            self._writer = None

    async def _goodbye(self) -> None:
        """Let the writer end, then close."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        await self._socket.close(*(self._closing or (Close.NORMAL, "")))


def _identifier(text: str) -> bytes:
    try:
        return from_text(text) if text else b""
    except ValueError as error:
        raise BadCommand(f"about is no event's id: {error}") from error


_last: tuple[Event, Codec, bytes] | None = None


def encoded(event: Event, codec: Codec) -> bytes:
    """Encode an event; for many sessions of one conversation in a row it is done once."""
    global _last
    if _last is None or _last[0] is not event or _last[1] is not codec:
        _last = (event, codec, codec.encode(event_frame(event)))
    return _last[2]
