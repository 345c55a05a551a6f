import pytest

from ingest.sources.pdf.characters import clean, is_unreadable, join_lines


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("ﬁnd the oﬃce", "find the office"),
        ("⽤⼾⼿册", "用户手册"),
        ("\uf0b7 one", "• one"),
        ("a\u00a0b\u3000c", "a b c"),
        ("e\u0301te\u0301", "été"),
        ("（全角）！", "（全角）！"),
    ],
    ids=["ligatures", "radicals", "symbol-bullet", "spaces", "composed", "full-width-stays"],
)
def test_characters_are_given_as_they_are_meant(given, meant):
    assert clean(given) == meant


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("informa-", "tion", "information"),
        ("informa\u00ad", "tion", "information"),
        ("self-", "service", "self-service"),
        ("Wi-", "Fi", "Wi-Fi"),
        ("2020-", "2021", "2020- 2021"),
        ("one", "two", "one two"),
        ("退货", "政策", "退货政策"),
        ("使用", "iPhone", "使用iPhone"),
        ("，", "请", "，请"),
        ("", "two", "two"),
    ],
)
def test_lines_are_joined_as_they_were_before_they_were_broken(first, second, together):
    assert join_lines(first, second) == together


def test_a_hyphen_stays_where_the_document_has_it_elsewhere():
    assert join_lines("a long-", "lasting effect", frozenset({"long-lasting"})) == "a long-lasting effect"
    assert join_lines("a cost-", "effective way", frozenset({"cost-effective"})) == "a cost-effective way"
    assert join_lines("a re-", "view", frozenset({"review"})) == "a review"


def test_characters_that_the_font_hides_are_known():
    assert is_unreadable(0xE123)
    assert not is_unreadable(ord("a"))
    assert not is_unreadable(0xF0B7)
