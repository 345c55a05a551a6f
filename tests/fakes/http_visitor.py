"""A visitor's device that speaks the protocol over HTTP, as docs/PROTOCOL.md says."""

import asyncio
import json
from typing import Any, Self

import aiohttp


class HttpVisitor:
    """Says hello by a stream or a poll, and reads server-sent events."""

    def __init__(self, http: aiohttp.ClientSession, url: str, *, origin: str | None = None) -> None:
        self.http, self.url = http, f"{url}/v1/http"
        self.headers = {"Content-Type": "text/plain"} | ({"Origin": origin} if origin else {})
        self.session = ""
        self.close_code: int | None = None
        self.frames: list[dict[str, Any]] = []
        self.answer: aiohttp.ClientResponse | None = None
        self._fresh: list[dict[str, Any]] = []  # not waited for yet
        self._rest = ""

    def post(self, what: str, body: object) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.http.post(f"{self.url}/{what}", data=data, headers=self.headers)

    async def stream(self, **hello: object) -> Self:
        self.answer = await self.post("stream", {"type": "hello", **hello})
        return self

    async def poll(self, **hello: object) -> int:
        """Poll once, with a hello to begin with; give the status."""
        body = {"type": "hello", **hello} if hello else {"session": self.session}
        async with self.post("poll", body) as answer:
            if answer.status == 200:
                self._read(await answer.text())
            return answer.status

    async def send(self, *frames: object, **more: object) -> int:
        """Send frames; give the status."""
        async with self.post("send", {"session": self.session, "frames": frames, **more}) as answer:
            return int(answer.status)

    async def say(self, name: str, text: str) -> int:
        return await self.send({"type": "say", "client_msg_id": name, "text": text})

    async def until(self, kind: str, *, within_s: float = 30.0, **wanted: object) -> dict[str, Any]:
        """Read until a frame of a kind with these values comes; it may have come before another that was waited for."""
        async with asyncio.timeout(within_s):
            while True:
                for frame in self._fresh:
                    if frame["type"] == kind and all(frame.get(key) == value for key, value in wanted.items()):
                        self._fresh.remove(frame)
                        return frame
                if self.close_code is not None or not await self._more():
                    raise ConnectionError(f"ended with {self.close_code} while waiting for {kind}")

    async def closed(self) -> int | None:
        """Read to the end; give the close code."""
        while self.close_code is None and await self._more():
            pass
        return self.close_code

    def leave(self) -> None:
        """Break off without a goodbye."""
        if self.answer is not None:
            self.answer.close()

    async def _more(self) -> bool:
        if self.answer is None:
            return await self.poll() == 200
        piece = await self.answer.content.readany()
        self._read(piece.decode())
        return bool(piece)

    def _read(self, text: str) -> None:
        *events, self._rest = (self._rest + text).split("\n\n")
        for event in events:
            fields = dict(line.split(": ", 1) for line in event.split("\n") if ": " in line and line[0] != ":")
            if "data" not in fields:
                continue
            data = json.loads(fields["data"])
            match fields.get("event", "message"):
                case "open":
                    self.session = data["session"]
                case "close":
                    self.close_code = data["code"]
                case _:
                    self.frames.append(data)
                    self._fresh.append(data)
