"""One thread that writes, and many appends that share its commits."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Generic, TypeVar

from server.errors import Busy, LogUnavailable

Item = TypeVar("Item")

# Writes items and gives, for each, None or the error that it alone meets; raising fails them all.
WriteAll = Callable[[Sequence[Item]], Sequence[Exception | None]]
Committed = Callable[[int, float], None]  # told on the thread of each commit: its items and seconds


class GroupCommit(Generic[Item]):
    """Gathers what arrives while a commit is on its way, and commits it together next.

    A commit waits for the disk, so that under load each carries many items; a lone item waits for nobody. The queue is
    bounded: when it is full, callers are refused with `Busy`, as a disk that slow is not helped by waiting.
    """

    def __init__(
        self,
        write: WriteAll[Item],
        *,
        queue_limit: int = 10_000,
        batch_limit: int = 512,
        committed: Committed = lambda items, seconds: None,
    ) -> None:
        self._write = write
        self._committed = committed
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._waiting: deque[tuple[Item, asyncio.Future[None]]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="kefu-log", daemon=True)

    @property
    def waiting(self) -> int:
        """Items that no commit has taken yet."""
        return len(self._waiting)

    def start(self) -> None:
        """Start the writer; results go to the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def submit(self, item: Item) -> None:
        """Have an item written; returns when it is on disk.

        Raises:
            Busy: the queue is full; nothing was written.
            LogUnavailable: the log is closed, or the disk failed.
        """
        if len(self._waiting) >= self._queue_limit:
            raise Busy("the conversation log has too much to write", 500)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._changed:
            if self._closing:
                raise LogUnavailable("the conversation log is closed.")
            self._waiting.append((item, future))
            self._changed.notify()
        await future

    async def close(self) -> None:
        """Write what waits, then end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        while batch := self._take():
            items, began = [item for item, _ in batch], perf_counter()
            try:
                errors = self._write(items)
            except Exception as error:  # noqa: BLE001 (the edge of the thread: every caller gets the error)
                errors = [error] * len(items)
            self._committed(len(items), perf_counter() - began)
            settled = [(future, error) for (_, future), error in zip(batch, errors, strict=True)]
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(_settle, settled)

    def _take(self) -> list[tuple[Item, asyncio.Future[None]]]:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            return [self._waiting.popleft() for _ in range(min(len(self._waiting), self._batch_limit))]


def _settle(settled: Sequence[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for future, error in settled:
        if future.done():  # its caller has gone
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
