import threading
from dataclasses import replace
from datetime import UTC, datetime

from engine.types import Turn
from engine.unanswered import Unanswered
from tests.fakes.engine import Bench

AT = datetime(2026, 1, 1, tzinfo=UTC)


async def outcome(decision):
    bench = Bench({"return": (0.5, ("returns", "sale"))})
    found = await bench.engine.reply(Turn(text="return"))
    await bench.engine.close()
    return replace(found, receipt=replace(found.receipt, decision=decision))


async def test_what_was_asked_in_vain_is_kept_and_what_was_answered_is_not():
    kept = []
    record = Unanswered(kept.append)
    for decision in ("unknown", "answer", "clarify", "smalltalk"):
        record(Turn(text=decision, at=AT, kb="shop"), await outcome(decision))
    record.close()
    found = [(each.decision, each.text, each.kb, each.asked_at) for each in kept]
    assert found == [("unknown", "return", "shop", AT), ("clarify", "return", "shop", AT)]


async def test_a_slow_disk_drops_questions_rather_than_hold_up_replies():
    go, kept = threading.Event(), []

    def write(question):
        go.wait(5)
        kept.append(question)

    record, failed = Unanswered(write, limit=2), await outcome("unknown")
    for _ in range(10):
        record(Turn(text="what"), failed)
    assert record.dropped >= 7
    go.set()
    record.close()
    assert len(kept) == 10 - record.dropped


async def test_a_disk_that_fails_is_survived():
    def write(question):
        raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")

    record = Unanswered(write)
    record(Turn(text="what"), await outcome("unknown"))
    record(Turn(text="what"), await outcome("unknown"))
    record.close()
    assert record.dropped == 0
    assert not record._thread.is_alive()
