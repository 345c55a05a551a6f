"""An agent at a browser: signs in over HTTP, then speaks over the socket; every frame it was sent is kept."""

import asyncio
import json
from itertools import count
from typing import Any, Self

import aiohttp

_numbers = count(1)


class Refused(Exception):
    """The server said no to what was asked over the socket."""

    def __init__(self, frame: dict[str, Any]) -> None:
        super().__init__(frame["message"])
        self.frame = frame
        self.code = frame["code"]


class Browser:
    """A signed-in page of the console; `desk` opens a tab's socket."""

    def __init__(self, url: str) -> None:
        self.url = url
        jar = aiohttp.CookieJar(unsafe=True)  # the address is a number
        self.http = aiohttp.ClientSession(cookie_jar=jar)
        self.desks: list[Desk] = []

    @classmethod
    async def sign_in(cls, url: str, login: str, password: str) -> Self:
        browser = cls(url)
        status, answer = await browser.call("POST", "session", {"login": login, "password": password})
        assert status == 200, answer
        return browser

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        own = {
            "X-Kefu-Console": "1",
            "Origin": self.url,
            **{key.replace("_", "-"): text for key, text in headers.items()},
        }
        own = {key: text for key, text in own.items() if text}
        more = {} if body is None else {"json": body}
        async with self.http.request(method, f"{self.url}/v1/console/{path}", headers=own, **more) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else {}

    async def get(self, path: str) -> Any:
        status, answer = await self.call("GET", path)
        assert status == 200, answer
        return answer

    async def ticket(self) -> str:
        status, answer = await self.call("POST", "ticket")
        assert status == 200, answer
        return answer["ticket"]

    async def desk(self, *following: dict[str, Any]) -> "Desk":
        socket = await self.http.ws_connect(
            f"{self.url}/v1/ws", protocols=["kefu.v1.json"], headers={"Origin": self.url}
        )
        desk = Desk(socket)
        self.desks.append(desk)
        await desk.send(type="hello", ticket=await self.ticket(), following=list(following))
        await desk.until("welcome")
        return desk

    async def close(self) -> None:
        for desk in self.desks:
            await desk.close()
        await self.http.close()


class Desk:
    """One tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.frames: list[dict[str, Any]] = []

    async def send(self, **frame: object) -> None:
        await self.socket.send_str(json.dumps(frame))

    async def until(self, kind: str, *, within_s: float = 30.0, **wanted: object) -> dict[str, Any]:
        """Read frames until one of a kind with these values comes."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"closed with {self.socket.close_code} while waiting for {kind}")
                frame = json.loads(message.data)
                self.frames.append(frame)
                if frame["type"] == kind and all(frame.get(key) == value for key, value in wanted.items()):
                    return frame

    async def ask(self, **frame: object) -> dict[str, Any]:
        """Ask for something that changes something; give its ack."""
        name = frame.setdefault("client_msg_id", f"c{next(_numbers)}")
        await self.send(**frame)
        async with asyncio.timeout(30):
            while True:
                message = await self.socket.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    raise ConnectionError(f"closed with {self.socket.close_code}")
                answer = json.loads(message.data)
                self.frames.append(answer)
                if answer.get("client_msg_id") == name and answer["type"] == "ack":
                    return answer
                if answer.get("client_msg_id") == name and answer["type"] == "error":
                    raise Refused(answer)

    async def act(self, verb: str, conversation: str, **values: object) -> dict[str, Any]:
        epoch = values.pop("epoch", self.case(conversation)["epoch"])
        return await self.ask(type="desk", verb=verb, conversation=conversation, epoch=epoch, **values)

    async def case_in(self, conversation: str, *states: str) -> dict[str, Any]:
        """Wait until a row shows a conversation in a state."""
        async with asyncio.timeout(30):
            while True:
                known = self.cases.get(conversation)
                if known is not None and known["state"] in states:
                    return known
                message = await self.socket.receive()
                assert message.type is aiohttp.WSMsgType.TEXT, self.socket.close_code
                self.frames.append(json.loads(message.data))

    @property
    def cases(self) -> dict[str, dict[str, Any]]:
        """The rows, the newest of each."""
        rows: dict[str, dict[str, Any]] = {}
        for frame in self.frames:
            for row in (*frame.get("cases", ()), *([frame["case"]] if "case" in frame else ())):
                shown = rows.get(row["conversation"])
                if shown is None or (row["epoch"], row["seq"]) >= (shown["epoch"], shown["seq"]):
                    rows[row["conversation"]] = row
        return rows

    def case(self, conversation: str) -> dict[str, Any]:
        return self.cases[conversation]

    def events(self, conversation: str) -> list[dict[str, Any]]:
        """Every event shown of a conversation, in the order of arrival."""
        shown: list[dict[str, Any]] = []
        for frame in self.frames:
            for followed in (frame, *frame.get("following", ())):
                if followed.get("conversation") == conversation and followed.get("type") != "event":
                    shown += followed.get("events", [])
            if frame["type"] == "event" and frame.get("conversation") == conversation:
                shown.append(frame)
        return shown

    async def closed(self) -> int | None:
        """Read to the end; give the close code."""
        async with asyncio.timeout(30):
            async for message in self.socket:
                self.frames.append(json.loads(message.data))
        return self.socket.close_code

    async def close(self) -> None:
        await self.socket.close()
