"""A server in a thread of this process that can be killed: nothing of it runs any further, its sockets are cut.

It has the real endpoint, service and log, a bot that answers at once or a little later, and whatever somebody puts
around the log.
"""

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from random import Random

from aiohttp import web

from engine.types import Turn
from server.access.gate import WidgetGate
from server.access.keys import Keys
from server.access.tokens import Tokens
from server.connections.endpoint import AccessSettings, Connections
from server.connections.rates import Rate
from server.conversations.bot import Reply
from server.conversations.hub import Hub
from server.conversations.service import Conversations, ConversationSettings
from server.stores.protocols import ConversationLog
from server.stores.sqlite import SqliteLog
from tests.fakes.bot import ScriptedBot

Around = Callable[[SqliteLog, Path], ConversationLog]
_MANY = Rate(burst=100_000, per_minute=6_000_000)
_ACCESS = AccessSettings(
    connections=1_000, per_visitor=1_000, per_address=1_000, opening=_MANY, frames=_MANY, messages=_MANY
)


class _Bot(ScriptedBot):
    """Takes up to 30 ms."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random
        self.gate.set()

    async def reply(self, turn: Turn, on_text: Callable[[str], None]) -> Reply:
        await asyncio.sleep(self._random.uniform(0.0, 0.03))
        return await super().reply(turn, on_text)


class FragileServer:
    """See the module. Used like a server in a process of its own."""

    def __init__(self, home: Path, around: Around = lambda log, path: log, *, seed: int = 0) -> None:
        self.home = home
        self.log_file = home / "conversations.db"
        self._around = around
        self._random = Random(seed)
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)  # outlives the lives, as a parent's does
        self._listening.setblocking(False)
        self._life: _Life | None = None
        with closing(Keys(home / "keys.db")) as keys:
            self.key = keys.add_widget("default", kb="shop").id

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def begin(self) -> None:
        """Come to life, unless it lives."""
        if self._life is None:
            self._life = _Life(self, self._listening.dup(), self._random.random())

    async def up(self) -> None:
        """Come to life, and wait until visitors are served."""
        self.begin()
        assert self._life is not None
        await asyncio.to_thread(self._life.wait)

    def strike(self, what: str) -> None:
        """Die."""
        life, self._life = self._life, None
        if life is not None:
            life.kill()

    def close(self) -> None:
        self.strike("all")
        self._listening.close()


class _Life:
    def __init__(self, server: FragileServer, listening: socket.socket, seed: float) -> None:
        self._server, self._listening = server, listening
        self._bot = _Bot(Random(seed))
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._runner: web.AppRunner | None = None
        self._log: SqliteLog | None = None
        self._keys = Keys(server.home / "keys.db")
        self._thread = threading.Thread(target=self._run, name="fragile server")
        self._thread.start()

    def wait(self) -> None:
        assert self._ready.wait(30)

    def kill(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)

    def _run(self) -> None:
        serving = self._loop.create_task(self._serve())
        self._loop.run_forever()
        # Killed. No line of the server's runs any more until its sockets are cut.
        self._loop.remove_reader(self._listening)
        if self._runner is not None and self._runner.server is not None:
            for connection in self._runner.server.connections:
                _cut(connection.transport)
        self._loop.run_until_complete(self._bury(serving))
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _serve(self) -> None:
        server = self._server
        self._log = await SqliteLog.open(server.log_file)
        log = server._around(self._log, server.log_file)
        quick = ConversationSettings(quiet_s=0.05, patience_s=0.1)
        conversations = Conversations(log, Hub(), self._bot, quick)
        gate = WidgetGate(self._keys, Tokens(b"s" * 32))
        connections = Connections(conversations, gate, access=_ACCESS)
        app = web.Application()
        app.router.add_get("/v1/ws", connections.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await conversations.recover()
        await web.SockSite(self._runner, self._listening).start()
        self._ready.set()

    async def _bury(self, serving: "asyncio.Task[None]") -> None:
        """Let go of what a process's end lets go of."""
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, serving, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._log is not None:
            await self._log.close()
        self._keys.close()
        self._listening.close()


def _cut(transport: asyncio.Transport | None) -> None:
    known = transport.get_extra_info("socket") if transport is not None else None
    if known is not None:
        with suppress(OSError), known.dup() as copy:
            copy.shutdown(socket.SHUT_RDWR)


def without_constraints(path: Path) -> None:
    """Drop what keeps the log's file from holding an event twice."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        unique = "type = 'index' AND tbl_name = 'events' AND sql LIKE 'CREATE UNIQUE%'"
        for (name,) in db.execute(f"SELECT name FROM sqlite_master WHERE {unique}").fetchall():
            db.execute(f"DROP INDEX {name}")
