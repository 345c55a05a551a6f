from engine.context import Reading
from engine.pipeline import Query
from models.protocols import OUT_OF_SCOPE
from tests.fakes.engine import Bench


def understood(bench, *texts):
    return bench.pipeline.run([Query(reading=Reading(alone=text), knowledge=bench.live) for text in texts])


def test_a_batch_is_encoded_in_one_call_and_comes_back_in_order():
    bench = Bench({"return": (0.9, ("returns",)), "retrun": (0.1, ("sale",)), "怎么退货": (0.8, ("退货",))})
    first, second = understood(bench, "retrun", "怎么退货")
    assert len(bench.encoder.calls) == 1
    assert (first.text, second.text) == ("return", "怎么退货")
    assert [edit.right for edit in first.edits] == ["return"]


def test_a_correction_that_does_not_help_is_not_used():
    bench = Bench({"retrun": (0.9, ("sale",)), "return": (0.5, ("returns",))})
    (evidence,) = understood(bench, "retrun")
    assert evidence.text == "retrun"
    assert evidence.edits == ()


def test_small_talk_is_read_off_the_corrected_text():
    bench = Bench({}, said={"return": "greeting"})
    (evidence,) = understood(bench, "retrun")
    assert evidence.talk.label == "greeting"


def test_without_a_trained_head_the_intent_is_the_category_of_what_was_found():
    bench = Bench({"return": (0.9, ("returns", "sale"))})
    (evidence, nothing) = understood(bench, "return", "elsewhere")
    assert evidence.intent.label == "returning"
    assert nothing.intent.label == OUT_OF_SCOPE


def test_a_batch_over_two_bases_searches_each_in_its_own():
    bench = Bench({"return": (0.9, ("returns",))})
    other = Bench({"return": (0.8, ("sale",))})
    queries = [Query(reading=Reading(alone="return"), knowledge=each.live) for each in (bench, other)]
    found = [each.retrieved.candidates[0].entry_id for each in bench.pipeline.run(queries)]
    assert found == ["returns", "sale"]
