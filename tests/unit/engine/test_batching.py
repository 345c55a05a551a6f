import asyncio
import threading

import pytest

from engine.batching import Batcher
from engine.errors import EngineClosed, EngineOverloaded


class Worker:
    """Doubles numbers; holds its thread until the test lets go."""

    def __init__(self):
        self.batches, self.go, self.error = [], threading.Event(), None

    def __call__(self, items):
        self.batches.append(list(items))
        assert self.go.wait(5)
        if self.error:
            raise self.error
        return [item * 2 for item in items]


@pytest.fixture
def worker():
    return Worker()


def batcher_of(worker, **limits):
    return Batcher(worker, **({"queue_limit": 100, "batch_limit": 8} | limits))


async def until(condition):
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what is waited for happens on another thread)
            await asyncio.sleep(0)


async def test_turns_that_arrive_while_the_thread_works_go_together(worker):
    batcher = batcher_of(worker)
    first = batcher.submit(1)
    await until(lambda: worker.batches)
    rest = [batcher.submit(number) for number in range(2, 7)]
    await until(lambda: batcher.waiting == 5)
    worker.go.set()
    assert await asyncio.gather(first, *rest) == [2, 4, 6, 8, 10, 12]
    assert worker.batches == [[1], [2, 3, 4, 5, 6]]
    await batcher.close()


async def test_a_batch_has_a_bound(worker):
    batcher = batcher_of(worker, batch_limit=2)
    worker.go.set()
    await asyncio.gather(*(batcher.submit(number) for number in range(7)))
    assert max(map(len, worker.batches)) == 2
    await batcher.close()


async def test_a_full_queue_refuses_at_once(worker):
    batcher = batcher_of(worker, queue_limit=2)
    running = batcher.submit(0)
    await until(lambda: worker.batches)
    waiting = [batcher.submit(number) for number in (1, 2)]
    await until(lambda: batcher.waiting == 2)
    with pytest.raises(EngineOverloaded, match="2 turns are waiting"):
        await batcher.submit(3)
    worker.go.set()
    assert await asyncio.gather(running, *waiting) == [0, 2, 4]
    await batcher.close()


async def test_a_turn_whose_caller_has_gone_costs_nothing(worker):
    batcher = batcher_of(worker)
    running = batcher.submit(0)
    await until(lambda: worker.batches)
    gone = batcher.submit(1)
    await until(lambda: batcher.waiting == 1)
    gone.cancel()
    stays = batcher.submit(2)
    await until(lambda: batcher.waiting == 2)
    worker.go.set()
    assert await running == 0
    assert await stays == 4
    assert worker.batches == [[0], [2]]
    await batcher.close()


async def test_a_failing_call_reaches_its_callers_and_the_next_one_is_served(worker):
    batcher = batcher_of(worker)
    worker.go.set()
    worker.error = OSError("gone")
    with pytest.raises(OSError, match="gone"):
        await batcher.submit(1)
    worker.error = None
    assert await batcher.submit(1) == 2
    await batcher.close()


async def test_closing_refuses_what_waits_by_name_and_lets_what_runs_end(worker):
    batcher = batcher_of(worker)
    running = batcher.submit(0)
    await until(lambda: worker.batches)
    waiting = batcher.submit(1)
    closing = asyncio.create_task(batcher.close())
    with pytest.raises(EngineClosed, match="closing"):
        await waiting
    worker.go.set()
    await closing
    assert await running == 0
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("kefu-engine")]


async def test_a_closed_batcher_takes_no_more(worker):
    batcher = batcher_of(worker)
    await batcher.close()
    with pytest.raises(EngineClosed):
        batcher.submit(1)


def test_a_loop_that_ends_without_closing_does_not_bring_the_thread_down_with_a_traceback(worker, capfd):
    async def leave():
        batcher_of(worker).submit(0)
        await until(lambda: worker.batches)

    asyncio.run(leave())
    worker.go.set()
    assert capfd.readouterr().err == ""
