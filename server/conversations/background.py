"""Work that outlives the call that began it, and ends before the process does."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """The tasks of one part. Used from one event loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Begin some work beside the caller's."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def finish(self, work: Coroutine[Any, Any, Any], name: str) -> Any:
        """Run what has to end once it began, also when the caller goes away."""
        return await asyncio.shield(self.start(work, name))

    async def ended(self) -> None:
        """Wait until all work has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
