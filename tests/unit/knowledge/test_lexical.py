import numpy as np
import pytest

from knowledge.errors import VersionCorrupt
from knowledge.lexical import LexicalIndex
from models.text import terms

TEXTS = [
    "How do I return an order?",
    "How do I cancel an order?",
    "When will my refund arrive?",
    "怎么退货",
    "怎么换货",
    "",
]


@pytest.fixture
def index():
    return LexicalIndex.build(TEXTS, terms)


def found(index, query, k=3, **options):
    return [hit.passage_id for hit in index.search(query, k, **options)]


@pytest.mark.parametrize(
    ("query", "best"), [("cancelling my order", 1), ("refunds", 2), ("我要換貨", 4), ("ＲＥＴＵＲＮ", 0)]
)
def test_the_passage_that_shares_the_rarest_words_comes_first(index, query, best):
    assert found(index, query)[0] == best


def test_a_query_that_shares_no_word_finds_nothing(index):
    assert found(index, "xyz 好") == []
    assert found(index, "") == []


def test_a_passage_asked_for_word_by_word_scores_about_one(index):
    assert index.search(TEXTS[1], 1)[0].score == pytest.approx(1, abs=0.35)


def test_unknown_words_lower_the_score_because_they_were_not_found(index):
    whole, half = index.search("cancel", 1)[0].score, index.search("cancel zeppelin", 1)[0].score
    assert half < whole


def test_only_allowed_passages_are_found(index):
    allowed = np.array([True, False, True, True, True, True])
    assert 1 not in found(index, "cancel order", k=6, allowed=allowed)


def test_equal_scores_are_ordered_by_passage():
    index = LexicalIndex.build(["same words"] * 4 + ["other"], terms)
    assert found(index, "same words", k=4) == [0, 1, 2, 3]


def test_given_passages_score_as_in_a_search(index):
    hits = index.search("return my order", 3)
    ids = np.array([hit.passage_id for hit in hits])
    assert index.scores("return my order", ids).tolist() == [hit.score for hit in hits]


def test_what_every_entry_mentions_somewhere_does_not_tell_questions_apart():
    texts = ["what is the virus", "where did it come from", "the virus spread from bats", "virus facts"]
    alone = LexicalIndex.build(texts, terms)
    grouped = LexicalIndex.build(texts, terms, [0, 1, 1, 0])
    query = "where did the virus come from"
    ids = np.array([0, 1])
    lead = [np.subtract(*index.scores(query, ids)[::-1]) for index in (alone, grouped)]
    assert lead[1] > lead[0]


def test_a_saved_index_gives_the_same_scores_and_has_the_same_version(index, tmp_path):
    index.save(tmp_path)
    loaded = LexicalIndex.load(tmp_path, terms)
    assert loaded.search("怎么退货", 3) == index.search("怎么退货", 3)
    assert loaded.version == index.version != LexicalIndex.build(TEXTS[:2], terms).version


def test_a_damaged_index_is_refused(index, tmp_path):
    index.save(tmp_path)
    (tmp_path / "lexical.npz").write_bytes(b"nonsense")
    with pytest.raises(VersionCorrupt, match="publish again"):
        LexicalIndex.load(tmp_path, terms)


def test_an_empty_index_finds_nothing():
    assert LexicalIndex.build([], terms).search("anything", 3) == []


def test_the_best_passage_is_found_among_very_many_that_share_common_words():
    texts = [f"how do I pay bill number {number}" for number in range(6000)] + ["how do I pay by cheque"]
    index = LexicalIndex.build(texts, terms)
    assert found(index, "how do I pay by cheque", k=1) == [6000]
