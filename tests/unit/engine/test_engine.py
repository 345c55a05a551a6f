import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from engine.errors import EngineClosed
from engine.settings import EngineSettings
from engine.types import Answer, Clarify, Exchange, Handoff, Reason, Turn, Unknown
from tests.fakes.engine import Bench, knowledge

KNOWN = {
    "how do i return an item": (0.9, ("returns", "sale")),
    "return": (0.5, ("returns", "sale")),
    "怎么退货": (0.9, ("退货",)),
}


@pytest.fixture
async def bench():
    bench = Bench(KNOWN)
    yield bench
    await bench.engine.close()


async def test_a_known_question_gets_its_approved_answer_to_the_letter_with_its_source(bench):
    outcome = await bench.engine.reply(Turn(text="How do I return an item"))
    assert outcome.text == "Within **30 days**."
    assert outcome.citations == ("returns",)
    assert outcome.receipt.decision == "answer"


async def test_an_unsure_answer_is_asked_back_in_the_visitors_language(bench):
    outcome = await bench.engine.reply(Turn(text="return"))
    assert outcome.decision == Clarify(entry_ids=("returns", "sale"))
    assert [choice.question for choice in outcome.choices] == ["how do i return an item", "can i return sale items"]
    assert outcome.text == "Which of these do you mean?"


async def test_nothing_found_is_admitted_in_chinese_to_who_writes_chinese(bench):
    outcome = await bench.engine.reply(Turn(text="月球上有分店吗"))
    assert outcome.decision == Unknown()
    assert "没有找到" in outcome.text


async def test_the_second_time_comes_from_the_cache_and_is_the_same(bench):
    first = await bench.engine.reply(Turn(text="How do I return an item"))
    second = await bench.engine.reply(Turn(text="how do i  RETURN an item"))
    assert not first.receipt.cached
    assert second.receipt.cached
    assert len(bench.encoder.calls) == 1
    assert (first.decision, first.text) == (second.decision, second.text)


async def test_a_new_version_of_the_knowledge_is_not_answered_from_the_cache(bench):
    await bench.engine.reply(Turn(text="return"))
    bench.live = knowledge(bench.search, version="v2")
    outcome = await bench.engine.reply(Turn(text="return"))
    assert not outcome.receipt.cached
    assert outcome.receipt.versions["knowledge"] == "v2"


async def test_two_workspaces_never_share_evidence(bench):
    await bench.engine.reply(Turn(text="return"))
    outcome = await bench.engine.reply(Turn(text="return", workspace="other"))
    assert not outcome.receipt.cached


async def test_an_entry_that_expires_takes_its_cached_evidence_along(bench):
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    bench.live = replace(bench.live, borders=(noon,))
    before, after = noon - timedelta(seconds=1), noon
    await bench.engine.reply(Turn(text="return", at=before))
    assert (await bench.engine.reply(Turn(text="return", at=before))).receipt.cached
    assert not (await bench.engine.reply(Turn(text="return", at=after))).receipt.cached


async def test_the_decision_is_made_anew_even_when_the_evidence_is_cached(bench):
    failed = Exchange(text="?", question="?", decision="unknown")
    first = await bench.engine.reply(Turn(text="return"))
    later = await bench.engine.reply(Turn(text="return", history=(failed, failed)))
    assert first.decision == Clarify(entry_ids=("returns", "sale"))
    assert later.decision == Handoff(reason=Reason.LOW_CONFIDENCE, confirm=True)
    assert later.receipt.cached


async def test_a_typing_error_is_mended_before_the_search(bench):
    bench.search.known["retrun"] = (0.0, ())
    outcome = await bench.engine.reply(Turn(text="retrun"))
    assert outcome.receipt.understood == "return"


async def test_a_follow_up_is_understood_from_the_turn_before(bench):
    bench.search.known["怎么退货 那信用卡呢?"] = (0.8, ("退货",))
    first = await bench.engine.reply(Turn(text="怎么退货"))
    second = await bench.engine.reply(Turn(text="那信用卡呢?", history=(first.exchange,)))
    assert second.decision == Answer(entry_id="退货")
    assert second.receipt.understood == "怎么退货 那信用卡呢?"


async def test_a_change_of_subject_is_not_dragged_back(bench):
    bench.search.known["怎么退货 怎么办"] = (0.2, ("退货",))
    bench.search.known["怎么办"] = (0.9, ("returns",))
    first = await bench.engine.reply(Turn(text="怎么退货"))
    second = await bench.engine.reply(Turn(text="怎么办", history=(first.exchange,)))
    assert second.decision == Answer(entry_id="returns")


async def test_without_its_encoder_the_engine_still_searches_by_words(bench):
    bench.encoder.broken = True
    outcome = await bench.engine.reply(Turn(text="how do i return an item"))
    assert outcome.decision == Answer(entry_id="returns")
    assert outcome.receipt.degraded == ("encoder",)


