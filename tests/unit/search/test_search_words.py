"""What of a text is searched, and what is shown of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.search.words import indexed, query, snippet


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Returned GOODS", "return good"),
        ("转人工客服", "转 人 工 客 服"),
        ("我的 order 还没到", "我 的 order 还 没 到"),
        ("轉人工", "转 人 工"),
        ("", ""),
        ("!?…", ""),
    ],
)
def test_words_are_folded_and_chinese_goes_character_by_character(text: str, expected: str) -> None:
    assert indexed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("人工", '"人 工"'),
        ("return", '"return" *'),
        ("returning ", '"return"'),
        ("order 退货", '"order" "退 货"'),
        ('say "or" NOT', '"say" "or" "not" *'),
        ("***", ""),
    ],
)
def test_a_query_asks_for_all_words_and_for_chinese_as_a_phrase(text: str, expected: str) -> None:
    assert query(text) == expected


@pytest.mark.parametrize(
    ("text", "wanted", "marked"),
    [
        ("I want to return my tent. Returns are free", "returns", ["return", "Returns"]),
        ("请问可以转人工客服吗", "人工", ["人工"]),
        ("請問可以轉人工嗎", "转人工", ["轉人工"]),
        ("退货和退款", "退", ["退", "退"]),
        ("nothing here", "tent", []),
        ("Ünïcode CAFÉ", "café", ["CAFÉ"]),
    ],
)
def test_what_was_found_is_marked_as_it_was_written(text: str, wanted: str, marked: list[str]) -> None:
    shown = snippet(text, wanted)
    assert [shown.text[start:end] for start, end in shown.marks] == marked


def test_a_long_text_is_cut_around_what_was_found() -> None:
    shown = snippet("word " * 200 + "the tent leaks" + " word" * 200, "tent", chars=100)
    assert len(shown.text) == 100
    assert [shown.text[start:end] for start, end in shown.marks] == ["tent"]


@given(st.text(max_size=60), st.text(max_size=12))
def test_marks_lie_within_the_text_in_order_and_never_overlap(text: str, wanted: str) -> None:
    shown = snippet(text, wanted, chars=30)
    edges = [edge for mark in shown.marks for edge in mark]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(shown.text) for start, end in shown.marks)
