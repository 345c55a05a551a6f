"""One connection: a hello, then frames in both directions until either side ends it.

The reader is the connection's own task. Who said hello decides what is talked about: a visitor has one conversation,
an agent follows many.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from server.connections.credentials import Refused, Who
from server.connections.peer import ConnectionSettings, Ended, Peer, Socket
from server.connections.rates import Limiter
from server.errors import Busy, LogUnavailable
from server.wire import frames
from server.wire.codec import BadFrame, Codec
from server.wire.codes import Close, Code


class Talk(Protocol):
    """What is said over a connection after the hello."""

    async def begin(self, hello: frames.Hello) -> None:
        """Answer the hello.

        Raises:
            LogUnavailable, Busy: the log does not give what belongs into the answer.
        """

    async def take(self, raw: bytes | str) -> None:
        """Do what a frame asks for; every way that it can fail has an answer.

        Raises:
            BadFrame: it is no frame, or none that belongs here.
        """

    def name_in(self, raw: bytes | str) -> str:
        """Give the id of the message that a frame carries, "" if it carries none."""

    def leave(self) -> None:
        """Take note that the peer is gone."""


class Door(Protocol):
    """Where one kind of people is let in."""

    async def admit(self, hello: frames.Hello, connection: "Connection") -> tuple[Who, Talk]:
        """Tell who says hello, and what is talked about.

        Raises:
            Refused: nobody who may.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all connections share."""

    visitors: Door
    settings: ConnectionSettings
    frames: Limiter  # by connection
    heard: Callable[["Connection"], None]  # the peer gave a sign of life
    admitted: Callable[["Connection"], None]  # who it is is known now
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # by workspace and why, since the start
    agents: Door | None = None  # None: only visitors are let in


class Connection(Peer):
    """A device of a visitor, or a tab of an agent's browser."""

    __slots__ = ("_bad", "_frames", "address", "around", "codec", "heard_at", "origin", "who")

    def __init__(self, socket: Socket, codec: Codec, origin: str, around: Surroundings) -> None:
        super().__init__(socket, around.settings)
        self.codec = codec
        self.origin = origin
        self.around = around
        self.address = ""  # where it comes from; "": not known, or one that stands for many
        self.who: Who | None = None  # once it was admitted
        self.heard_at = 0.0  # by the clock of who listens for signs of life
        self._frames = around.frames.meter()
        self._bad = 0

    async def run(self) -> None:
        """Serve the peer until it or we end it. Cancelling closes the connection."""
        talk: Talk | None = None
        try:
            hello, talk = await self._greet()
            await self._begin(talk, hello)
            del hello  # it would be kept as long as the connection
            await self._read(talk)
        except Ended as end:
            self.end(end.code, str(end))
        finally:
            if talk is not None:
                talk.leave()
            await self.goodbye()

    def send(self, frame: frames.FromServer, *, replaces: str = "") -> None:
        """Queue a frame; a peer that fell too far behind is closed instead."""
        self.put(self.codec.encode(frame), replaces=replaces)

    def refuse(self, code: Code, message: str, client_msg_id: str = "", *, retry_after_ms: int = 0) -> None:
        """Tell the peer that something cannot be done, and count it."""
        self.around.refused[self.who.workspace if self.who is not None else "", code.value] += 1
        self.send(
            frames.Problem(
                code=code.value, message=message, client_msg_id=client_msg_id[:64], retry_after_ms=retry_after_ms
            )
        )

    # -- hello

    async def _greet(self) -> tuple[frames.Hello, Talk]:
        try:
            async with asyncio.timeout(self.settings.hello_s):
                hello = await self._hello()
                who, talk = await self._admit(hello)
        except TimeoutError:
            raise Ended(Close.NO_HELLO, "say hello first") from None
        self.who = who
        self.around.admitted(self)
        return hello, talk

    async def _begin(self, talk: Talk, hello: frames.Hello) -> None:
        try:
            await talk.begin(hello)
        except (LogUnavailable, Busy) as error:
            raise Ended(Close.FULL, "not available just now") from error

    async def _hello(self) -> frames.Hello:
        raw = await self.receive()
        if raw is None:
            raise Ended(Close.NORMAL, "")
        try:
            hello = self.codec.from_client(raw)
        except BadFrame as error:
            raise Ended(Close.BAD_REQUEST, "the first frame must be a hello") from error
        if not isinstance(hello, frames.Hello):
            raise Ended(Close.BAD_REQUEST, "the first frame must be a hello")
        return hello

    async def _admit(self, hello: frames.Hello) -> tuple[Who, Talk]:
        door = self.around.agents if hello.ticket else self.around.visitors
        if door is None:
            raise Ended(Close.BAD_TOKEN, "agents are not let in here")
        try:
            return await door.admit(hello, self)
        except Refused as error:
            raise Ended(Close.EXPIRED if error.expired else Close.BAD_TOKEN, str(error)) from error

    # -- reading

    async def _read(self, talk: Talk) -> None:
        while not self.ended:
            raw = await self.receive()
            if raw is None:
                return
            self.around.heard(self)
            wait = self._frames.wait_s()
            if wait:
                if wait > 60:
                    raise Ended(Close.RATE_LIMITED, "too many frames")
                name = talk.name_in(raw)
                self.refuse(Code.RATE_LIMITED, "too many frames", name, retry_after_ms=int(wait * 1000) + 1)
                await asyncio.sleep(min(wait, 1.0))  # what is not read now holds up nobody but its sender
                continue
            try:
                await talk.take(raw)
            except BadFrame as error:
                self._bad += 1
                if self._bad > self.settings.bad_frames:
                    raise Ended(Close.BAD_REQUEST, "too many bad frames") from error
                self.refuse(Code.BAD_FRAME, str(error)[:200])
