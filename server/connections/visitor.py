"""What a visitor's device and the server say to each other: one conversation, the visitor's own."""

import logging
from collections.abc import Callable
from time import time_ns

import msgspec

from engine import trace
from server.connections.buttons import pressed
from server.connections.connection import Connection, Talk
from server.connections.credentials import Credential, Gate, Grant, Who
from server.connections.peer import Ended
from server.connections.rates import Crowds, Limiter
from server.conversations.commands import Command, Say, Stored, Visitor
from server.conversations.events import Audience, Event, File, Millis
from server.conversations.hub import Key
from server.conversations.service import Conversations
from server.conversations.signals import ErasedSignal, Signal, WordingSignal
from server.errors import BadCommand, Busy, ConversationNotFound, IdReused, LogUnavailable, ServerError
from server.ids import to_text
from server.wire import frames
from server.wire.codec import BadFrame, Codec
from server.wire.codes import Close, Code
from server.wire.mapping import event_frame, signal_frame

log = logging.getLogger(__name__)

_PREVIEW_CHARS = 500  # of what a visitor is typing


class VisitorDoor:
    """Lets visitors in. See `server.connections.connection.Door`."""

    def __init__(
        self,
        conversations: Conversations,
        gate: Gate,
        messages: Limiter,
        *,
        crowds: Crowds | None = None,
        max_upload: int = 10 << 20,
        now_ms: Callable[[], Millis] = lambda: time_ns() // 1_000_000,
    ) -> None:
        """Take the parts.

        Args:
            conversations: where what is said goes to.
            gate: checks who it is.
            messages: how often one visitor may say something.
            crowds: how often all of one address or workspace may; None: as often as they like.
            max_upload: bytes of a file, as clients are told.
            now_ms: the time of day.
        """
        self.messages = messages
        self.max_upload = max_upload
        self.crowds = crowds
        self.now_ms = now_ms
        self._conversations = conversations
        self._gate = gate

    async def admit(self, hello: frames.Hello, connection: Connection) -> tuple[Who, Talk]:
        """Tell who says hello."""
        grant = await self._gate.admit(
            Credential(
                token=hello.token,
                key=hello.key,
                user=hello.user,
                signature=hello.signature,
                origin=connection.origin,
            )
        )
        who = Who(workspace=grant.workspace, name=grant.visitor, credential=grant.credential)
        return who, VisitorTalk(connection, grant, self._conversations, self)


