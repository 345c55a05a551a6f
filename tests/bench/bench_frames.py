"""What a frame costs: the protocol without its log beside a bare echo of aiohttp and uvloop, in one process.

    python tests/bench/bench_frames.py [--connections 200] [--frames 60] [--rounds 9] [--json OUT]

Both endpoints live in one server process; visitors are in this one. A round sends the same number of frames of the same
size to each endpoint in turn, and the server tells its own CPU time before and after. Frames are `ping`, which is
answered by `pong`: reading, limits, decoding, encoding and writing, without what a message sets off. Medians are given.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from time import process_time
from typing import Any

from aiohttp import ClientSession, WSMsgType, web

from tests.bench.corpus import ROOT
from tests.bench.lean import LeanSocket, connect

_PING = b'{"type":"ping"}'


# -- the server


async def _bare(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False, protocols=("kefu.v1.json",))
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
    return socket


async def _cpu(request: web.Request) -> web.Response:
    return web.json_response({"cpu_s": process_time()})


def _application() -> web.Application:
    from server.connections.credentials import Credential, Grant
    from server.connections.endpoint import AccessSettings, Connections
    from server.connections.rates import Rate
    from server.conversations.hub import Hub
    from server.conversations.service import Conversations
    from server.stores.memory import MemoryLog
    from tests.fakes.bot import ScriptedBot

    class Everybody:
        async def admit(self, credential: Credential) -> Grant:
            return Grant(
                workspace="default", visitor=credential.key, kb="shop", verified=False, token="t", expires_at=2**50,
                credential="",
            )  # fmt: skip

    free = Rate(burst=10**9, per_minute=6e10)
    access = AccessSettings(per_address=10**6, opening=free, frames=free, messages=free)
    app = web.Application()

    async def parts(app: web.Application) -> Any:
        conversations = Conversations(MemoryLog(), Hub(), ScriptedBot())
        app["connections"] = Connections(conversations, Everybody(), access=access)
        watching = asyncio.create_task(app["connections"].watch())
        yield
        watching.cancel()

    async def kefu(request: web.Request) -> web.StreamResponse:
        answer: web.StreamResponse = await app["connections"].serve(request)
        return answer

    app.cleanup_ctx.append(parts)
    app.router.add_get("/bare", _bare)
    app.router.add_get("/v1/ws", kefu)
    app.router.add_get("/cpu", _cpu)
    return app


def _serve() -> None:
    import warnings

    import uvloop

    warnings.simplefilter("ignore")  # an application key by text will do here

    async def serve() -> None:
        runner = web.AppRunner(_application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        sys.stdout.write(f"{runner.addresses[0][1]}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()

    uvloop.run(serve())


# -- the visitors


class Group:
    """Connections to one endpoint, each of which sends the next frame when the one before was answered."""

    def __init__(self, greeted: bool) -> None:
        self._greeted = greeted
        self._left: dict[LeanSocket, int] = {}
        self._busy = 0
        self._done = asyncio.Event()

    async def connect(self, port: int, path: str, count: int) -> None:
        for number in range(count):
            socket = await connect(port, path, self._answered)
            self._left[socket] = 0
            if self._greeted:
                self._done.clear()
                self._busy = 1
                socket.say({"type": "hello", "key": f"visitor-{number}"})
                await self._done.wait()

    async def run(self, frames: int) -> None:
        self._done.clear()
        self._busy = len(self._left)
        for socket in self._left:
            self._left[socket] = frames - 1
            socket.send(_PING)
        await self._done.wait()

    def _answered(self, socket: LeanSocket, payload: bytes) -> None:
        left = self._left.get(socket, 0)
        if left:
            self._left[socket] = left - 1
            socket.send(_PING)
            return
        self._busy -= 1
        if not self._busy:
            self._done.set()


async def measure(port: int, connections: int, frames: int, rounds: int) -> dict[str, float]:
    """Let the endpoints take turns."""
    groups = {"bare": Group(greeted=False), "kefu": Group(greeted=True)}
    await groups["bare"].connect(port, "/bare", connections)
    await groups["kefu"].connect(port, "/v1/ws", connections)
    spent: dict[str, list[float]] = {name: [] for name in groups}
    async with ClientSession(f"http://127.0.0.1:{port}") as http:

        async def cpu_s() -> float:
            async with http.get("/cpu") as answer:
                return float((await answer.json())["cpu_s"])

        for number in range(rounds + 1):
            for name, group in groups.items():
                before = await cpu_s()
                await group.run(frames)
                if number:  # the first one warms up
                    spent[name].append((await cpu_s() - before) / (connections * frames) * 1e6)
    ratios = [ours / bare for ours, bare in zip(spent["kefu"], spent["bare"], strict=True)]
    return {
        "connections": connections,
        "bare_cpu_us": statistics.median(spent["bare"]),
        "kefu_cpu_us": statistics.median(spent["kefu"]),
        "ratio": statistics.median(ratios),
        "ratio_least": min(ratios),
        "ratio_most": max(ratios),
    }


def main() -> None:
    """Start the server, run, and print a line."""
    import uvloop

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    if given.serve:
        _serve()
        return
    command = [sys.executable, "tests/bench/bench_frames.py", "--serve"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            port = int(server.stdout.readline())
            found = uvloop.run(measure(port, given.connections, given.frames, given.rounds))
        finally:
            server.kill()
    sys.stdout.write("  ".join(f"{name} {value:.2f}" for name, value in found.items()) + "\n")
    if given.json:
        given.json.write_text(json.dumps(found, indent=2), "utf-8")


if __name__ == "__main__":
    main()
