"""Joins turns that arrive together into one call on the engine's own thread."""

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry.context import Context

from engine import trace
from engine.errors import EngineClosed, EngineOverloaded

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    future: asyncio.Future[Result]
    context: Context


class Batcher(Generic[Item, Result]):
    """A bounded queue before a single worker thread.

    Nothing waits for a batch to fill: a free worker takes at once what is there. While it works, turns gather and the
    next call takes them together. Turns whose caller has gone are dropped before they cost anything.
    When the queue is full, a turn is refused at once (EngineOverloaded).
    """

    def __init__(
        self, work: Callable[[Sequence[Item]], Sequence[Result]], *, queue_limit: int, batch_limit: int
    ) -> None:
        self._work = work
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._queue: queue.SimpleQueue[_Waiting[Item, Result] | None] = queue.SimpleQueue()  # None: the end
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Turns in the queue, without those being worked on."""
        return self._queue.qsize()

    def submit(self, item: Item) -> asyncio.Future[Result]:
        """Have one item worked on; cancelling the future takes it out of the queue.

        Raises:
            EngineOverloaded: the queue is full.
            EngineClosed: `close` was called. A turn that waited at that time gets it through its future.
        """
        if self._closed:
            raise EngineClosed
        if self.waiting >= self._queue_limit:
            raise EngineOverloaded(self.waiting, self._queue_limit)
        loop = asyncio.get_running_loop()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(loop,), name="kefu-engine", daemon=True)
            self._thread.start()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put(_Waiting(item, future, trace.current()))
        return future

    async def close(self) -> None:
        """Refuse what waits, let the running call end, and end the thread."""
        self._closed = True
        _settle(self._take(self.waiting), EngineClosed())
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work until the end is queued. Runs on the thread; futures are settled on the loop."""
        while (first := self._queue.get()) is not None:
            batch = [each for each in (first, *self._take(self._batch_limit - 1)) if not each.future.cancelled()]
            if batch:
                outcome = self._try(batch)
                with suppress(RuntimeError):  # the loop was closed without us: nobody waits any more
                    loop.call_soon_threadsafe(_settle, batch, outcome)

    def _take(self, most: int) -> list[_Waiting[Item, Result]]:
        """Take what waits, at most so many, without waiting for more."""
        taken: list[_Waiting[Item, Result]] = []
        with suppress(queue.Empty):
            while len(taken) < most:
                waiting = self._queue.get_nowait()
                if waiting is None:
                    self._queue.put(None)
                    break
                taken.append(waiting)
        return taken

    def _try(self, batch: Sequence[_Waiting[Item, Result]]) -> Sequence[Result] | Exception:
        try:
            with trace.batch_span("kefu.batch", [waiting.context for waiting in batch]):
                return self._work([waiting.item for waiting in batch])
        except Exception as error:  # noqa: BLE001 (the edge of the worker: every caller gets the error)
            return error


def _settle(batch: Sequence[_Waiting[Item, Result]], outcome: Sequence[Result] | Exception) -> None:
    """Give each turn its result, or all the same error."""
    if isinstance(outcome, Exception):
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(outcome)
        return
    for waiting, result in zip(batch, outcome, strict=True):
        if not waiting.future.done():
            waiting.future.set_result(result)
