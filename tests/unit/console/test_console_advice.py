"""The engine asked for agents: beside the visitors, who come first."""

import asyncio

import pytest

from engine.errors import EngineOverloaded
from engine.types import Turn
from server.console.advice import MOST_WAITING, Advice
from tests.fakes.engine import Bench


class BusyEngine:
    """Has visitors waiting until it is told otherwise, and holds what agents ask until then, too."""

    def __init__(self, waiting=0):
        self.waiting = waiting
        self.asked = []
        self.most_at_once = self.now = 0
        self.free = asyncio.Event()

    async def reply(self, turn, *, recorded, worded):
        self.asked.append((turn.text, recorded, worded))
        self.now += 1
        self.most_at_once = max(self.most_at_once, self.now)
        await self.free.wait()
        self.now -= 1
        return turn.text


async def at_once():
    for _ in range(20):
        await asyncio.sleep(0)


async def no_time(seconds):
    await asyncio.sleep(0)


async def test_nothing_is_asked_while_a_visitors_turn_waits():
    engine = BusyEngine(waiting=1)
    looked = asyncio.Event()

    async def pause(seconds):
        looked.set()
        await asyncio.sleep(0)
        engine.waiting = 0

    engine.free.set()
    asking = asyncio.create_task(Advice(engine, pause=pause).on(Turn(text="q")))
    await looked.wait()
    assert engine.asked == []
    assert await asking == "q"


async def test_it_is_refused_where_visitors_keep_the_models_busy():
    engine = BusyEngine(waiting=3)
    with pytest.raises(EngineOverloaded):
        await Advice(engine, pause=no_time).on(Turn(text="q"))
    assert engine.asked == []


async def test_one_question_at_a_time_is_asked_and_neither_recorded_nor_worded():
    engine = BusyEngine()
    advice = Advice(engine)
    asking = [asyncio.create_task(advice.on(Turn(text=str(number)))) for number in range(3)]
    await at_once()
    assert engine.asked == [("0", False, False)]
    engine.free.set()
    assert await asyncio.gather(*asking) == ["0", "1", "2"]
    assert engine.most_at_once == 1


async def test_of_too_many_questions_the_last_is_refused_and_others_are_answered():
    engine = BusyEngine()
    advice = Advice(engine)
    asking = [asyncio.create_task(advice.on(Turn(text="q"))) for _ in range(MOST_WAITING)]
    await at_once()
    with pytest.raises(EngineOverloaded):
        await advice.on(Turn(text="one more"))
    engine.free.set()
    await asyncio.gather(*asking)
    assert await advice.on(Turn(text="later")) == "later"


async def test_an_agent_who_leaves_frees_the_place_in_the_line():
    engine = BusyEngine(waiting=1)
    advice = Advice(engine)
    for _ in range(MOST_WAITING + 1):
        asking = asyncio.create_task(advice.on(Turn(text="q")))
        await at_once()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    engine.waiting = 0
    engine.free.set()
    assert await advice.on(Turn(text="q")) == "q"


async def test_the_engine_gives_the_approved_words_to_who_wants_no_generator():
    bench = Bench({"how do i return it": (0.9, ("returns",))})
    unworded = object()
    bench.engine._writer = unworded  # would fail if it were asked to word anything
    outcome = await bench.engine.reply(Turn(text="how do i return it"), recorded=False, worded=False)
    assert outcome.receipt.decision
    await bench.engine.close()
