import asyncio

import pytest

from engine.cache import EvidenceCache
from tests.fakes.engine import evidence


class Counted:
    """Starts computations and counts them; they end when `go` is set."""

    def __init__(self, result=None, error=None):
        self.result, self.error = result or evidence(), error
        self.go, self.started = asyncio.Event(), []

    @property
    def calls(self):
        return len(self.started)

    def __call__(self):
        self.started.append(asyncio.ensure_future(self._compute()))
        return self.started[-1]

    async def _compute(self):
        await self.go.wait()
        if self.error:
            raise self.error
        return self.result


async def test_a_thousand_equal_questions_at_once_are_computed_once():
    cache, compute = EvidenceCache(entries=10, ttl_s=60), Counted()
    waiting = [asyncio.create_task(cache.get("k", compute)) for _ in range(1000)]
    await asyncio.sleep(0)
    compute.go.set()
    results = await asyncio.gather(*waiting)
    assert compute.calls == 1
    assert {id(each.evidence) for each in results} == {id(compute.result)}


async def test_a_waiter_that_leaves_does_not_take_the_others_along():
    cache, compute = EvidenceCache(entries=10, ttl_s=60), Counted()
    first, second = (asyncio.create_task(cache.get("k", compute)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    compute.go.set()
    assert (await second).evidence is compute.result
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_error_reaches_all_who_wait_and_the_next_one_tries_again():
    cache, failing, working = EvidenceCache(entries=10, ttl_s=60), Counted(error=OSError("down")), Counted()
    failing.go.set()
    results = await asyncio.gather(*(cache.get("k", failing) for _ in range(3)), return_exceptions=True)
    assert [type(each) for each in results] == [OSError] * 3
    working.go.set()
    assert (await cache.get("k", working)).evidence is working.result


async def test_evidence_is_forgotten_after_its_time():
    now = 0.0
    cache, compute = EvidenceCache(entries=10, ttl_s=60, clock=lambda: now), Counted()
    compute.go.set()
    await cache.get("k", compute)
    now = 59.0
    assert (await cache.get("k", compute)).hit
    now = 61.0
    assert not (await cache.get("k", compute)).hit
    assert compute.calls == 2


async def test_the_cache_never_holds_more_than_its_bound():
    cache, compute = EvidenceCache(entries=3, ttl_s=60), Counted()
    compute.go.set()
    for key in range(50):
        await cache.get(key, compute)
    assert len(cache) == 3


async def test_evidence_of_an_outage_is_not_kept():
    from dataclasses import replace

    cache, compute = EvidenceCache(entries=3, ttl_s=60), Counted(replace(evidence(), degraded=("encoder",)))
    compute.go.set()
    await cache.get("k", compute)
    assert cache.peek("k") is None


async def test_what_nobody_waits_for_any_more_is_cancelled():
    cache, compute = EvidenceCache(entries=3, ttl_s=60), Counted()
    waiting = [asyncio.create_task(cache.get("k", compute)) for _ in range(3)]
    await asyncio.sleep(0)
    for waiter in waiting[:2]:
        waiter.cancel()
    await asyncio.sleep(0)
    assert not compute.started[0].cancelling()
    waiting[2].cancel()
    await asyncio.wait([*waiting, *compute.started], timeout=5)
    assert compute.started[0].cancelled()


async def test_who_asks_while_an_abandoned_computation_is_being_cancelled_gets_a_new_one():
    cache, compute = EvidenceCache(entries=3, ttl_s=60), Counted()
    first = asyncio.create_task(cache.get("k", compute))
    await asyncio.sleep(0)
    first.cancel()
    second = asyncio.create_task(cache.get("k", compute))
    await asyncio.sleep(0)
    compute.go.set()
    assert (await second).evidence is compute.result
    assert compute.calls == 2
