"""What is done for ever is done for ever."""

import asyncio
import logging

import pytest

from server.recurring import for_ever


async def test_what_fails_begins_anew_and_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    begun: list[int] = []

    async def work() -> None:
        begun.append(1)
        if len(begun) < 3:
            raise ZeroDivisionError
        await asyncio.Event().wait()

    async def pause(seconds: float) -> None:
        assert seconds > 0

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(for_ever(work, "the watch", pause=pause))
        for _ in range(10):
            await asyncio.sleep(0)

    assert len(begun) == 3
    assert [record.getMessage() for record in caplog.records] == ["the watch: failed, and begins anew"] * 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
