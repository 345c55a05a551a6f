"""However the network breaks: what is said is stored once and in order, and events are shown so too."""

from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from server.client.core import LOST, Core, Status
from server.client.happenings import Memory, Refused, Shown, Stored, Voided
from server.wire.codes import Close, Code
from server.wire.frames import Goaway, Hello
from tests.fakes.chat_server import ChatServer

MOVES = st.sampled_from(
    ["say", "say", "bot", "up", "up", "up", "down", "down", "down", "connect", "connect", "lose", "lose up", "drop up",
     "drop down", "restart", "refuse", "time", "long time", "anew"]
)  # fmt: skip


@dataclass
class Network:
    """A client and a server, and a nemesis between them."""

    seed: int
    now: float = 0.0
    server: ChatServer = field(default_factory=ChatServer)
    said: list[str] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)  # as a program holds them: void is void
    stored: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.core = self.client(Memory())

    def client(self, memory: Memory) -> Core:
        names = (f"m{number}" for number in range(len(self.said), 10_000))
        return Core(
            Hello(key="wk_1"), memory, random=Random(self.seed), clock=lambda: self.now, make_id=lambda: next(names)
        )

    def move(self, name: str) -> None:
        link = self.server.link
        match name:
            case "say":
                self.said.append(self.core.say(f"text {len(self.said)}"))
            case "bot":
                self.server.append("replied", "bot", "answer")
            case "connect":
                self.connect()
            case "up" if link and link.up:
                self.server.take()
            case "down" if link and link.down:
                self.core.received(link.down.popleft())
            case "lose":
                self.lose(LOST)
            case "lose up" if link:  # the server still reads what was sent, and nobody hears what it answers
                while link.up:
                    self.server.take()
                self.lose(LOST)
            case "drop up" if link and link.up and link.greeted:
                link.up.pop()  # as a rate limit does
            case "drop down" if link and link.down and link.greeted:
                link.down.pop()
            case "restart" if link:
                self.core.received(Goaway(after_ms=700))
                self.lose(Close.SHUTDOWN)
            case "refuse":
                self.server.refuses.append(Code.BUSY if len(self.said) % 2 else Code.RATE_LIMITED)
            case "time":
                self.now += 0.4
            case "long time":
                self.now += 26
            case "anew":  # the program starts again with what it kept
                self.lose(LOST)
                self.core = self.client(self.core.memory)
            case _:
                pass
        self.settle()

    def connect(self) -> None:
        if self.core.status is Status.WAITING:
            self.now = max(self.now, self.core.connect_at)
            self.core.connecting()
            self.server.open()
            self.core.opened()

    def lose(self, code: int) -> None:
        self.server.link = None
        self.core.closed(code)

    def settle(self) -> None:
        """Carry what the client sends into the network, and take note of what it tells."""
        self.core.tick()
        if not self.core.live:
            self.server.link = None
        for frame in self.core.outgoing():
            assert self.server.link is not None
            self.server.link.up.append(frame)
        for happening in self.core.happened():
            match happening:
                case Voided():
                    self.shown = []
                case Shown(event=event):
                    self.shown.append(event.seq)
                case Stored(client_msg_id=name):
                    self.stored.append(name)
                case Refused(client_msg_id=name):
                    self.refused.append(name)
                case _:
                    pass

    def heal(self) -> None:
        """Let the network work until nothing is left to do."""
        self.server.refuses.clear()
        for _ in range(2000):
            link = self.server.link
            if link and (link.up or link.down):
                self.move("up" if link.up else "down")
            elif not self.core.live:
                self.move("connect")
            elif self.core.memory.outbox:
                self.move("time")
            elif self.core.memory.last_seq < len(self.server.log):
                self.move("bot")  # the next event shows that one is missing
            else:
                return
        raise AssertionError("the client does not come to rest")


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, min_size=30, max_size=100), st.integers(0, 1000))
def test_said_once_is_stored_once_in_order_and_shown_once_in_order(moves, seed):
    network = Network(seed)
    for move in moves:
        network.move(move)
        assert without_gaps(network.shown)
    network.heal()

    log = network.server.log
    assert [event.client_msg_id for event in log if event.client_msg_id] == network.said
    assert sorted(network.stored) == sorted(network.said)
    assert network.refused == []
    assert without_gaps(network.shown)
    assert network.shown[-1] == len(log)


def without_gaps(numbers):
    return all(later == earlier + 1 for earlier, later in pairwise(numbers))
