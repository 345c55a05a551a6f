"""How the errors of a text and the changes of a corrector are found and counted."""

import pytest

from evals.metrics import edit_spelling, sentence_spelling
from evals.metrics.spelling_edits import SpellingEdit, edits


def test_equal_texts_have_no_edits():
    assert edits("我要退货", "我要退货") == frozenset()


def test_a_wrong_character_is_one_edit_at_its_place():
    assert edits("我要退火", "我要退货") == {SpellingEdit(3, 4, "货")}


def test_a_character_that_occurs_nearby_does_not_shift_the_edits():
    assert edits("的地的地", "地地的的") == {SpellingEdit(0, 1, "地"), SpellingEdit(3, 4, "的")}


def test_an_english_word_is_one_token():
    assert edits("where is my oder", "where is my order") == {SpellingEdit(6, 7, "order")}


def test_a_missing_space_is_an_edit_of_the_joined_word():
    assert edits("hardwork pays", "hard work pays") == {SpellingEdit(0, 1, "hard work")}


def test_a_word_with_an_apostrophe_is_one_token():
    assert edits("i dont know", "i don't know") == {SpellingEdit(2, 3, "don't")}


GOLD = edits("我要退火和换或", "我要退货和换货")


@pytest.mark.parametrize(
    ("made", "detection", "correction"),
    [
        pytest.param("我要退货和换货", (1, 1, 1), (1, 1, 1), id="all-mended"),
        pytest.param("我要退伙和换货", (1, 1, 1), (0, 1, 1), id="found-but-wrongly-mended"),
        pytest.param("我要退货和换或", (0, 1, 1), (0, 1, 1), id="half-mended"),
        pytest.param("我要退火和换或", (0, 0, 1), (0, 0, 1), id="left-alone"),
    ],
)
def test_a_sentence_counts_as_a_whole(made, detection, correction):
    done = edits("我要退火和换或", made)
    assert sentence_spelling.f1_row(gold=GOLD, made=done, level="detection") == detection
    assert sentence_spelling.f1_row(gold=GOLD, made=done, level="correction") == correction


def test_a_clean_sentence_that_was_changed_costs_precision_only():
    done = edits("你好吗", "您好吗")
    assert sentence_spelling.f1_row(gold=frozenset(), made=done, level="correction") == (0, 1, 0)
    assert edit_spelling.f1_row(gold=frozenset(), made=done, level="correction") == (0, 1, 0)


def test_edits_count_each_on_its_own():
    done = edits("我要退火和换或", "我想退货和换伙")
    assert edit_spelling.f1_row(gold=GOLD, made=done, level="detection") == (2, 3, 2)
    assert edit_spelling.f1_row(gold=GOLD, made=done, level="correction") == (1, 3, 2)


def test_precision_recall_and_f1_are_of_the_summed_counts():
    rows = [(2.0, 3.0, 2.0), (0.0, 1.0, 2.0)]
    metrics = (edit_spelling.EDIT_PRECISION, edit_spelling.EDIT_RECALL, edit_spelling.EDIT_F1)
    assert [m["detection"].estimate(rows).value for m in metrics] == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("module", [sentence_spelling, edit_spelling], ids=["sentence", "edit"])
def test_precision_is_over_changed_texts_and_recall_over_texts_with_errors(module):
    clean: frozenset[SpellingEdit] = frozenset()
    assert module.precision_row(gold=GOLD, made=clean, level="detection") is None
    assert module.recall_row(gold=clean, made=GOLD, level="detection") is None
    assert module.f1_row(gold=clean, made=clean, level="detection") is None
    assert module.precision_row(gold=GOLD, made=GOLD, level="correction")[0] > 0
    assert module.recall_row(gold=GOLD, made=clean, level="correction")[0] == 0
