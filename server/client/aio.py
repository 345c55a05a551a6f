"""The client for asyncio, over aiohttp.

    async with Client("wss://help.shop.example/v1/ws", key="wk_…") as client:
        await client.say("Where is my parcel?")
        async for event in client.events():
            print(event.author, event.text)

It connects, comes back and sends again by itself until it is left, or the server does not want it any more.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from time import monotonic
from types import TracebackType
from typing import Self, Unpack

import aiohttp

from server.client.core import LOST, Status
from server.client.happenings import Happening, NotStored, Refused, Shown, Stopped, Stored
from server.client.shell import Options, Shell
from server.wire.codec import MAX_SERVER_BYTES, BadFrame
from server.wire.frames import EventFrame


class Client(Shell):
    """A visitor's device. Used from one event loop."""

    def __init__(self, url: str, **options: Unpack[Options]) -> None:
        """Take where to go (wss://HOST/v1/ws) and who speaks."""
        super().__init__(url, **options)
        self._changed = asyncio.Event()  # by the program or by the server
        self._told = asyncio.Event()
        self._waiting: dict[str, asyncio.Future[Stored]] = {}
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start."""
        self._running = asyncio.get_running_loop().create_task(self._run(), name="kefu client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go offline; what is not stored stays in `core.memory`."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.result()  # what made it fail is not to be overlooked

    # -- for the program

    async def say(self, text: str, files: Sequence[str] = ()) -> Stored:
        """Say something; it is stored for good when this returns, however often the connection is lost meanwhile.

        Files go by the ids that their upload over HTTP gave.

        Cancelling does not take it back.

        Raises:
            NotStored: the server refused it, or the client has stopped.
        """
        return await self._stored(self.core.say(text, files))

    async def choose(self, entry_id: str, about: str = "") -> Stored:
        """Press a choice of an event. See `say`."""
        return await self._stored(self.core.choose(entry_id, about))

    async def ask_for_person(self) -> Stored:
        """Press "talk to a person". See `say`."""
        return await self._stored(self.core.ask_for_person())

    async def rate(self, *, up: bool, about: str) -> Stored:
        """Rate a reply. See `say`."""
        return await self._stored(self.core.rate(up=up, about=about))

    def typing(self, *, on: bool = True) -> None:
        """Tell that the visitor types, or stopped."""
        self.core.typing(on=on)
        self._changed.set()

    def read(self, seq: int) -> None:
        """Tell that all up to an event was shown."""
        self.core.read(seq)
        self._changed.set()

    def older(self, before: int, limit: int = 50) -> None:
        """Ask for the events before one; `Older` will be among the happenings."""
        self.core.older(before, limit)
        self._changed.set()

    async def happenings(self) -> AsyncIterator[Happening]:
        """Give all that happens, each once, until the client has stopped; of over 10,000 that wait, the oldest go."""
        while True:
            while self._happenings:
                happening = self._happenings.popleft()
                yield happening
                if isinstance(happening, Stopped):
                    return
            if self.core.status is Status.STOPPED:
                return
            self._told.clear()
            await self._told.wait()

    async def events(self) -> AsyncIterator[EventFrame]:
        """Give the events of the conversation, each once and in order; after a void start, the newest anew."""
        async for happening in self.happenings():
            if isinstance(happening, Shown):
                yield happening.event

    async def _stored(self, name: str) -> Stored:
        if self.core.status is Status.STOPPED:
            raise NotStored(name, "stopped", "the client has stopped")
        end: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        self._waiting[name] = end
        self._changed.set()
        try:
            return await end
        finally:
            self._waiting.pop(name, None)

    # -- the connection

    async def _run(self) -> None:
        try:
            async with aiohttp.ClientSession() as http:
                while self.core.status is not Status.STOPPED:
                    await self._pause()
                    await self._connect(http)
                    self._tell()
        finally:
            self.core.stop()
            self._tell()

    async def _pause(self) -> None:
        while self.core.status is Status.WAITING and (left := self.core.connect_at - monotonic()) > 0:
            await self._change(left)

    async def _connect(self, http: aiohttp.ClientSession) -> None:
        core = self.core
        core.connecting()
        try:
            async with asyncio.timeout(max(0.0, core.deadline - monotonic())):
                socket = await http.ws_connect(
                    self._url, protocols=[self._codec.subprotocol], max_msg_size=MAX_SERVER_BYTES
                )
        except (aiohttp.ClientError, OSError):  # a timeout is an OSError
            core.closed(LOST)
            return
        core.opened()
        reader = asyncio.get_running_loop().create_task(self._read(socket), name="kefu client's reader")
        try:
            await self._write(socket)
        finally:
            reader.cancel()
            await asyncio.wait([reader])
            with suppress(OSError, aiohttp.ClientError):
                await socket.close()

    async def _write(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        kind = aiohttp.WSMsgType.BINARY if self._codec.binary else aiohttp.WSMsgType.TEXT
        while self.core.live:
            for frame in self.core.outgoing():
                try:
                    await socket.send_frame(self._codec.encode(frame), kind)
                except BadFrame as error:
                    self.core.unsendable(frame, str(error))
                except (OSError, aiohttp.ClientError):
                    self.core.closed(LOST)
            self._tell()
            await self._change(self.core.deadline - monotonic())
            self.core.tick()

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for message in socket:
            with suppress(BadFrame):  # something that a newer server says
                self.core.received(self._codec.from_server(message.data))
            self._changed.set()
        self.core.closed(socket.close_code or LOST)
        self._changed.set()

    async def _change(self, within_s: float) -> None:
        """Wait until somebody did something, for a time at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._changed.wait()
        self._changed.clear()

    def _tell(self) -> None:
        for happening in self.core.happened():
            self._happenings.append(happening)
            match happening:
                case Stored(client_msg_id=name) if name in self._waiting:
                    _resolve(self._waiting[name], happening)
                case Refused(client_msg_id=name, code=code, message=message) if name in self._waiting:
                    _resolve(self._waiting[name], NotStored(name, code, message))
                case Stopped(code=stopped):
                    for name, end in self._waiting.items():
                        _resolve(end, NotStored(name, "stopped", f"the connection ended for good with {stopped}"))
                case _:
                    pass
        self._told.set()


def _resolve(end: "asyncio.Future[Stored]", result: Stored | NotStored) -> None:
    if end.done():
        return
    if isinstance(result, NotStored):
        end.set_exception(result)
    else:
        end.set_result(result)
