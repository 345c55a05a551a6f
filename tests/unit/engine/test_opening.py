import asyncio
import threading
from collections.abc import Callable

import pytest

from engine.engine import DialogEngine
from engine.pipeline import Knowledge
from engine.settings import EngineSettings
from engine.types import Turn
from knowledge.errors import NothingPublished
from models.protocols import Language
from tests.fakes.engine import Bench

TURN = Turn(text="return")


def engine_with(opened: Callable[[str, str], Knowledge], bench: Bench) -> DialogEngine:
    return DialogEngine(
        knowledge=opened,
        pipeline=bench.pipeline,
        versions={},
        language=lambda text: Language.EN,
        settings=EngineSettings(deadline_s=30),
    )


async def test_while_a_base_is_opened_for_its_first_question_the_event_loop_goes_on():
    bench, may_open, threads = Bench({"return": (0.9, ("returns",))}), threading.Event(), []

    def opened(workspace: str, kb: str) -> Knowledge:
        threads.append(threading.current_thread())
        assert may_open.wait(30)
        return bench.live

    engine = engine_with(opened, bench)
    waiting = [asyncio.create_task(engine.reply(TURN)) for _ in range(3)]
    await asyncio.sleep(0)  # would not come back if the base were opened here
    may_open.set()
    outcomes = await asyncio.gather(*waiting)
    await engine.reply(TURN)

    assert [outcome.receipt.decision for outcome in outcomes] == ["answer"] * 3
    assert [thread is threading.main_thread() for thread in threads] == [False, True, True, True, True]
    await engine.close()


async def test_a_base_that_is_missing_is_looked_for_again_at_the_next_question():
    bench, found = Bench({"return": (0.9, ("returns",))}), []

    def opened(workspace: str, kb: str) -> Knowledge:
        if not found:
            raise NothingPublished("nothing yet")
        return bench.live

    engine = engine_with(opened, bench)
    with pytest.raises(NothingPublished):
        await engine.reply(TURN)
    found.append(True)

    assert (await engine.reply(TURN)).receipt.decision == "answer"
    await engine.close()


async def test_who_stops_waiting_for_a_base_does_not_keep_others_from_it():
    bench, may_open = Bench({"return": (0.9, ("returns",))}), threading.Event()

    def opened(workspace: str, kb: str) -> Knowledge:
        assert may_open.wait(30)
        return bench.live

    engine = engine_with(opened, bench)
    gone, stays = asyncio.create_task(engine.reply(TURN)), asyncio.create_task(engine.reply(TURN))
    await asyncio.sleep(0)
    gone.cancel()
    may_open.set()

    assert (await stays).receipt.decision == "answer"
    assert gone.cancelled()
    await engine.close()
