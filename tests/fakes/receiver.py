"""A webhook receiver on a real socket, which does what a test tells it to."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answering = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


async def accept(request: web.Request, body: bytes) -> web.StreamResponse:
    """Say that the message arrived."""
    return web.Response(status=204)


async def echo(request: web.Request, body: bytes) -> web.StreamResponse:
    """Pass the challenge, and take every message."""
    return web.json_response({"challenge": json.loads(body).get("challenge", "")})


def refuse(status: int = 500, **headers: str) -> Answering:
    """Say that it did not."""

    async def answer(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})

    return answer


@dataclass
class Call:
    """What came in."""

    id: str
    signature: str
    host: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Keeps every call; `calls` in their order, `taken` those that were answered with 2xx."""

    answer: Answering = accept
    calls: list[Call] = field(default_factory=list)
    taken: list[Call] = field(default_factory=list)
    busy: int = 0
    busiest: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def start(self) -> "Receiver":
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            call = Call(
                headers.get("webhook-id", ""), headers.get("webhook-signature", ""), request.host, headers, body
            )
            self.calls.append(call)
            response = await self.answer(request, body)
            if 200 <= response.status < 300:
                self.taken.append(call)
            return response
        finally:
            self.busy -= 1


@dataclass
class Time:
    """A clock that runs only when it is told to."""

    now_ms: int = 1_800_000_000_000
    pauses: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)

    def __call__(self) -> int:
        return self.now_ms

    async def pause(self, seconds: float) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pauses.append((self.now_ms + max(1, int(seconds * 1000)), future))
        await future

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)
        due = [future for at, future in self.pauses if at <= self.now_ms]
        self.pauses = [(at, future) for at, future in self.pauses if at > self.now_ms and not future.done()]
        for future in due:
            if not future.done():
                future.set_result(None)


async def in_time(time: Time, condition: Callable[[], object], *, step_s: float = 0.25, within_s: float = 90.0) -> None:
    """Let time pass, a step whenever others had their turn, until something is so."""
    async with asyncio.timeout(within_s):
        while not condition():
            time.advance(step_s)
            for _ in range(5):
                await asyncio.sleep(0.0005)
