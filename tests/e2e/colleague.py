"""An agent's browser without the browser: signed in over HTTP, on a real WebSocket; every frame it was sent is kept."""

import asyncio
import json
from typing import Any, Self

import aiohttp

from server.wire.codec import JSON

HEADERS = {"X-Kefu-Console": "1"}


class Colleague:
    """One window of an agent."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http
        self.socket: aiohttp.ClientWebSocketResponse | None = None
        self.frames: list[dict[str, Any]] = []
        self.held: dict[str, tuple[int, int]] = {}  # conversation -> last public and internal number
        self.rings: dict[str, dict[str, Any]] = {}  # that were not taken yet: conversation -> case
        self.id = ""
        self.numbers = 0

    @classmethod
    async def sign_in(cls, url: str, login: str, password: str) -> Self:
        http = aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers={**HEADERS, "Origin": url}
        )  # unsafe: cookies of an address without a name
        colleague = cls(url, http)
        session = await colleague.rest("POST", "session", login=login, password=password)
        colleague.id = session["agent"]["id"]
        await colleague.connect()
        return colleague

    async def rest(self, method: str, path: str, **body: object) -> Any:
        async with self.http.request(method, f"{self.url}/v1/console/{path}", json=body or None) as answer:
            raw = await answer.read()
            assert answer.status < 300, (method, path, answer.status, raw)
            return json.loads(raw) if raw else None

    async def connect(self) -> None:
        """Open the socket, resuming what was followed."""
        ticket = (await self.rest("POST", "ticket"))["ticket"]
        self.socket = await self.http.ws_connect(f"{self.url}/v1/ws", protocols=[JSON])
        following = [
            {"conversation": name, "last_seq": seq, "last_internal": internal}
            for name, (seq, internal) in self.held.items()
        ]
        await self.send(type="hello", ticket=ticket, following=following)
        await self.until("welcome")

    async def send(self, **frame: object) -> None:
        assert self.socket is not None
        await self.socket.send_str(json.dumps(frame))

    async def until(self, kind: str, *, within_s: float = 40.0, **wanted: object) -> dict[str, Any]:
        """Read frames until one of a kind with these values comes; names with `__` look into a case."""
        async with asyncio.timeout(within_s):
            while True:
                frame = await self._next(kind)
                if frame["type"] == kind and all(_value(frame, name) == value for name, value in wanted.items()):
                    return frame

    async def _next(self, awaited: str) -> dict[str, Any]:
        assert self.socket is not None
        message = await self.socket.receive()
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionError(f"closed with {self.socket.close_code} while waiting for {awaited}")
        frame: dict[str, Any] = json.loads(message.data)
        self.frames.append(frame)
        for each in frame.get("following", ()) if frame["type"] == "welcome" else (frame,):
            self._note(each)
        return frame

    def _note(self, frame: dict[str, Any]) -> None:
        name = frame.get("conversation", "")
        if frame.get("type") == "ring":
            self.rings[name] = frame["case"]
        if "last_internal" in frame or "last_seq" in frame:
            self.held[name] = (frame.get("last_seq", 0), frame.get("last_internal", 0))
        elif frame.get("type") == "event":
            seq, internal = self.held[name]
            inside = frame.get("audience") == "internal"
            self.held[name] = (seq, frame["seq"]) if inside else (frame["seq"], internal)

    async def follow(self, conversation: str) -> dict[str, Any]:
        seq, internal = self.held.get(conversation, (0, 0))
        await self.send(type="follow", conversation=conversation, last_seq=seq, last_internal=internal)
        return await self.until("following", conversation=conversation)

    async def desk(self, verb: str, conversation: str, epoch: int, **more: object) -> dict[str, Any]:
        """Do something; give the answer, an ack or an error."""
        name = await self.ask(verb, conversation, epoch, **more)
        return await self.answer(name)

    async def ask(self, verb: str, conversation: str, epoch: int, **more: object) -> str:
        self.numbers += 1
        name = f"{verb}-{self.numbers}"
        await self.send(type="desk", conversation=conversation, client_msg_id=name, verb=verb, epoch=epoch, **more)
        return name

    async def answer(self, name: str, within_s: float = 40.0) -> dict[str, Any]:
        async with asyncio.timeout(within_s):
            while True:
                frame = await self._next(name)
                if frame["type"] in ("ack", "error") and frame.get("client_msg_id") == name:
                    return frame

    async def say(self, conversation: str, text: str, name: str = "") -> dict[str, Any]:
        self.numbers += 1
        name = name or f"say-{self.numbers}"
        await self.send(type="say", conversation=conversation, client_msg_id=name, text=text)
        return await self.answer(name)

    async def ring(self, conversation: str) -> dict[str, Any]:
        """Wait for a ring, unless it came already; give the case."""
        if conversation not in self.rings:
            await self.until("ring", conversation=conversation)
        return self.rings.pop(conversation)

    async def take(self, conversation: str) -> dict[str, Any]:
        """Take what rings, and say hello."""
        case = await self.ring(conversation)
        done = await self.desk("accept", conversation, case["epoch"])
        assert done["type"] == "ack", done
        await self.say(conversation, "Hello, what can I do?")
        return done

    async def case(self, conversation: str) -> dict[str, Any]:
        return dict((await self.rest("GET", f"cases/{conversation}"))["case"])

    async def drop(self) -> None:
        """Lose the connection without a word."""
        if self.socket is not None and self.socket._response.connection is not None:
            transport = self.socket._response.connection.transport
            assert transport is not None
            transport.abort()
        self.socket = None

    async def close(self) -> None:
        if self.socket is not None:
            await self.socket.close()
        await self.http.close()


def _value(frame: dict[str, Any], name: str) -> object:
    for part in name.split("__"):
        frame = frame.get(part, {})
    return frame
