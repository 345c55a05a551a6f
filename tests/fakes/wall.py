"""A reverse proxy as offices and hotels have them: no WebSocket gets through, and answers may be held back."""

import asyncio
from contextlib import suppress
from typing import Self

import aiohttp
from aiohttp import web

_HOP = {"connection", "transfer-encoding", "keep-alive", "upgrade", "content-length", "content-encoding"}


class Wall:
    """Refuses upgrades, or lets them through once `open` is set."""

    def __init__(self, upstream: str, *, holds_back: bool = False) -> None:
        self.upstream = upstream
        self.holds_back = holds_back  # an answer is passed on when all of it is there
        self.open = False
        self.asked: list[str] = []  # paths, in their order
        self.refused = 0  # upgrades
        self.upgraded = 0
        self.welcomed = 0  # of those, the ones over which a visitor was
        self.loses_answers_to = ""  # a part of a request's body: such requests arrive, and their answers do not
        self.port = 0
        self._transports: set[asyncio.Transport] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.cut()
        await self._runner.cleanup()
        await self._http.close()

    def cut(self) -> None:
        """Break every connection."""
        for transport in list(self._transports):
            transport.abort()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        assert request.transport is not None
        self._transports.add(request.transport)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._upgrade(request)
            return await self._pass(request)
        except (aiohttp.ClientError, ConnectionResetError):
            return web.Response(status=502)
        finally:
            self._transports = {each for each in self._transports if not each.is_closing()}

    async def _upgrade(self, request: web.Request) -> web.StreamResponse:
        if not self.open:
            self.refused += 1
            return web.Response(status=403, text="no upgrades here")
        self.upgraded += 1
        down = web.WebSocketResponse(protocols=("kefu.v1.json",))
        await down.prepare(request)
        address = self.upstream + request.path
        headers = {"Host": request.host, "Origin": request.headers["Origin"]}
        async with self._http.ws_connect(address, protocols=("kefu.v1.json",), headers=headers) as up:

            async def upward() -> None:
                async for message in down:
                    await up.send_str(message.data)
                await up.close()

            task = asyncio.create_task(upward())
            async for message in up:
                self.welcomed += '"welcome"' in message.data
                await down.send_str(message.data)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await down.close(code=up.close_code or 1000)
        return down

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _HOP}
        address = self.upstream + request.path_qs
        async with self._http.request(request.method, address, data=body, headers=headers) as answer:
            if self.loses_answers_to and self.loses_answers_to.encode() in body:
                self.loses_answers_to = ""
                await answer.read()
                self.cut()
            kept = {name: text for name, text in answer.headers.items() if name.lower() not in _HOP}
            if "Content-Encoding" in answer.headers:
                kept["Content-Encoding"] = answer.headers["Content-Encoding"]
            if self.holds_back:
                return web.Response(status=answer.status, headers=kept, body=await answer.read())
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response
