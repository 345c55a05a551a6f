"""A client without I/O: frames in, frames out. A shell opens sockets, carries the frames, and tells the time.

A shell does this until `status` is STOPPED: wait until `connect_at`; call `connecting`, open a socket, call `opened`;
then carry what `outgoing` gives to the socket and what the socket gives to `received`, call `tick` at `deadline` at the
latest, and `closed` when the socket is. Once `live` is false the socket is to be closed. After each call `happened`
gives what the program should know.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from random import Random
from time import monotonic

import msgspec

from server.client.happenings import (
    Happening,
    Memory,
    Noticed,
    Offline,
    Older,
    Online,
    Refused,
    Shown,
    Stopped,
    Stored,
    Voided,
)
from server.ids import new_id, to_text
from server.wire import frames
from server.wire.codes import Close, Code, comes_back
from server.wire.frames import EventFrame, FromClient, FromServer

LOST = 1006  # no close code: the network, or we ourselves, gave the connection up
_AGAIN = frozenset({Code.RATE_LIMITED.value, Code.BUSY.value, Code.UNAVAILABLE.value})
_LEAST_WAIT_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """When a client loses patience, and how long it pauses."""

    welcome_s: float = 15.0  # from the start of connecting
    ack_s: float = 15.0
    pong_s: float = 10.0
    first_pause_s: float = 0.5  # doubles with each attempt
    longest_pause_s: float = 30.0
    steady_s: float = 5.0  # a connection that lasted that long sets the pauses back
    typing_s: float = 3.0  # between two frames that say the same


class Status(Enum):
    """Where a client stands."""

    WAITING = "waiting"  # to connect, at `connect_at`
    CONNECTING = "connecting"
    GREETING = "greeting"  # said hello
    ONLINE = "online"
    STOPPED = "stopped"


class Core:
    """See the module."""

    def __init__(
        self,
        hello: frames.Hello,
        memory: Memory | None = None,
        settings: ClientSettings | None = None,
        *,
        random: Random | None = None,
        clock: Callable[[], float] = monotonic,
        make_id: Callable[[], str] = lambda: to_text(new_id()),
    ) -> None:
        """Take who speaks, and what is known.

        Args:
            hello: key or token, user and so on; what `memory` holds goes before.
            memory: of an earlier client of this visitor. It is changed; what it holds is always up to date.
            settings: of patience.
            random: for the jitter of pauses.
            clock: seconds that only grow.
            make_id: a new one for each message.
        """
        self.memory = memory or Memory()
        self.memory.token = self.memory.token or hello.token
        self._hello = hello
        self._settings = settings or ClientSettings()
        self._random = random or Random()
        self._clock = clock
        self._make_id = make_id
        self._status = Status.WAITING
        self._connect_at = clock()
        self._attempt = 0
        self._since = 0.0  # connecting began, or the welcome came
        self._come_back_s: float | None = None  # as a goaway said
        self._in_flight = ""
        self._sent_at = 0.0
        self._retry_at = 0.0
        self._heard_at = 0.0
        self._asked_at: float | None = None  # a ping is unanswered
        self._typing: tuple[bool, float] = (False, 0.0)
        self._ping_s = 25.0
        self._max_bytes = 65_536
        self._outgoing: list[FromClient] = []
        self._happened: list[Happening] = []

    # -- for the shell

    @property
    def status(self) -> Status:
        """Where the client stands."""
        return self._status

    @property
    def live(self) -> bool:
        """Whether a socket is wanted just now."""
        return self._status in (Status.CONNECTING, Status.GREETING, Status.ONLINE)

    @property
    def connect_at(self) -> float:
        """When to connect, while waiting."""
        return self._connect_at

    @property
    def deadline(self) -> float:
        """When `tick` is needed if nothing happens before; while waiting, when to connect."""
        if self._status is Status.STOPPED:
            return inf
        if self._status is not Status.ONLINE:
            return self._connect_at if self._status is Status.WAITING else self._since + self._settings.welcome_s
        times = [
            self._heard_at + self._ping_s if self._asked_at is None else self._asked_at + self._settings.pong_s,
            self._sent_at + self._settings.ack_s if self._in_flight else None,
            self._retry_at if self._retry_at and not self._in_flight else None,
        ]
        return min(time for time in times if time is not None)

    def outgoing(self) -> list[FromClient]:
        """Give the frames to be sent, once."""
        given, self._outgoing = self._outgoing, []
        return given

    def happened(self) -> list[Happening]:
        """Give what the program should know, once."""
        given, self._happened = self._happened, []
        return given

    def connecting(self) -> None:
        """A socket is being opened."""
        if self._status is not Status.WAITING:
            return
        self._status = Status.CONNECTING
        self._attempt += 1
        self._since = self._clock()
        self._come_back_s = None

    def opened(self) -> None:
        """The socket is open."""
        if self._status is not Status.CONNECTING:  # too late, or stopped meanwhile
            return
        self._status = Status.GREETING
        resume = None
        if self.memory.conversation:
            resume = frames.Resume(conversation=self.memory.conversation, last_seq=self.memory.last_seq)
        hello = msgspec.structs.replace(self._hello, token=self.memory.token, resume=resume)
        if hello.token:  # it says already who the visitor is
            hello = msgspec.structs.replace(hello, user="", signature="")
        self._outgoing.append(hello)

    def closed(self, code: int) -> None:
        """The socket is closed, with 1006 if there was no code, or could not be opened."""
        if not self.live:
            return
        if self._status is Status.ONLINE and self._clock() - self._since >= self._settings.steady_s:
            self._attempt = 0
        self._outgoing = []
        self._in_flight = ""
        self._retry_at = 0.0
        self._asked_at = None
        self._typing = (False, 0.0)
        if code in (Close.EXPIRED, Close.BAD_TOKEN) and self.memory.token and self._hello.key:
            self._begin_anew(code)
        elif not comes_back(code) or code == Close.EXPIRED:
            self._stop(code)
        else:
            pause = self._pause_s() if self._come_back_s is None else self._come_back_s
            self._wait(code, pause)

    def unsendable(self, frame: FromClient, why: str) -> None:
        """A frame cannot be written in the encoding that was chosen."""
        if isinstance(frame, frames.Say | frames.Act):
            self._settle(Refused(client_msg_id=frame.client_msg_id, code=Code.BAD_VALUE.value, message=why))

    def tick(self) -> None:
        """Look at the time."""
        now = self._clock()
        if self._status in (Status.CONNECTING, Status.GREETING):
            if now >= self._since + self._settings.welcome_s:
                self.closed(LOST)
        elif self._status is Status.ONLINE:
            self._tick_online(now)

    def received(self, frame: FromServer) -> None:
        """Take a frame."""
        if not self.live:
            return
        self._heard_at = self._clock()
        self._asked_at = None
        match frame:
            case frames.Welcome() if self._status is Status.GREETING:
                self._welcome(frame)
            case frames.Goaway(after_ms=after_ms):
                self._come_back_s = max(0, after_ms) / 1000
            case frames.Ping():
                self._outgoing.append(frames.Pong())
            case _ if self._status is Status.ONLINE:
                self._take(frame)
            case _:
                pass  # before the welcome nothing else counts

    # -- for the program

    def say(self, text: str, files: Sequence[str] = ()) -> str:
        """Say something, with files by their ids; give its id, by which `Stored` or `Refused` will name it."""
        return self._submit(frames.Say(client_msg_id=self._make_id(), text=text, files=tuple(files)))

    def choose(self, entry_id: str, about: str = "") -> str:
        """Press a choice of an event."""
        return self._submit(frames.Act(client_msg_id=self._make_id(), action="choose", value=entry_id, about=about))

    def ask_for_person(self) -> str:
        """Press "talk to a person"."""
        return self._submit(frames.Act(client_msg_id=self._make_id(), action="human"))

    def rate(self, *, up: bool, about: str) -> str:
        """Rate a reply."""
        value = "up" if up else "down"
        return self._submit(frames.Act(client_msg_id=self._make_id(), action="feedback", value=value, about=about))

    def typing(self, *, on: bool = True) -> None:
        """Tell that the visitor types, as often as you like, or stopped."""
        now = self._clock()
        was_on, at = self._typing
        if self._status is Status.ONLINE and (on != was_on or (on and now - at >= self._settings.typing_s)):
            self._typing = (on, now)
            self._outgoing.append(frames.Typing(on=on))

    def read(self, seq: int) -> None:
        """Tell that all up to an event was shown to the visitor."""
        if self._status is Status.ONLINE:
            self._outgoing.append(frames.Read(seq=seq))

    def older(self, before: int, limit: int = 50) -> None:
        """Ask for the events before one; `Older` answers, unless the connection is lost meanwhile."""
        if self._status is Status.ONLINE:
            self._outgoing.append(frames.History(before=before, limit=limit))

    def stop(self) -> None:
        """Go offline and stay there. What is not stored stays in `memory`."""
        if self._status is not Status.STOPPED:
            self._stop(Close.NORMAL)

    # -- welcome

    def _welcome(self, frame: frames.Welcome) -> None:
        memory = self.memory
        goes_on = frame.recovered and frame.conversation == memory.conversation and self._continue(frame.events)
        memory.token = frame.token
        memory.conversation = frame.conversation
        self._status = Status.ONLINE
        self._since = self._clock()
        self._ping_s = float(frame.ping_s)
        self._max_bytes = frame.max_bytes
        if not goes_on:
            self._happened.append(Voided())
            memory.last_seq = frame.events[0].seq - 1 if frame.events else frame.last_seq
        for event in frame.events:
            self._event(event, live=goes_on)
        if self._status is not Status.ONLINE:  # a gap among the events
            return
        self._happened.append(Online(conversation=frame.conversation, recovered=goes_on))
        self._flush()

    def _continue(self, events: tuple[EventFrame, ...]) -> bool:
        """Whether events follow the last one without a gap."""
        return all(event.seq == self.memory.last_seq + place for place, event in enumerate(events, 1))

    # -- what comes in

    def _take(self, frame: FromServer) -> None:
        match frame:
            case EventFrame():
                self._event(frame, live=True)
            case frames.Ack(client_msg_id=name, seq=seq, id=identifier, at=at):
                self._settle(Stored(client_msg_id=name, seq=seq, id=identifier, at=at))
            case frames.Problem():
                self._problem(frame)
            case frames.Chunk() | frames.Typing() | frames.Read():
                self._happened.append(Noticed(frame=frame))
            case frames.Page(events=events, more=more):
                self._happened.append(Older(events=events, more=more))
            case _:
                pass  # a pong, or a second welcome

    def _event(self, event: EventFrame, *, live: bool) -> None:
        if event.seq <= self.memory.last_seq:
            return
        if event.seq > self.memory.last_seq + 1:
            self.closed(LOST)  # something is missing: resume from the last one that was shown
            return
        self.memory.last_seq = event.seq
        self._happened.append(Shown(event=event, live=live))
        if event.client_msg_id and event.author == "visitor":  # as good as an acknowledgement
            self._settle(Stored(client_msg_id=event.client_msg_id, seq=event.seq, id=event.id, at=event.at))

    def _problem(self, frame: frames.Problem) -> None:
        # Where the server did not even read a frame it cannot name it: it may have been the message.
        name = frame.client_msg_id or (self._in_flight if frame.code in _AGAIN else "")
        if not any(item.client_msg_id == name for item in self.memory.outbox):
            return
        if frame.code in _AGAIN:
            if name == self._in_flight:
                self._in_flight = ""
                self._retry_at = self._clock() + max(_LEAST_WAIT_S, frame.retry_after_ms / 1000)
        else:
            self._settle(Refused(client_msg_id=name, code=frame.code, message=frame.message))

    # -- the outbox

    def _submit(self, item: frames.Say | frames.Act) -> str:
        self.memory.outbox.append(item)
        self._flush()
        return item.client_msg_id

    def _flush(self) -> None:
        """Send the first that waits. One at a time: when one is refused, the next must not have overtaken it."""
        if self._status is not Status.ONLINE or self._in_flight or self._clock() < self._retry_at:
            return
        self._retry_at = 0.0
        outbox = self.memory.outbox
        while outbox and len(msgspec.json.encode(outbox[0])) > self._max_bytes:
            name = outbox.pop(0).client_msg_id
            self._happened.append(Refused(client_msg_id=name, code=Code.BAD_VALUE.value, message="too long"))
        if outbox:
            self._in_flight = outbox[0].client_msg_id
            self._sent_at = self._clock()
            self._outgoing.append(outbox[0])

    def _settle(self, end: Stored | Refused) -> None:
        """Take what was stored or refused out of the outbox, and tell so, once."""
        left = [item for item in self.memory.outbox if item.client_msg_id != end.client_msg_id]
        if len(left) == len(self.memory.outbox):
            return
        self.memory.outbox[:] = left
        self._happened.append(end)
        if self._in_flight == end.client_msg_id:
            self._in_flight = ""
        self._flush()

    # -- time, and the end

    def _tick_online(self, now: float) -> None:
        dead = self._asked_at is not None and now >= self._asked_at + self._settings.pong_s
        unheard = self._in_flight and now >= self._sent_at + self._settings.ack_s
        if dead or unheard:
            self.closed(LOST)
            return
        if self._asked_at is None and now >= self._heard_at + self._ping_s:
            self._asked_at = now
            self._outgoing.append(frames.Ping())
        self._flush()

    def _pause_s(self) -> float:
        """Twice as long each time, and a random half of it, so that a thousand clients do not come back at once."""
        doubled: float = self._settings.first_pause_s * 2 ** min(max(0, self._attempt - 1), 30)
        return min(self._settings.longest_pause_s, doubled) * (0.5 + self._random.random() / 2)

    def _begin_anew(self, code: int) -> None:
        """The token is not taken any more: come back with the key alone. What was not stored is still to be said."""
        self.memory.token = ""
        self.memory.conversation = ""
        self.memory.last_seq = 0
        self._wait(code, 0.0)

    def _wait(self, code: int, pause_s: float) -> None:
        self._status = Status.WAITING
        self._connect_at = self._clock() + pause_s
        self._happened.append(Offline(code=code))

    def _stop(self, code: int) -> None:
        self._status = Status.STOPPED
        self._outgoing = []
        self._happened.append(Stopped(code=code))
