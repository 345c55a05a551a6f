"""The process that serves: it takes over a listening socket, and when told to end it sends everybody away first."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp import web

from server import app as composition
from server.connections.doorkeeper import Hall
from server.handover import GO, GONE, READY, RELOAD, WARM
from server.reload import Live, Reloader
from server.settings import Installation
from server.telemetry.logging import Output, configure
from server.telemetry.tracing import traced

log = logging.getLogger(__name__)

_COLLECTED_AT = 10_000  # objects more than there were: hardly any outlives its message, and few are in a cycle


def serve(settings: Installation, *, listening: int, control: int, read: Callable[[], Installation], file: Path) -> int:
    """Serve until SIGTERM, or until the parent is gone.

    Args:
        settings: of the installation.
        listening: descriptor of a socket that listens; it stays open in the parent.
        control: descriptor of a socket to the parent. We say `warm` when all is loaded, wait for `go`, and say `ready`
            when we accept; it says `reload` when the configuration is to be read again.
        read: reads and checks the configuration again.
        file: whose change is noticed, and leads to the same.
    """
    output = configure(settings.server)
    import uvloop

    live = Live(settings)
    reloader = Reloader(live, read, file)
    sockets = socket.socket(fileno=listening), socket.socket(fileno=control)
    with traced(settings.server):
        return uvloop.run(_serve(settings, *sockets, live, reloader, output))


async def _serve(
    settings: Installation,
    listening: socket.socket,
    control: socket.socket,
    live: Live,
    reloader: Reloader,
    output: Output,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reloader.tell)
    async with _parent(control, stop, reloader) as parent, _running(reloader.run(), "reload"):
        app = composition.build(settings, turn=parent.turn, live=live, output=output)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=settings.server.drain_s)
        try:
            await runner.setup()
            if stop.is_set():
                return 0
            _settle()
            hall = Hall(_serving(runner))
            listener = await loop.create_server(hall, sock=listening, backlog=4096)
            await parent.say(READY)
            await stop.wait()
            log.info("told to end; sending everybody away")
            listener.close()
            await composition.drain(app, settings)
            hall.close()
        finally:
            await runner.cleanup()
        await parent.say(GONE)  # the successor need not wait for the rest of us, which takes its time
    return 0


def _settle() -> None:
    """Leave out of garbage collection what was loaded and stays: going through it took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECTED_AT)


def _serving(runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
    """Give what makes the protocol that serves a connection."""
    if runner.server is None:
        raise RuntimeError("the runner was not set up")
    return runner.server


class _Parent:
    """The process that holds the listening socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._go = asyncio.Event()

    async def say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):
            self._writer.write(word)
            await self._writer.drain()

    async def turn(self) -> None:
        """Tell that all is loaded, and wait for the predecessor to be gone."""
        await self.say(WARM)
        await self._go.wait()

    async def listen(self, stop: asyncio.Event, reloader: Reloader) -> None:
        """Follow the parent: without it we end, too."""
        while line := await self._reader.readline():
            if line == GO:
                self._go.set()
            elif line == RELOAD:
                reloader.tell()
        stop.set()
        self._go.set()


@contextlib.asynccontextmanager
async def _parent(control: socket.socket, stop: asyncio.Event, reloader: Reloader) -> AsyncIterator[_Parent]:
    control.setblocking(False)
    parent = _Parent(*await asyncio.open_connection(sock=control))
    async with _running(parent.listen(stop, reloader), "parent"):
        yield parent


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None], name: str) -> AsyncIterator[None]:
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