class VisitorTalk:
    """A visitor's side. Is a `server.conversations.hub.Session`."""

    __slots__ = ("_connection", "_conversations", "_door", "_grant", "_joined", "_shown")

    def __init__(self, connection: Connection, grant: Grant, conversations: Conversations, door: VisitorDoor) -> None:
        self._connection = connection
        self._grant = grant
        self._conversations = conversations
        self._door = door
        self._joined: Key | None = None
        self._shown = 0  # the last seq that was put into the outbox

    async def begin(self, hello: frames.Hello) -> None:
        """Open the visitor's conversation; what the client claims to have counts only for that one."""
        grant = self._grant
        visitor = Visitor(
            workspace=grant.workspace,
            id=grant.visitor,
            kb=grant.kb,
            language=hello.language[:35],
            page=hello.page[:500],
            device=hello.device[:60],
            zone=hello.zone[:64],
        )
        head = await self._conversations.open(visitor)
        name, resume = to_text(head.conversation), hello.resume
        after = resume.last_seq if resume is not None and resume.conversation == name else None
        key = (grant.workspace, head.conversation)
        missed = await self._conversations.join(key, self, after=after)
        self._joined = key
        settings = self._connection.settings
        shown = tuple(event_frame(event) for event in missed.events)
        welcome = frames.Welcome(
            session=to_text(self._connection.id),
            conversation=name,
            token=grant.token,
            recovered=missed.recovered,
            last_seq=missed.head.seq,
            events=shown,
            ping_s=settings.ping_s,
            max_bytes=settings.max_bytes,
            max_upload=self._door.max_upload,
        )
        self._welcome(welcome, missed.head.seq)
        self._grant = msgspec.structs.replace(grant, token="")  # long, and told by now

    def _welcome(self, welcome: frames.Welcome, seq: int) -> None:
        """Put the welcome before whatever was delivered while it was made."""
        self._shown = max(self._shown, seq)
        self._connection.send(welcome)

    def leave(self) -> None:
        """Take note that the device is gone."""
        if self._joined is not None:
            self._conversations.leave(self._joined, self)

    # -- what the conversation shows

    def deliver(self, event: Event) -> None:
        """Show an event, once."""
        if event.audience is Audience.PUBLIC and event.seq > self._shown:
            self._shown = event.seq
            self._connection.put(encoded(event, self._connection.codec))

    def signal(self, signal: Signal) -> None:
        """Show something ephemeral; of typing and reading only the newest waits."""
        if isinstance(signal, ErasedSignal):  # who comes back is given what is left, and holds nothing else
            self._connection.end(Close.ERASED, "what was said was erased")
            return
        replaces = "" if isinstance(signal, WordingSignal) else f"{type(signal).__name__} {signal.author}"
        self._connection.send(signal_frame(signal), replaces=replaces)

    # -- what the visitor says

    async def take(self, raw: bytes | str) -> None:
        """Do what a frame asks for, unless what let the visitor in has run out meanwhile.

        Raises:
            Ended: it has; another token lets the visitor in again.
        """
        if self._grant.expires_at <= self._door.now_ms():
            raise Ended(Close.EXPIRED, "this token has expired")
        await self._take(self._connection.codec.from_client(raw))

    def name_in(self, raw: bytes | str) -> str:
        """Give the id of the message that a frame carries."""
        try:
            return str(getattr(self._connection.codec.from_client(raw), "client_msg_id", ""))
        except BadFrame:
            return ""

    async def _take(self, frame: frames.FromClient) -> None:
        key, conversations = self._joined, self._conversations
        if key is None:
            return
        match frame:
            case frames.Say() | frames.Act():
                with trace.span("kefu.message", workspace=key[0]):
                    await self._submit(key, frame)
            case frames.Typing(on=on, text=text):
                conversations.typing(key, self, on=on, preview=text[:_PREVIEW_CHARS])
            case frames.Read(seq=seq):
                conversations.read(key, self, seq=seq)
            case frames.History(before=before, limit=limit):
                await self._show_page(key, before, limit)
            case frames.Ping():
                self._connection.send(frames.Pong(), replaces="pong")
            case frames.Pong():
                pass  # `heard` was told already
            case frames.Hello():
                raise BadFrame("hello was said before")

    async def _submit(self, key: Key, frame: frames.Say | frames.Act) -> None:
        """Store what was said; every way that it can fail has an answer that names the message."""
        name = frame.client_msg_id
        wait = self._wait_s()
        if wait:
            self._connection.refuse(Code.RATE_LIMITED, "too many messages", name, retry_after_ms=int(wait * 1000) + 1)
            return
        try:
            files = await self._conversations.files(key, frame.files) if isinstance(frame, frames.Say) else ()
            await self._conversations.submit(key, self._command(frame, files), self._acknowledge)
        except IdReused as error:
            self._connection.refuse(Code.ID_REUSED, str(error), name)
        except BadCommand as error:
            self._connection.refuse(Code.BAD_VALUE, str(error), name)
        except ConversationNotFound as error:
            self._connection.refuse(Code.NOT_FOUND, str(error), name)
        except Busy as error:
            self._connection.refuse(Code.BUSY, str(error), name, retry_after_ms=error.retry_after_ms)
        except ServerError as error:
            log.error("a message was not stored: %s", error)
            self._connection.refuse(Code.UNAVAILABLE, "not stored; send it again", name, retry_after_ms=2000)

    def _acknowledge(self, stored: Stored) -> None:
        """Tell the device that what it said is kept."""
        self._connection.send(
            frames.Ack(client_msg_id=stored.client_msg_id, seq=stored.seq, id=to_text(stored.id), at=stored.at)
        )

    def _wait_s(self) -> float:
        """Give the seconds until the visitor may say something: 0 if neither they nor too many beside them just did."""
        workspace, crowds = self._grant.workspace, self._door.crowds
        wait = self._door.messages.wait_s((workspace, self._grant.visitor))
        if wait or crowds is None:
            return wait
        return crowds.wait_s(workspace=workspace, address=self._connection.address)

    def _command(self, frame: frames.Say | frames.Act, files: tuple[File, ...]) -> Command:
        """Check a frame's values.

        Raises:
            BadCommand: one is out of its range.
        """
        name = frame.client_msg_id
        if not 0 < len(name) <= 64 or not name.isprintable():
            raise BadCommand("client_msg_id has 1 to 64 printable characters.")
        if isinstance(frame, frames.Say):
            limit = self._connection.settings.max_text_chars
            empty = not frame.text.strip()
            if (empty and not files) or len(frame.text) > limit or "\0" in frame.text:
                raise BadCommand(f"text has 1 to {limit} characters; none may do where there are files.")
            return Say(client_msg_id=name, text="" if empty else frame.text, files=files)
        return pressed(frame, max_text_chars=self._connection.settings.max_text_chars)

    async def _show_page(self, key: Key, before: int, limit: int) -> None:
        limit = min(max(limit, 1), 100)
        try:
            events = await self._conversations.page(key, before=before, limit=limit)
        except LogUnavailable:
            self._connection.refuse(Code.UNAVAILABLE, "history cannot be read just now", retry_after_ms=2000)
            return
        more = bool(events) and events[0].seq > 1
        self._connection.send(frames.Page(events=tuple(event_frame(event) for event in events), more=more))


_last: tuple[Event, Codec, bytes] | None = None


def encoded(event: Event, codec: Codec) -> bytes:
    """Encode an event; for many sessions of one conversation in a row it is done once."""
    global _last
    if _last is None or _last[0] is not event or _last[1] is not codec:
        _last = (event, codec, codec.encode(event_frame(event)))
    return _last[2]
