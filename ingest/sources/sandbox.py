"""Reads files in a worker process that may take little memory and time, and whose end costs one file only."""

import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from ingest.records import Rejection
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.exchange import DONE, FAILED, NO_MEMORY, Request, read_item, request_line
from ingest.sources.registry import Format
from knowledge.types import Source

log = logging.getLogger(__name__)

_ROOT: Final = Path(__file__).resolve().parents[2]
_START: Final = (
    "import sys; sys.path.insert(0, sys.argv[1]); from ingest.sources import worker; worker.main(int(sys.argv[2]))"
)
_PASSED_ON: Final = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
_FILES = 200  # read by one worker, before another takes over what leaked by then
_CHUNK = 1 << 16


class Sandbox:
    """A worker that reads file after file, and is replaced when one of them breaks it. For one thread.

    The worker ends with the thread that read the first file (Linux ends it when that thread does), with this process
    at the latest, however that ends.
    """

    def __init__(self, *, patience_s: float = 10.0) -> None:
        """Start nothing yet: many an ingest never needs a worker.

        Args:
            patience_s: that may be spent waiting for a worker, besides twice what a file may take of computing.
        """
        self._patience = patience_s
        self._worker: _Worker | None = None

    def __enter__(self) -> Self:
        """Give the sandbox."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker."""
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process, None if there is none at the moment."""
        return self._worker.process.pid if self._worker else None

    def close(self) -> None:
        """End the worker, whatever it does."""
        if self._worker is not None:
            self._worker.kill()
            self._worker = None

    def read(self, document: Document, options: ReadOptions, form: Format) -> Iterator[Item]:
        """Give what a document holds, as it is read.

        What was read before the worker broke is given; then comes a rejection that names the place and the reason.

        Args:
            document: the file.
            options: of reading.
            form: names the reader and its limits.
        """
        reading = _Reading(document, options, form, self._patience)
        worker = self._ready()
        finished = False
        try:
            yield from reading.items(worker)
            finished = reading.finished
        finally:
            worker.files += 1
            if not finished or worker.files >= _FILES or reading.peak_mb > form.memory_mb / 2:
                self.close()

    def _ready(self) -> "_Worker":
        if self._worker is None or self._worker.process.poll() is not None:
            self.close()
            self._worker = _Worker()
        return self._worker


class _Reading:
    """One file on its way through a worker."""

    def __init__(self, document: Document, options: ReadOptions, form: Format, patience: float) -> None:
        self.finished = False  # the worker is ready for the next file
        self.peak_mb = 0.0
        self._document, self._options, self._form = document, options, form
        self._place = ""
        self._items = 0
        self._waiting = 2 * form.seconds + patience  # the kernel counts computing; this is for what only waits
        limits = options.limits
        self._most = 2 * (limits.max_rows + limits.max_complaints)  # a sound worker stays far below
        self._line_bytes = 8 * limits.max_record_bytes  # JSON writes some characters as six

    def items(self, worker: "_Worker") -> Iterator[Item]:
        try:
            worker.ask(request_line(Request(document=self._document, options=self._options, format=self._form)))
            for line in worker.lines(self._waiting, self._line_bytes):
                letter = line[:1]
                if letter == DONE:
                    self.finished, self.peak_mb = True, int(line[1:]) / 1024
                    return
                if letter == FAILED:
                    self.finished = True
                    yield self._rejection(line[1:].decode("utf-8", "replace"), stopped=False)
                    return
                if letter == NO_MEMORY:
                    yield self._rejection(self._too_much_memory())
                    return
                yield self._item(line)
            yield self._rejection(self._end_of(worker))
        except TimeoutError:
            yield self._rejection(f"it took longer than {self._waiting:g} s")
        except (BrokenPipeError, ConnectionResetError):
            yield self._rejection(self._end_of(worker))
        except ValueError as error:
            log.warning("the worker that reads %s misbehaves: %s", self._document.name, error)
            yield self._rejection("it gave what no reader gives")

    def _item(self, line: bytes) -> Item:
        item = read_item(line, self._document.name)
        self._items += 1
        if self._items > self._most:
            raise ValueError("it gives without end")
        self._place = item.source.place or self._place
        return item

    def _end_of(self, worker: "_Worker") -> str:
        code, words = worker.wait(), worker.last_words()
        log.info("the worker that read %s ended with %s: %s", self._document.name, code, words)
        if code == -signal.SIGABRT and "alloc" in words:  # what libraries in Rust and C++ say last
            return self._too_much_memory()
        if code == -signal.SIGXCPU:
            return f"it computed for more than {self._form.seconds:g} s"
        if code == -signal.SIGKILL:
            return "it was killed, as happens when the machine runs out of memory"
        if code < 0:
            return f"it crashed ({signal.Signals(-code).name})"
        return "it ended without a word"

    def _too_much_memory(self) -> str:
        return f"it needed more than {self._form.memory_mb} MB of memory"

    def _rejection(self, why: str, *, stopped: bool = True) -> Rejection:
        place = f"after {self._place}" if self._place else ""
        reason = f"the reader was stopped: {why}; mend the file or split it" if stopped else why
        return Rejection(source=Source(file=self._document.name, place=place), reason=reason)


class _Worker:
    """A process that runs `ingest.sources.worker`."""

    def __init__(self) -> None:
        self.files = 0
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", "-c", _START, str(_ROOT), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd="/",
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,  # Ctrl-C reaches the ingest, which then ends this
            bufsize=0,
        )
        self._rest = b""

    def ask(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)

    def lines(self, seconds: float, most_bytes: int) -> Iterator[bytes]:
        """Give what the worker writes, up to its end.

        Args:
            seconds: that may be spent waiting for it; what the caller does between two lines does not count.
            most_bytes: of one line.

        Raises:
            TimeoutError: the time is over.
            ValueError: a line is too long.
        """
        assert self.process.stdout is not None
        file = self.process.stdout.fileno()
        while True:
            *lines, self._rest = self._rest.split(b"\n") if b"\n" in self._rest else (self._rest,)
            yield from lines
            if len(self._rest) > most_bytes:
                raise ValueError(f"a line is longer than {most_bytes >> 20} MB")
            start = time.monotonic()
            if not select.select([file], [], [], max(seconds, 0))[0]:
                raise TimeoutError
            chunk = os.read(file, _CHUNK)
            seconds -= time.monotonic() - start
            if not chunk:
                return
            self._rest += chunk

    def wait(self) -> int:
        """Give the exit code of a worker that closed its output; one that lives on all the same is killed."""
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def last_words(self) -> str:
        """Give the end of what was written to standard error."""
        size = self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, size - 2000))
        return self._errors.read().decode("utf-8", "replace").strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self._errors):
            if pipe is not None:
                pipe.close()
