import pytest

from models.text import has_han, normalise, stem, terms, tokens


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        pytest.param("  How   do I\tpay? ", "how do i pay?", id="white-space-and-case"),
        pytest.param("ＡＢＣ１２３？", "abc123?", id="full-width"),
        pytest.param("訂單什麼時候發貨", "订单什么时候发货", id="traditional"),
        pytest.param("re\u200bfund\ufe0f\u00ad", "refund", id="unseen-characters"),
        pytest.param("it\u2019s", "it's", id="curly-apostrophe"),
        pytest.param("a\x00b", "ab", id="control-character"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_text_is_brought_into_one_form(written, clean):
    assert normalise(written) == clean


def test_english_words_are_stemmed_and_contractions_spelled_out():
    assert tokens("I can't cancel; it wasn't cancelled.") == ["i", "can", "not", "cancel", "it", "was", "not", "cancel"]


@pytest.mark.parametrize(
    "forms",
    [
        ("cancel", "cancels", "cancelled", "cancelling", "canceled"),
        ("change", "changes", "changed", "changing"),
        ("delivery", "deliveries"),
        ("box", "boxes"),
    ],
)
def test_the_forms_of_a_word_share_a_stem(forms):
    assert len({stem(form) for form in forms}) == 1


@pytest.mark.parametrize("word", ["was", "gas", "ring", "red", "bus", "this", "address"])
def test_short_words_and_hissing_endings_are_left_alone(word):
    assert stem(word) == word


def test_chinese_is_segmented_and_numbers_stay_whole():
    assert tokens("我的订单1,299.50元什么时候发货") == ["我", "的", "订单", "1299.50", "元", "什么", "时候", "发货"]


def test_both_languages_of_a_mixed_text_are_found():
    assert {"order", "我"} <= set(tokens("我的 order 还没到"))


def test_a_typing_error_still_shares_terms_with_the_word():
    shared = terms("refund").keys() & terms("refnud").keys()
    assert shared


def test_two_chinese_wordings_share_characters_where_segmentation_differs():
    assert "退*" in terms("怎么退款").keys() & terms("退不退").keys()


def test_function_words_weigh_less_than_the_subject():
    weights = terms("please refund")
    assert weights["pleas"] < weights["refund"]


def test_a_text_without_words_has_no_terms():
    assert terms("?!… 🙂") == {}


def test_chinese_script_is_recognised():
    assert has_han("abc 退款")
    assert not has_han("refund é")
