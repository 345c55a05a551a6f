"""The client for blocking code, over websocket-client: no threads, no event loop; under gevent as it is.

    with Client("wss://help.shop.example/v1/ws", key="wk_…") as client:
        client.say("Where is my parcel?")
        for event in client.events(quiet_s=5):
            print(event.author, event.text)

It works only while one of its methods runs. If none does for half a minute the server closes the connection; the next
call comes back and resumes, and nothing is lost.
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep
from types import TracebackType
from typing import Self, Unpack

import websocket

from server.client.core import LOST, Status
from server.client.happenings import Happening, NotStored, Refused, Shown, Stored
from server.client.shell import Options, Shell
from server.wire.codec import BadFrame
from server.wire.frames import EventFrame

_SHORTEST_S = 0.001  # 0 would mean: never wait at all
_CONNECT_S = 10.0
_GOODBYE_S = 1  # whole seconds, says the library


class Client(Shell):
    """A visitor's device. Used by one thread or greenlet at a time."""

    def __init__(self, url: str, **options: Unpack[Options]) -> None:
        """Take where to go (wss://HOST/v1/ws) and who speaks."""
        super().__init__(url, **options)
        self._socket: websocket.WebSocket | None = None

    def __enter__(self) -> Self:
        """Nothing happens yet; the first call connects."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Go offline; what is not stored stays in `core.memory`."""
        self.core.stop()
        self._hang_up()

    # -- for the program

    def say(self, text: str, files: Sequence[str] = (), *, within_s: float = 60.0) -> Stored:
        """Say something; it is stored for good when this returns, however often the connection is lost meanwhile.

        Files go by the ids that their upload over HTTP gave.

        Raises:
            NotStored: the server refused it, or the client has stopped.
            TimeoutError: it is not known to be stored; the next call goes on trying.
        """
        return self._stored(self.core.say(text, files), within_s)

    def choose(self, entry_id: str, about: str = "", *, within_s: float = 60.0) -> Stored:
        """Press a choice of an event. See `say`."""
        return self._stored(self.core.choose(entry_id, about), within_s)

    def ask_for_person(self, *, within_s: float = 60.0) -> Stored:
        """Press "talk to a person". See `say`."""
        return self._stored(self.core.ask_for_person(), within_s)

    def rate(self, *, up: bool, about: str, within_s: float = 60.0) -> Stored:
        """Rate a reply. See `say`."""
        return self._stored(self.core.rate(up=up, about=about), within_s)

    def next(self, *, within_s: float) -> Happening | None:
        """Give what happened next, None if nothing did in that time, or nothing can any more."""
        limit = monotonic() + within_s
        while not self._happenings and self.core.status is not Status.STOPPED and monotonic() < limit:
            self._step(limit)
        return self._happenings.popleft() if self._happenings else None

    def until(self, wanted: Callable[[Happening], bool], *, within_s: float) -> Happening:
        """Take what happens until something is wanted, and give that.

        Raises:
            TimeoutError: it did not happen in that time, or cannot any more.
        """
        limit = monotonic() + within_s
        while (happening := self.next(within_s=limit - monotonic())) is not None:
            if wanted(happening):
                return happening
        raise TimeoutError(f"what was waited for did not happen within {within_s} s")

    def events(self, *, quiet_s: float) -> Iterator[EventFrame]:
        """Give the events of the conversation, each once and in order, until none came for a time."""
        while (happening := self.next(within_s=quiet_s)) is not None:
            if isinstance(happening, Shown):
                yield happening.event

    def _stored(self, name: str, within_s: float) -> Stored:
        limit = monotonic() + within_s
        while True:
            for happening in self._step(limit):
                match happening:
                    case Stored(client_msg_id=settled) if settled == name:
                        return happening
                    case Refused(client_msg_id=settled, code=code, message=message) if settled == name:
                        raise NotStored(name, code, message)
                    case _:
                        pass
            if self.core.status is Status.STOPPED:
                raise NotStored(name, "stopped", "the client has stopped")
            if monotonic() >= limit:
                raise TimeoutError(f"{name} is not known to be stored after {within_s} s")

    # -- the connection

    def _step(self, limit: float) -> list[Happening]:
        """Do what is next: connect, send, receive one message, or wait; not much longer than to a time.

        Returns:
            What happened by it, which is also kept for `next`.
        """
        if self.core.status is Status.WAITING:
            sleep(max(0.0, min(limit, self.core.connect_at) - monotonic()))
            if monotonic() >= self.core.connect_at:
                self._connect()
        elif self._socket is not None:
            self._exchange(self._socket, limit)
        if not self.core.live:
            self._hang_up()
        happened = self.core.happened()
        self._happenings.extend(happened)
        return happened

    def _connect(self) -> None:
        self.core.connecting()
        try:
            self._socket = websocket.create_connection(
                self._url, subprotocols=[self._codec.subprotocol], timeout=_CONNECT_S, skip_utf8_validation=True
            )
        except (websocket.WebSocketException, OSError):
            self.core.closed(LOST)
        else:
            self.core.opened()

    def _exchange(self, socket: websocket.WebSocket, limit: float) -> None:
        kind = websocket.ABNF.OPCODE_BINARY if self._codec.binary else websocket.ABNF.OPCODE_TEXT
        try:
            socket.settimeout(_CONNECT_S)
            for frame in self.core.outgoing():
                try:
                    socket.send(self._codec.encode(frame), kind)
                except BadFrame as error:
                    self.core.unsendable(frame, str(error))
            socket.settimeout(max(_SHORTEST_S, min(limit, self.core.deadline) - monotonic()))
            self._take(*socket.recv_data(control_frame=True))
        except websocket.WebSocketTimeoutException:
            self.core.tick()
        except (websocket.WebSocketException, OSError):
            self.core.closed(LOST)

    def _take(self, opcode: int, data: bytes) -> None:
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            self.core.closed(struct.unpack("!H", data[:2])[0] if len(data) >= 2 else LOST)
        elif opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY):
            try:
                frame = self._codec.from_server(data)
            except BadFrame:  # something that a newer server says
                return
            self.core.received(frame)
        self.core.tick()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close(timeout=_GOODBYE_S)  # does nothing where the server said goodbye first
            self._socket.shutdown()  # type: ignore[no-untyped-call]
            self._socket = None
