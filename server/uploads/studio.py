"""Has pictures drawn anew in a worker process that may take little memory and time, and whose end costs one picture."""

import asyncio
import logging
import os
import select
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from server.errors import Busy
from server.uploads.errors import DamagedFile, FilesUnavailable, FileTooLarge
from server.uploads.exchange import Answer, Order
from server.uploads.kinds import Kind

log = logging.getLogger(__name__)

_ROOT: Final = Path(__file__).resolve().parents[2]
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from server.uploads import worker; worker.main(int(sys.argv[2]))"
)
_PASSED_ON: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_PICTURES = 200  # of one worker, before another takes over what leaked by then
_WAITING = 32  # pictures; one more is told to come back
_MOST_BYTES = 64 << 20  # of a picture as it is kept: what 8 million pixels can take, and some
_CHUNK = 1 << 18


class Studio:
    """One worker, started when a picture comes, ended when none came for a while. Used from one event loop.

    A thread of its own talks to the worker, because Linux ends a worker with the thread that started it.
    """

    def __init__(self, *, patience_s: float = 60.0, command: tuple[str, ...] | None = None) -> None:
        """Start nothing yet.

        Args:
            patience_s: for one picture, on a machine that has much else to do; computing is bounded by the worker.
            command: starts the worker; by default our own.
        """
        own = (sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, str(_ROOT), str(os.getpid()))
        self._command = command or own
        self._patience_s = patience_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="kefu-pictures")
        self._waiting = 0
        self._used_at = 0.0
        self._drawn = 0
        self.pictures, self.seconds = 0, 0.0  # that the worker was given, and had them
        self._worker: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process, None if there is none at the moment."""
        return self._worker.pid if self._worker is not None else None

    async def draw(self, path: Path, kind: Kind, to: Path) -> str:
        """Draw a picture anew.

        Args:
            path: of the file that was sent.
            kind: as its first bytes say.
            to: is made, or written over.

        Returns:
            The media type of what was drawn.

        Raises:
            FileTooLarge, DamagedFile: it cannot be drawn.
            FilesUnavailable: the worker or the disk failed.
            Busy: too many pictures wait.
        """
        if self._waiting >= _WAITING:
            raise Busy("too many pictures are waiting", 2000)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._draw, path, kind, to)
        finally:
            self._waiting -= 1

    async def rest(self, *, idle_s: float) -> None:
        """End a worker that had nothing to do for a while."""
        if self._worker is not None and not self._waiting and time.monotonic() - self._used_at > idle_s:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._end)

    async def close(self) -> None:
        """End the worker, whatever it does."""
        if self._worker is not None:
            self._worker.kill()  # a picture in the making is given up
        await asyncio.get_running_loop().run_in_executor(self._thread, self._end)
        await asyncio.to_thread(self._thread.shutdown)

    # -- on the thread

    def _draw(self, path: Path, kind: Kind, to: Path) -> str:
        began, sound = time.monotonic(), False
        until = began + self._patience_s
        try:
            worker = self._ready()
            answer, rest = _asked(worker, Order(path=str(path), kind=kind.name), until)
            if answer.size:
                _copied(worker, rest, answer.size, to, until)
            sound = not answer.worn
        except (EOFError, TimeoutError, BrokenPipeError, ValueError) as error:
            log.warning("the worker that draws pictures was ended: %s", str(error) or type(error).__name__)
            raise DamagedFile("the picture cannot be decoded within bounds; save it as a new file.") from error
        except OSError as error:
            raise FilesUnavailable(f"A picture cannot be drawn ({error}).") from error
        finally:
            self._used_at = time.monotonic()
            self.seconds += self._used_at - began
            self.pictures += 1
            self._drawn += 1
            if not sound or self._drawn >= _PICTURES:
                self._end()
        return _media_type(answer)

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._worker is None or self._worker.poll() is not None:
            self._end()
            self._worker = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                start_new_session=True,
                bufsize=0,
            )
        return self._worker

    def _end(self) -> None:
        worker, self._worker, self._drawn = self._worker, None, 0
        if worker is None:
            return
        worker.kill()
        worker.wait()
        for pipe in (worker.stdin, worker.stdout):
            if pipe is not None:
                pipe.close()


def _media_type(answer: Answer) -> str:
    if answer.too_large:
        raise FileTooLarge(f"{answer.too_large}; send a smaller one.")
    if answer.damaged:
        raise DamagedFile(f"{answer.damaged}; save it as a new file.")
    return answer.media_type


def _asked(worker: subprocess.Popen[bytes], order: Order, until: float) -> tuple[Answer, bytes]:
    """Give an order; give the answer and what came of the picture already."""
    assert worker.stdin is not None
    worker.stdin.write(msgspec.json.encode(order) + b"\n")
    received = b""
    while b"\n" not in received:
        received += _read(worker, until)
        if len(received) > _CHUNK + 4096:
            raise ValueError("the answer has no end")
    line, _, rest = received.partition(b"\n")
    answer = msgspec.json.decode(line, type=Answer)
    if not 0 <= answer.size <= _MOST_BYTES:
        raise ValueError(f"a picture of {answer.size} bytes")
    return answer, rest


def _copied(worker: subprocess.Popen[bytes], rest: bytes, size: int, to: Path, until: float) -> None:
    with to.open("wb") as file:
        missing = size - file.write(rest)
        while missing > 0:
            missing -= file.write(_read(worker, until))
        if missing:
            raise ValueError("more than was announced")


def _read(worker: subprocess.Popen[bytes], until: float) -> bytes:
    """Read a piece.

    Raises:
        TimeoutError: nothing came in time.
        EOFError: the worker is gone.
    """
    assert worker.stdout is not None
    descriptor = worker.stdout.fileno()
    ready = select.poll()  # select(2) knows no descriptors from 1024 on, and a server has many connections
    ready.register(descriptor, select.POLLIN)
    if not ready.poll(max(0.0, until - time.monotonic()) * 1000):
        raise TimeoutError("a picture took too long")
    chunk = os.read(descriptor, _CHUNK)
    if not chunk:
        raise EOFError("it ended without an answer")
    return chunk
