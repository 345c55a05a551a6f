from dataclasses import replace

from engine.context import Reading
from engine.pipeline import Models, Pipeline, Query, parts_of
from models.protocols import OUT_OF_SCOPE
from tests.fakes.engine import Bench, CalmSentiment, TableTalk, language


def understood(bench, *texts):
    return bench.pipeline.run([Query(reading=Reading(said=text, alone=text), knowledge=bench.live) for text in texts])


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


def test_who_asks_for_a_person_in_one_clause_of_several_is_heard():
    bench = Bench({}, said={"get me a person": "human", "hello there": "greeting"})
    told = "My parcel never came, get me a person."
    asked, thanked, single = understood(bench, told, "Hello there. Where is it?", "get me a person")
    assert asked.talk.label == "human"
    assert thanked.talk.label == OUT_OF_SCOPE  # of the whole: only a wish for a person is heard in a part
    assert single.talk.label == "human"
    assert len(bench.encoder.calls) == 1


def test_a_clause_whose_words_cannot_ask_for_a_person_is_not_encoded():
    bench = Bench({})
    models = Models(
        encoder=bench.encoder,
        language=language,
        talk=TableTalk({}),
        sentiment=CalmSentiment(),
        possible=lambda label, text: label in text,
    )
    told = Reading(said="", alone="Where is it? Please, a human")
    Pipeline(models).run([Query(reading=told, knowledge=bench.live)])
    assert bench.encoder.calls == [["Where is it? Please, a human", "a human"]]


def test_each_turn_of_a_batch_is_heard_by_itself():
    bench = Bench({}, said={"get me a person": "human"})
    heard = understood(bench, "One thing. And another.", "Well, get me a person", "A, b. C, d", "Fine. Thanks")
    assert [each.talk.label for each in heard] == [OUT_OF_SCOPE, "human", OUT_OF_SCOPE, OUT_OF_SCOPE]


def test_a_long_text_costs_four_parts_at_most():
    assert parts_of("just one") == []
    assert parts_of("快递没到，帮我转人工！谢谢您") == ["快递没到", "帮我转人工", "谢谢您"]
    assert parts_of("It weighs 1.5 kg, can I post it?") == ["It weighs 1.5 kg", "can I post it"]
    assert len(parts_of("many words, " * 50)) == 4


def test_without_a_trained_head_the_intent_is_the_category_of_what_was_found():
    bench = Bench({"return": (0.9, ("returns", "sale"))})
    (evidence, nothing) = understood(bench, "return", "elsewhere")
    assert evidence.intent.label == "returning"
    assert nothing.intent.label == OUT_OF_SCOPE


def test_a_batch_over_two_bases_searches_each_in_its_own():
    bench = Bench({"return": (0.9, ("returns",))})
    other = Bench({"return": (0.8, ("sale",))})
    queries = [Query(reading=Reading(said="return", alone="return"), knowledge=each.live) for each in (bench, other)]
    found = [each.retrieved.candidates[0].entry_id for each in bench.pipeline.run(queries)]
    assert found == ["returns", "sale"]


class Stumbling:
    """A classifier that fails on one text."""

    labels, version = (), "stumbling-1"

    def __init__(self, inner, text):
        self._inner, self._text, self.calls = inner, text, 0

    def predict(self, texts, vectors):
        self.calls += 1
        if self._text in texts:
            raise ValueError("shapes (1,16) and (384,3) not aligned")
        return self._inner.predict(texts, vectors)


def with_talk(bench, talk):
    models = Models(encoder=bench.encoder, language=language, talk=talk, sentiment=CalmSentiment())
    bench.pipeline = Pipeline(models)
    return bench


def test_a_classifier_that_fails_on_one_text_fails_for_that_text_only():
    bench = Bench({"return": (0.9, ("returns",))})
    with_talk(bench, Stumbling(TableTalk({"hi": "greeting"}), "return"))
    found = understood(bench, "hi", "return", "elsewhere")
    assert [each.talk.label for each in found] == ["greeting", OUT_OF_SCOPE, OUT_OF_SCOPE]
    assert [each.degraded for each in found] == [(), ("classify",), ()]
    assert found[1].retrieved.candidates[0].entry_id == "returns"


def test_intents_of_its_own_that_cannot_be_read_leave_a_base_with_its_categories():
    bench = Bench({"return": (0.9, ("returns",))})
    bench.live = replace(bench.live, intent=Stumbling(TableTalk({}), "return"))
    (evidence,) = understood(bench, "return")
    assert evidence.intent.label == "returning"


def test_a_batch_is_classified_in_one_call():
    bench = with_talk(Bench({}), talk := Stumbling(TableTalk({}), "?"))
    understood(bench, "one", "two", "retrun")
    assert talk.calls == 1


def test_each_base_of_a_batch_reads_its_own_intents():
    first, second = Bench({}), Bench({})
    first.live = replace(first.live, intent=TableTalk({"return": "refund"}))
    second.live = replace(second.live, intent=TableTalk({"return": "exchange"}))
    reading = Reading(said="return", alone="return")
    queries = [Query(reading=reading, knowledge=each.live) for each in (first, second, first)]
    assert [each.intent.label for each in first.pipeline.run(queries)] == ["refund", "exchange", "refund"]
