"""Throws mistreated input at what reads it, and looks after each batch whether all is as before.

A `Finding` is whatever must not happen: an error that is not the reader's own, an answer of 500, an exception in the
server's log, a probe that is not answered, memory or time that goes with the input. It names the seed that shows it.
"""

import asyncio
import json
import logging
import resource
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

import aiohttp
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from server.api import rest
from server.wire.codec import CODECS, JSON, PROTO, BadFrame
from tests.fakes.api import KB, ApiHouse, Program
from tests.fakes.chat import Chat
from tests.fakes.http_visitor import HttpVisitor
from tests.fakes.mutations import Mutator

DECODING_S = 0.5  # CPU of one decoding, on whatever machine
PROBE_S = 30.0
GROWTH_KB = 200 * 1024  # of the whole process, over a run
ANSWERS = {200, 201, 202, 204, 400, 401, 403, 404, 405, 408, 409, 411, 413, 415, 422, 429, 503}
_probes = count()


@dataclass(frozen=True, slots=True)
class Finding:
    """What must not happen."""

    seed: int
    what: str


class Complaints(logging.Handler):
    """Keeps what is logged as an error, and what the event loop was left with."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and isinstance(error, web.RequestPayloadError | HttpProcessingError):
            return  # aiohttp logs what is no request; how often, is bounded by telemetry
        self.said.append(f"logged: {record.getMessage()[:200]} {error!r}"[:500])

    def take(self) -> list[str]:
        said, self.said = self.said, []
        return said


@contextmanager
def listening() -> Iterator[Complaints]:
    """Listen to the log of this process."""
    complaints, root = Complaints(), logging.getLogger()
    root.addHandler(complaints)
    try:
        yield complaints
    finally:
        root.removeHandler(complaints)


def decode(seed: int) -> list[Finding]:
    """Read one mistreated frame as each encoding and each side does."""
    mutator, found = Mutator(seed), []
    codec = mutator.dice.choice((JSON, PROTO))
    raw = mutator.frame(codec) if mutator.dice.random() < 0.7 else mutator.hello(codec)
    for read in (CODECS[codec].from_client, CODECS[codec].from_server):
        began = time.process_time()
        try:
            frame = read(raw)
            CODECS[JSON].encode(frame)
        except BadFrame:
            pass
        except Exception as error:  # noqa: BLE001 (whatever it is, it is what is looked for)
            found.append(Finding(seed, f"{codec}: {type(error).__name__}: {error}"[:300]))
        if time.process_time() - began > DECODING_S:
            found.append(Finding(seed, f"{codec}: took {time.process_time() - began:.1f} s"))
    return found


async def over_websocket(chat: Chat, seed: int, *, frames: int = 20) -> list[Finding]:
    """Say mistreated frames over one connection, after a hello that may be mistreated, too."""
    mutator = Mutator(seed)
    codec = mutator.dice.choice((JSON, PROTO))
    say = _hello(mutator, codec)
    found = []
    try:
        async with asyncio.timeout(PROBE_S):
            socket = await chat.http.ws_connect(f"{chat.url}/v1/ws", protocols=[codec])
            async with socket:
                await socket.send_bytes(say)
                for _ in range(frames):
                    await socket.send_bytes(mutator.frame(codec))
                await socket.send_frame(b"last", aiohttp.WSMsgType.PING)
                while (await socket.receive()).type not in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.PONG):
                    pass
    except TimeoutError:
        found.append(Finding(seed, "a connection hung"))
    except (aiohttp.ClientError, ConnectionError):
        pass  # ended by the server in the middle of what was said
    return found


def _hello(mutator: Mutator, codec: str) -> bytes:
    if mutator.dice.random() < 0.4:
        return mutator.hello(codec, token="fuzz")
    good = {"type": "hello", "token": f"fuzz{mutator.dice.randrange(50)}"}
    return CODECS[codec].encode(CODECS[JSON].from_client(json.dumps(good)))


async def over_http(chat: Chat, seed: int, *, bodies: int = 6) -> list[Finding]:
    """Post mistreated bodies to one session of the fallback."""
    mutator, found = Mutator(seed), []
    session = ""
    if mutator.dice.random() < 0.7:
        visitor = chat.visitor()
        await visitor.poll(token=f"fuzz{mutator.dice.randrange(50)}")
        session = visitor.session
    for _ in range(bodies):
        what = mutator.dice.choice(("send", "send", "send", "stream", "poll"))
        body = _http_body(mutator, what, session)
        status = await _posted(chat.http, "POST", f"{chat.url}/v1/http/{what}", body, _lying(mutator))
        if status not in ANSWERS:
            found.append(Finding(seed, f"{what} is answered by {status}"))
    bye = json.dumps({"session": session, "bye": True}).encode()
    await _posted(chat.http, "POST", f"{chat.url}/v1/http/send", bye)
    return found


def _http_body(mutator: Mutator, what: str, session: str) -> bytes:
    if what == "poll" and mutator.dice.random() < 0.3:  # of a session that there is, it would be held
        return mutator.json({"session": "none"})
    if what == "send":
        frames: list[object] = []
        for _ in range(mutator.dice.choice((0, 1, 3, 30))):
            with suppress(ValueError, RecursionError):
                frames.append(json.loads(mutator.frame()))
        return mutator.json({"session": session or "none", "frames": frames})
    return mutator.hello()


async def over_rest(house: ApiHouse, seed: int) -> list[Finding]:
    """Call one operation with a mistreated body, and parts of a path and a query that nobody asked for."""
    mutator = Mutator(seed)
    operation = mutator.dice.choice(rest.OPERATIONS)
    there = KB if operation.method in ("GET", "POST") else "none"  # what is asked about at the end is to stay
    path = operation.path
    while "{" in path:
        part = mutator.dice.choice(("x", "A" * 22, "%00", "..", "%2e%2e", "é", there, "A" * 400, "%ff", "'"))
        path = path[: path.index("{")] + part + path[path.index("}") + 1 :]
    if mutator.dice.random() < 0.3:
        path += "?" + mutator.dice.choice(
            ("limit=-1", "limit=1e9", "offset=%00", "limit=1&limit=2", "x=%ff", "q=" + "a" * 5000)
        )
    body = {"text": "hello", "kb": KB, "entries": [], "url": "https://a.example", "rating": "up", "visitor": "ann"}
    headers = {"Authorization": f"Bearer {house.program().secret}", **_lying(mutator)}
    status = await _posted(house.http, operation.method, house.url + path, mutator.json(body), headers)
    return [] if status in ANSWERS else [Finding(seed, f"{operation.method} {path[:100]} is answered by {status}")]


def _lying(mutator: Mutator) -> dict[str, str]:
    """Give headers that may lie about a body."""
    kinds = ("application/json", "application/json", "text/plain", "multipart/form-data; boundary=x", "x" * 2000, "")
    lies = ({}, {}, {}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}, {"Cookie": "a=b; " * 200})
    return {"Content-Type": mutator.dice.choice(kinds), **mutator.dice.choice(lies)}


async def _posted(
    http: aiohttp.ClientSession, method: str, url: str, body: bytes, headers: dict[str, str] | None = None
) -> int:
    """Send a body; give the status, 0 if nothing came in time, 400 if what was no request ended the connection."""
    try:
        async with (
            asyncio.timeout(PROBE_S),
            http.request(method, URL(url, encoded=True), data=body, headers=headers, allow_redirects=False) as answer,
        ):
            streams = "event-stream" in answer.headers.get("Content-Type", "")
            with suppress(aiohttp.ClientPayloadError):
                await (answer.content.readany() if streams else answer.read())
            return answer.status
    except TimeoutError:
        return 0
    except aiohttp.ClientError:
        return 400


async def chat_lives(chat: Chat) -> str:
    """Greet, speak and be answered as somebody new, over either way; give what went wrong, "" if nothing did."""
    name = f"probe{next(_probes)}"
    try:
        async with asyncio.timeout(PROBE_S), aiohttp.ClientSession() as http:
            async with http.ws_connect(f"{chat.url}/v1/ws") as socket:
                await socket.send_json({"type": "hello", "token": name})
                await socket.send_json({"type": "say", "client_msg_id": "m1", "text": "are you there?"})
                while json.loads((await socket.receive()).data).get("author") != "bot":
                    pass
            visitor = HttpVisitor(http, chat.url)
            await visitor.poll(token=name)
            await visitor.until("welcome")
            await visitor.send(bye=True)
        return ""
    except (TimeoutError, ConnectionError, TypeError, aiohttp.ClientError) as error:
        return f"over a chat: {error!r}"


async def api_lives(house: ApiHouse) -> str:
    """Ask a question; give what went wrong, "" if nothing did."""
    try:
        async with asyncio.timeout(PROBE_S), aiohttp.ClientSession() as http:
            program = Program(http, house.url, house.program().secret)
            answered = await program.post("/v1/ask", {"kb": KB, "text": "how do i return an item"})
        return "" if answered.status == 200 else f"of the API: {answered.status} {answered.text[:300]}"
    except (TimeoutError, aiohttp.ClientError) as error:
        return f"of the API: {error!r}"


def memory_kb() -> int:
    """Give the most memory that this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def batch(
    one: Callable[[int], Awaitable[list[Finding]]],
    lives: Callable[[], Awaitable[str]],
    seeds: range,
    complaints: Complaints,
) -> list[Finding]:
    """Try seeds one after the other, and look at the end whether all is as before."""
    found: list[Finding] = []
    for seed in seeds:
        found += await one(seed)
        found += [Finding(seed, said) for said in complaints.take()]
    if wrong := await lives():
        found.append(Finding(seeds.start, f"no sign of life after seeds {seeds.start} to {seeds.stop - 1} {wrong}"))
    return found
