"""`kefu serve`: a small parent that holds the listening socket, and the process that serves.

A restart refuses nobody. The successor loads everything while the old process goes on serving; then the old one sends
its visitors away, writes what is to be written and closes the log; then the successor opens it and accepts, while the
old process ends. Whoever comes in between waits in the socket's backlog. Never do two processes write to one log.

    SIGTERM, SIGINT   end
    SIGHUP            read the configuration again; what can change does so at once. Where it means that the terminal
                      is gone from which kefu was started, end
    SIGUSR2           restart the serving process, with the code and configuration that are on disk now
"""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from server.errors import ServerError
from server.handover import GO, GONE, READY, RELOAD, WARM
from server.settings import Installation
from server.telemetry.logging import configure

log = logging.getLogger(__name__)

_LOADING_S = 600.0  # for the successor to load everything; the first start prepares the models
_GRACE_S = 15.0  # beyond drain_s, before a process that should end is killed
_SHORT_LIFE_S = 10.0  # a process that lived less than that is not started again at once
_LONGEST_PAUSE_S = 30.0


class CannotListen(ServerError):
    """The address is taken, or not ours to listen on."""


class CannotServe(ServerError):
    """The serving process ended before it was ready; what it said stands above."""


def run(settings: Installation, command: Sequence[str]) -> int:
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: of the installation.
        command: starts the serving process; `--listening FD --control FD` are added.

    Raises:
        CannotListen: the address cannot be used.
        CannotServe: the serving process failed at the first start.
    """
    configure(settings.server)
    listening = listen(settings)
    return asyncio.run(_Parent(settings, command, listening).run())


class _Child:
    """One serving process."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self.process = process
        self.started = monotonic()
        self._control = control
        self._heard = b""

    async def hear(self, word: bytes, within_s: float) -> bool:
        """Wait for a word; False if the process ends, or says nothing in time."""
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(within_s):
                while word not in self._heard:
                    some = await loop.sock_recv(self._control, 64)
                    if not some:
                        return False
                    self._heard += some
                return True
        return False

    async def go(self) -> None:
        """Let it write the log and accept."""
        with suppress(OSError):
            await asyncio.get_running_loop().sock_sendall(self._control, GO)

    def reload(self) -> None:
        """Let it read the configuration again; one that is just starting does so in any case."""
        with suppress(OSError):
            self._control.send(RELOAD)

    async def let_go(self, within_s: float) -> None:
        """Tell it to end, and wait until it has closed the log; what it does after that takes its time."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        if not await self.hear(GONE, within_s):
            await self.end(1.0)

    async def end(self, within_s: float) -> None:
        """Tell it to end, and see that it does."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        await self.ended(within_s)

    async def ended(self, within_s: float) -> None:
        """See that it ends, as it was told."""
        try:
            async with asyncio.timeout(within_s):
                await self.process.wait()
        except TimeoutError:
            log.error("the serving process did not end within %.0f s and is killed", within_s)
            with suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        self._control.close()


class _Parent:
    def __init__(self, settings: Installation, command: Sequence[str], listening: socket.socket) -> None:
        self._settings = settings
        self._command = command
        self._listening = listening
        self._grace_s = settings.server.drain_s + _GRACE_S
        self._stop = asyncio.Event()
        self._renew = asyncio.Event()
        self._reload = asyncio.Event()
        self._on_terminal = _has_terminal() and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN  # not: nohup

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number, handler in ((signal.SIGTERM, self._stop.set), (signal.SIGINT, self._stop.set)):
            loop.add_signal_handler(number, handler)
        loop.add_signal_handler(signal.SIGUSR2, self._renew.set)
        loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        child = await self._first()
        while not self._stop.is_set():
            happened = await _first_of(self._stop.wait, self._renew.wait, child.process.wait, self._reload.wait)
            if happened == 1:
                self._renew.clear()
                child = await self._replace(child)
            elif happened == 2:
                child = await self._revive(child)
            elif happened == 3:
                self._reload.clear()
                child.reload()
        await child.end(self._grace_s)
        return 0

    def _hung_up(self) -> None:
        """Tell a hangup of the terminal from somebody's wish to have the configuration read again."""
        if self._on_terminal and not _has_terminal():
            log.info("the terminal is gone; ending")
            self._stop.set()
        else:
            self._reload.set()

    async def _first(self) -> _Child:
        child = await self._start()
        if not await self._take_over(child):
            await child.end(self._grace_s)
            if self._stop.is_set():
                return child
            raise CannotServe("kefu could not start to serve; what was wrong stands above.")
        host, port = self._listening.getsockname()[:2]
        here = f"http://{host}:{port}"
        if self._settings.server.demo_kb:
            _say(f"the demonstration shop is open at {here}\nand its agents sign in at    {here}/console\n")
        else:
            _say(f"kefu listens on {here}\n")
        return child

    async def _replace(self, old: _Child) -> _Child:
        """Put a successor in the old process's place; if it does not come up, the old one stays."""
        new = await self._start()
        if not await new.hear(WARM, _LOADING_S):
            log.error("the successor did not start; the old process goes on")
            await new.end(self._grace_s)
            return old
        await old.let_go(self._grace_s)
        taken, _ = await asyncio.gather(self._take_over(new), old.ended(self._grace_s))
        if not taken:
            return await self._revive(new)
        log.info("process %d serves in place of %d", new.process.pid, old.process.pid)
        return new

    async def _revive(self, dead: _Child) -> _Child:
        """Start again what ended by itself; more slowly if it ended soon, and again until it runs."""
        pause = 0.0 if monotonic() - dead.started > _SHORT_LIFE_S else 1.0
        child = dead
        while not self._stop.is_set():
            log.error("the serving process ended with %s; starting it again", child.process.returncode)
            await child.end(self._grace_s)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop.wait()
            if self._stop.is_set():
                break
            child = await self._start()
            if await self._take_over(child):
                break
            pause = min(max(1.0, pause * 2), _LONGEST_PAUSE_S)
        return child

    async def _take_over(self, child: _Child) -> bool:
        """Let a process serve; false if it ends before it does, or we are to end."""
        if await _first_of(self._stop.wait, lambda: child.hear(WARM, _LOADING_S)) == 0:
            return False
        await child.go()
        return await child.hear(READY, _LOADING_S)

    async def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            descriptors = (self._listening.fileno(), theirs.fileno())
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *("--listening", str(descriptors[0]), "--control", str(descriptors[1])),
                pass_fds=descriptors,
                start_new_session=True,  # Ctrl-C reaches the parent alone, which ends the child in good order
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )
        return _Child(process, ours)


def _say(line: str) -> None:
    """Write to the terminal, which may be gone by now; past the buffer, which would be flushed once more at the end."""
    with suppress(OSError):
        os.write(sys.stdout.fileno(), line.encode())


def _has_terminal() -> bool:
    """Tell whether this process has a controlling terminal."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


async def _first_of(*waits: Callable[[], Coroutine[Any, Any, object]]) -> int:
    """Wait for one of several; give its place."""
    tasks = [asyncio.create_task(wait()) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(place for place, task in enumerate(tasks) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def listen(settings: Installation) -> socket.socket:
    """Take the configured address.

    Raises:
        CannotListen: it is taken, or not ours.
    """
    host, port = settings.server.host, settings.server.port
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(4096)
    except OSError as error:
        raise CannotListen(
            f"kefu cannot listen on {host}:{port} ({error.strerror or error}); stop what does, or set server.port."
        ) from error
    listening.setblocking(False)
    return listening
