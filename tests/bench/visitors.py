"""Visitors of a benchmark, in a process of their own: each thinks, asks, and reads what it is told.

A message is due at a time that was fixed before the run, and its times count from there, not from when it could be sent
(Tene: coordinated omission): a server that holds a visitor up cannot hide it by slowing the visitor down.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import aiohttp
import msgspec

from tests.bench import questions

_PER_ADDRESS = 90  # the server admits 100 at once from one
_THINK_S = (1.0, 9.0)
_TAIL_S = 8.0  # after the last message, for answers that wait for the visitor to finish
_REST_S = 1 / 15  # between two requests


@dataclass(frozen=True, kw_only=True)
class Task:
    """What a process of visitors is to do."""

    url: str
    key: str
    secret: str  # of the HTTP API; "": no requests
    users: int
    seconds: float
    own: float  # share of questions of their own
    place: int
    places: int


@dataclass(kw_only=True)
class Seen:
    """What they saw; times in seconds since the message was due."""

    ack: list[float] = field(default_factory=list)
    replies: dict[str, list[float]] = field(default_factory=dict)  # by decision
    late: list[float] = field(default_factory=list)  # how late a message was sent: this process's own part
    rest: dict[str, list[float]] = field(default_factory=dict)  # by request
    errors: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    unanswered: int = 0  # messages without a reply of their own; one that was followed at once shares the next one's


class Visitor:
    """One visitor."""

    def __init__(self, number: int, task: Task, seen: Seen, asked: Iterator[str]) -> None:
        self._task, self._seen, self._asked = task, seen, asked
        self._random = Random(f"{task.place} {number}")
        self._address = f"127.{10 + task.place}.{number // _PER_ADDRESS}.1"
        self._due: dict[str, float] = {}
        self._waiting: dict[int, float] = {}  # turn -> when its message was due
        self._numbers = count()

    async def connect(self) -> None:
        """Open the socket and say hello."""
        connector = aiohttp.TCPConnector(local_addr=(self._address, 0), limit=0)
        self._http = aiohttp.ClientSession(connector=connector)
        await self._open()

    async def _open(self) -> None:
        url = f"{self._task.url}/v1/ws"
        self._socket = await self._http.ws_connect(url, protocols=["kefu.v1.json"], max_msg_size=0)
        await self._send(type="hello", key=self._task.key)
        welcome = json.loads((await self._socket.receive()).data)
        if welcome["type"] != "welcome":
            raise ConnectionError(str(welcome))

    async def live(self, began: float, end: float) -> None:
        """Ask until the end, and read a little longer."""
        reading = asyncio.create_task(self._read())
        self._handed_over = False
        due = began + self._random.uniform(0, _THINK_S[1])
        while due < end and not reading.done():
            await asyncio.sleep(due - monotonic())
            if self._handed_over:  # a person would go on from here; another visitor comes
                reading.cancel()
                await asyncio.wait([reading])
                await self._socket.close()
                self._seen.unanswered += len(self._waiting)
                self._waiting.clear()
                await self._open()
                reading, self._handed_over = asyncio.create_task(self._read()), False
            self._seen.late.append(monotonic() - due)
            name, text = f"m{next(self._numbers)}", next(self._asked)
            self._due[name] = due
            self._seen.texts.append(text)
            await self._send(type="say", client_msg_id=name, text=text)
            due += self._random.uniform(*_THINK_S)
        await asyncio.sleep(max(0.0, end + _TAIL_S - monotonic()))
        if reading.done():
            self._seen.errors["closed"] += 1
        reading.cancel()
        self._seen.errors["unacknowledged"] += len(self._due)
        self._seen.unanswered += len(self._waiting)
        await self._http.close()

    async def _send(self, **frame: object) -> None:
        await self._socket.send_str(msgspec.json.encode(frame).decode())

    async def _read(self) -> None:
        async for message in self._socket:
            self._take(msgspec.json.decode(message.data), monotonic())

    def _take(self, frame: dict[str, Any], now: float) -> None:
        match frame["type"]:
            case "event" if frame["kind"] == "spoke":
                self._waiting[frame["turn"]] = self._due[frame["client_msg_id"]]
            case "event" if frame["kind"] == "replied":
                due = self._waiting.pop(frame["turn"])
                self._handed_over = frame["decision"] == "handoff"
                self._seen.replies.setdefault(frame["decision"], []).append(now - due)
            case "ack":
                self._seen.ack.append(now - self._due.pop(frame["client_msg_id"]))
            case "error":
                self._seen.errors[frame["code"]] += 1


class Program:
    """A program that uses the HTTP API meanwhile: looks at conversations, speaks for a visitor of another channel."""

    def __init__(self, task: Task, seen: Seen, asked: Iterator[str]) -> None:
        self._task, self._seen, self._asked = task, seen, asked

    async def live(self, began: float, end: float) -> None:
        """Send requests at fixed times until the end."""
        headers = {"Authorization": f"Bearer {self._task.secret}"}
        async with aiohttp.ClientSession(self._task.url, headers=headers) as http:
            opened = await http.post("/v1/visitors/channel-1/conversation", json={"kb": "shop"})
            opened.raise_for_status()
            path = f"/v1/conversations/{(await opened.json())['id']}"
            running: set[asyncio.Task[None]] = set()
            for number in range(int((end - began) / _REST_S)):
                due = began + number * _REST_S
                await asyncio.sleep(due - monotonic())
                running.add(asyncio.create_task(self._one(http, path, number, due)))
            await asyncio.gather(*running)

    async def _one(self, http: aiohttp.ClientSession, path: str, number: int, due: float) -> None:
        match number % 15:
            case 0:
                name, method, where = "speak", "POST", f"{path}/messages"
                body: object = {"client_msg_id": f"p{number}", "text": next(self._asked)}
            case 5 | 10:
                name, method, where, body = "conversation", "GET", path, None
            case odd if odd % 2:
                name, method, where, body = "list", "GET", "/v1/conversations?limit=20", None
            case _:
                name, method, where, body = "events", "GET", f"{path}/events?limit=50", None
        async with http.request(method, where, json=body) as answer:
            await answer.read()
            if answer.status >= 400:
                self._seen.errors[f"http {answer.status}"] += 1
        self._seen.rest.setdefault(name, []).append(monotonic() - due)


async def run(task: Task) -> Seen:
    """Let all of them live at once."""
    seen, asked = Seen(), questions.mix(task.place, own=task.own, place=task.place, places=task.places)
    visitors = [Visitor(number, task, seen, asked) for number in range(task.users)]
    for start in range(0, len(visitors), 50):
        await asyncio.gather(*(visitor.connect() for visitor in visitors[start : start + 50]))
    sys.stdout.write("connected\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)  # until all processes are there
    began = monotonic() + 0.5
    end = began + task.seconds
    lives = [visitor.live(began, end) for visitor in visitors]
    if task.secret:
        lives.append(Program(task, seen, asked).live(began, end))
    await asyncio.gather(*lives)
    return seen


def main() -> None:
    """Read the task from the command line, write what was seen to the file named there."""
    import uvloop

    seen = uvloop.run(run(Task(**json.loads(sys.argv[1]))))
    Path(sys.argv[2]).write_text(json.dumps(vars(seen)), "utf-8")


if __name__ == "__main__":
    main()
