import pytest

from models.language import detect
from models.protocols import Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("怎么退货", "zh"),
        ("where is my order", "en"),
        ("order", "en"),
        ("我的 order 还没到", "mixed"),
        ("can i use 支付宝?", "mixed"),
        ("请问 how are you", "mixed"),
    ],
)
def test_chinese_english_and_both_are_told_apart(text, language):
    assert detect(text) == language


@pytest.mark.parametrize(
    "text", ["我的iPhone能退吗", "APP打不开", "VIP怎么开", "订单ABC123", "PayPal可以吗", "查一下 www.kefu.cn"]
)
def test_brand_names_codes_and_links_leave_a_chinese_text_chinese(text):
    assert detect(text) is Language.ZH


@pytest.mark.parametrize("text", ["zenme tuihuo", "tuihuo", "wo yao tui kuan", "youfei duoshao", "怎么tuihuo"])
def test_pinyin_is_chinese(text):
    assert detect(text) is Language.ZH


@pytest.mark.parametrize("text", ["women", "can he change pin", "page size", "nada", "EMI", "iphone 15 pro max"])
def test_english_words_that_look_like_pinyin_are_english(text):
    assert detect(text) is Language.EN


@pytest.mark.parametrize("text", ["", "  ", "12345", "😀😀", "...", "???", "a@b.cn", "https://kefu.cn"])
def test_a_text_without_words_has_no_language(text):
    assert detect(text) is Language.OTHER


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Wo ist meine Bestellung?", id="german"),
        pytest.param("Où est ma commande ?", id="french"),
        pytest.param("¿Dónde está mi pedido?", id="spanish"),
        pytest.param("quiero devolver esto", id="spanish-without-marks"),
        pytest.param("hola", id="one-word"),
        pytest.param("返品したいです", id="japanese"),
        pytest.param("환불해 주세요", id="korean"),
        pytest.param("где мой заказ", id="russian"),
        pytest.param("أين طلبي", id="arabic"),
        pytest.param("मेरा ऑर्डर कहाँ है", id="hindi"),
    ],
)
def test_other_languages_are_neither(text):
    assert detect(text) is Language.OTHER


def test_a_typing_error_does_not_make_english_foreign():
    assert detect("fogot my pasword cant login") is Language.EN


def test_one_decorative_kana_leaves_a_text_chinese():
    assert detect("优の品旗舰店发货吗") is Language.ZH