async def test_without_its_store_the_engine_still_searches_by_words_and_stops_knocking(bench):
    bench.search.down = True
    for number in range(5):
        outcome = await bench.engine.reply(Turn(text="x" * (number + 1)))
        assert outcome.decision == Unknown()
        assert outcome.receipt.degraded == ("store",)
    assert bench.search.dense_calls == 3


async def test_a_store_that_came_back_is_found_again(bench):
    bench.search.down = True
    for number in range(3):
        await bench.engine.reply(Turn(text="x" * (number + 1)))
    bench.search.down, bench.now = False, 6.0
    outcome = await bench.engine.reply(Turn(text="return"))
    assert outcome.receipt.degraded == ()


async def test_a_turn_that_runs_out_of_time_goes_to_a_person():
    bench, go = Bench(KNOWN, settings=EngineSettings(deadline_s=0.05)), threading.Event()
    encode = bench.encoder.encode

    def slow(texts):
        go.wait(5)
        return encode(texts)

    bench.encoder.encode = slow
    outcome = await bench.engine.reply(Turn(text="return"))
    go.set()
    assert outcome.decision == Handoff(reason=Reason.TOOL_FAILURE, confirm=False)
    assert outcome.receipt.degraded == ("deadline",)
    await bench.engine.close()


class Held:
    """Holds the encoder up: `started` is set when it is called, and it goes on when `go` is set."""

    def __init__(self, bench):
        self.started, self.go = threading.Event(), threading.Event()
        self._encode, bench.encoder.encode = bench.encoder.encode, self

    def __call__(self, texts):
        self.started.set()
        assert self.go.wait(5)
        return self._encode(texts)


async def test_a_turn_that_ran_out_of_time_in_the_queue_is_not_computed_any_more():
    bench = Bench(KNOWN, settings=EngineSettings(deadline_s=0.05))
    held = Held(bench)
    running = asyncio.create_task(bench.engine.reply(Turn(text="return")))
    await asyncio.to_thread(held.started.wait, 5)
    late = await bench.engine.reply(Turn(text="怎么退货"))
    assert late.decision == Handoff(reason=Reason.TOOL_FAILURE, confirm=False)
    await running
    held.go.set()
    await bench.engine.close()
    assert bench.encoder.calls == [["return"]]


async def test_closing_refuses_waiting_turns_by_name():
    bench = Bench(KNOWN)
    held = Held(bench)
    running = asyncio.create_task(bench.engine.reply(Turn(text="return")))
    await asyncio.to_thread(held.started.wait, 5)
    waiting = asyncio.create_task(bench.engine.reply(Turn(text="怎么退货")))
    await asyncio.sleep(0)
    closing = asyncio.create_task(bench.engine.close())
    with pytest.raises(EngineClosed):
        await waiting
    held.go.set()
    await closing
    assert (await running).receipt.decision == "clarify"


async def test_a_thousand_equal_questions_at_once_reach_the_encoder_once(bench):
    outcomes = await asyncio.gather(*(bench.engine.reply(Turn(text="return")) for _ in range(1000)))
    assert len(bench.encoder.calls) == 1
    assert len({outcome.text for outcome in outcomes}) == 1


async def test_a_choice_that_is_not_there_any_more_is_not_answered(bench):
    offered = Exchange(text="return", question="return", decision="clarify", entry_ids=("returns", "gone"))
    outcome = await bench.engine.reply(Turn(text="第二个", history=(offered,)))
    assert not isinstance(outcome.decision, Answer)


async def test_after_a_choice_by_its_place_the_subject_is_what_was_chosen(bench):
    offered = Exchange(text="return", question="return", decision="clarify", entry_ids=("returns", "sale"))
    outcome = await bench.engine.reply(Turn(text="第二个", history=(offered,)))
    assert outcome.decision == Answer(entry_id="sale")
    assert outcome.exchange.question == "can i return sale items"


async def test_a_button_is_answered_whatever_its_text_would_find(bench):
    outcome = await bench.engine.reply(Turn(text="How do I return an item", chosen="sale"))
    assert outcome.decision == Answer(entry_id="sale")


async def test_a_button_whose_entry_is_gone_is_read_as_a_question(bench):
    outcome = await bench.engine.reply(Turn(text="How do I return an item", chosen="gone"))
    assert outcome.decision == Answer(entry_id="returns")


async def test_half_a_character_is_replaced_before_anything_is_written(bench):
    outcome = await bench.engine.reply(Turn(text="hi \ud83d"))
    assert outcome.receipt.text.encode()
    assert outcome.exchange.text.encode()


async def test_a_receipt_replays(bench):
    outcome = await bench.engine.reply(Turn(text="retrun"))
    again = await bench.engine.reply(Turn(text=outcome.receipt.text))
    assert (again.decision, again.receipt.confidence) == (outcome.decision, outcome.receipt.confidence)


@pytest.mark.parametrize("text", ["", "   ", "\x00", "?" * 5000, "\ud800", "🙂" * 300])
async def test_no_text_makes_the_engine_fail(bench, text):
    outcome = await bench.engine.reply(Turn(text=text))
    assert outcome.text
