"""Joins turns that arrive together into one call on the engine's own thread."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from opentelemetry.context import Context

from engine import trace
from engine.errors import EngineOverloaded

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
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kefu-engine")
        self._worker: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Turns in the queue, without those being worked on."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """Have one item worked on.

        Raises:
            EngineOverloaded: the queue is full.
        """
        if len(self._waiting) >= self._queue_limit:
            raise EngineOverloaded(len(self._waiting), self._queue_limit)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._waiting.append(_Waiting(item, future, trace.current()))
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._drain(), name="engine-batcher")
        return await future

    async def close(self) -> None:
        """Refuse what waits, let the running call end, and release the thread."""
        while self._waiting:
            self._waiting.popleft().future.cancel()
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)
        self._thread.shutdown(wait=True)

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            try:
                results = await loop.run_in_executor(self._thread, self._run, batch)
            except Exception as error:  # noqa: BLE001 (the edge of the worker: every caller gets the error)
                _fail(batch, error)
                continue
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.future.done():
                    waiting.future.set_result(result)

    def _take(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        while self._waiting and len(batch) < self._batch_limit:
            waiting = self._waiting.popleft()
            if not waiting.future.done():
                batch.append(waiting)
        return batch

    def _run(self, batch: Sequence[_Waiting[Item, Result]]) -> Sequence[Result]:
        with trace.batch_span("kefu.batch", [waiting.context for waiting in batch]):
            return self._work([waiting.item for waiting in batch])


def _fail(batch: Sequence[_Waiting[Item, Result]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.future.done():
            waiting.future.set_exception(error)
