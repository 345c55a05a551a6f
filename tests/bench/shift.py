"""A shift: visitors who ask for a person, agents who take them, answer, pass on, close; they write down what happens.

All of them are tasks of one event loop over `LeanSocket`, so that two clocks need not agree: the time from an agent's
click to what the visitor is shown is read from one.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.bench.lean import LeanSocket
from tests.soak import desk_history as desk
from tests.soak.visitors import Diary

TOLD_S = 60.0  # for an answer of the server


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Who is there, and how busy they are."""

    url: str
    key: str
    visitors: int
    seconds: float
    capacity: int
    pause_s: float = 1.0  # what people take to think, on average
    seed: int = 1

    @property
    def port(self) -> int:
        """Where the server listens."""
        return int(self.url.rpartition(":")[2])


@dataclass(kw_only=True)
class Shift:
    """What all of them share, and what came of it; times in seconds."""

    plan: Plan
    over: asyncio.Event = field(default_factory=asyncio.Event)
    diary: Diary = field(default_factory=Diary)
    deeds: list[desk.Deed] = field(default_factory=list)
    clicked: dict[tuple[str, str], float] = field(default_factory=dict)  # (conversation, agent's name) -> when
    visible: list[float] = field(default_factory=list)  # from an agent's accept to the visitor's "joined"
    said: list[float] = field(default_factory=list)  # from a visitor's message to its ack
    heard: list[float] = field(default_factory=list)  # from an agent's line to the visitor's screen
    longest: float = 0.0  # of all of these, the end of the shift too
    lines: dict[str, float] = field(default_factory=dict)  # an agent's line on its way -> when it was sent
    late: list[float] = field(default_factory=list)  # how late this process's own loop was
    ends: Counter[str] = field(default_factory=Counter)
    frames: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def took(self, times: list[float], seconds: float) -> None:
        """Take a time, as long as the shift goes on: at its end all act in the same moment."""
        self.longest = max(self.longest, seconds)
        if not self.over.is_set():
            times.append(seconds)

    async def pause(self, random: Random, *, least: float = 0.2, most: float = 1.8) -> None:
        """Think; nobody thinks any more when the shift is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(least, most) * self.plan.pause_s):
                await self.over.wait()


class Person:
    """Somebody at a socket."""

    def __init__(self, shift: Shift, name: str) -> None:
        self.shift, self.name = shift, name
        self.random = Random(f"{shift.plan.seed}, {name}")
        self.socket: LeanSocket | None = None
        self._changed = asyncio.Event()

    async def until(self, come: Callable[[], bool], within_s: float = TOLD_S) -> None:
        """Wait until frames have made something true."""
        async with asyncio.timeout(within_s):
            while not come():
                if self.socket is not None and self.socket.lost:
                    raise ConnectionError(f"{self.name} lost the connection, {self.socket.closed_with}")
                self._changed.clear()
                await self._changed.wait()

    def changed(self) -> None:
        self._changed.set()

    def send(self, frame: dict[str, Any]) -> None:
        assert self.socket is not None
        self.socket.say(frame)
