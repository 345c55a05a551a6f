import orjson
import pytest

from models.errors import ArtifactCorrupt
from models.protocols import Correction, Edit, Language
from models.spelling import KnowledgeSpelling
from models.text import normalise

SHOP = (
    "怎么申请退货？",
    "退货的运费谁承担？",
    "退货后多久能收到退款？",
    "退款怎么还没到账",
    "我要退款",
    "我想退货",
    "退货要多久",
    "换货和退货的区别",
    "退款多久到账",
    "怎么查退款",
    "发票开错了",
    "电子发票发到哪里",
    "我要发票",
    "多少钱包邮",
    "发票怎么开？",
    "可以开电子发票吗",
    "发票抬头写错了怎么办",
    "邮费多少钱",
    "邮费由谁出",
    "满多少包邮",
    "优惠券过期了还能用吗",
    "优惠券在哪里领",
    "忘记密码怎么办",
    "登录密码怎么改",
    "订单号在哪里看",
    "我的订单到哪里了",
    "支付失败怎么办",
    "支持微信支付吗",
    "How do I return an item?",
    "Where is my order?",
    "How do I use a gift card?",
    "Can I change the delivery address?",
    "How do I reset my password?",
    "Is my refund on its way?",
    "Can I pay with PayPal or Klarna?",
)


@pytest.fixture(scope="module")
def spelling():
    return KnowledgeSpelling.build(SHOP * 3)  # answers say again what questions say


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("怎么申请退火", "怎么申请退货", id="homophone-that-is-a-word"),
        pytest.param("发漂怎么开", "发票怎么开", id="homophone"),
        pytest.param("优惠卷过期了", "优惠券过期了", id="look-alike"),
        pytest.param("忘记密玛怎么半", "忘记密码怎么办", id="two-errors"),
        pytest.param("优惠卷过期了 发漂怎么开", "优惠券过期了 发票怎么开", id="two-runs"),
    ],
)
def test_a_chinese_word_typed_as_another_is_mended(spelling, typed, meant):
    assert spelling.correct(typed, Language.ZH).text == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("tuihuo", "退货"),
        ("zenme tuikuan", "怎么退款"),
        ("wo yao tui kuan", "我要退款"),
        ("youfei duoshao", "邮费多少"),
        ("怎么tuihuo", "怎么退货"),
        ("fapiao怎么开", "发票怎么开"),
    ],
)
def test_pinyin_becomes_the_words_of_the_knowledge_base(spelling, typed, meant):
    assert spelling.correct(typed, Language.ZH).text == meant


@pytest.mark.parametrize("text", ["women", "can he change", "he can hang on", "the pin", "xiaomi", "ABC"])
def test_pinyin_is_not_read_into_english_words_and_names(spelling, text):
    assert spelling.correct(text.lower(), Language.EN).text == text.lower()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        pytest.param("where is my oder", "where is my order", id="a-letter-missing"),
        pytest.param("chnage adress", "change address", id="swapped-and-single"),
        pytest.param("reset my passsword", "reset my password", id="a-letter-doubled"),
        pytest.param("howdo ireturn", "how do i return", id="spaces-missing"),
        pytest.param("use a giftcard", "use a gift card", id="two-words-of-the-knowledge-base"),
        pytest.param("delivrey adres", "delivery address", id="two-errors-in-a-long-word"),
    ],
)
def test_english_typing_errors_are_mended(spelling, typed, meant):
    assert spelling.correct(typed, Language.EN).text == meant


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("i'd like to return the klarna order", id="a-name-that-the-knowledge-base-has"),
        pytest.param("my iphone and my wifi", id="well-known-names"),
        pytest.param("order ax-9920k, see www.retrun.com or mail oder@shop.com", id="codes-links-and-addresses"),
        pytest.param("i dont want it, pls refund asap", id="chat"),
        pytest.param("my neighbor's color is gray, i realize", id="american-spelling"),
        pytest.param("form reform border", id="real-words"),
    ],
)
def test_what_is_right_in_english_stays(spelling, text):
    assert spelling.correct(text, Language.EN) == Correction(text=text)


@pytest.mark.parametrize("text", ["火车站怎么走", "这个片子发到网上了", "手里有闲钱想早点还掉", "我只付了一半"])
def test_what_is_right_in_chinese_stays(spelling, text):
    assert spelling.correct(text, Language.ZH) == Correction(text=text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("肉怎么烧", id="no-word-comes-of-it"),
        pytest.param("给杨凯发短信", id="it-would-tear-another-word"),
    ],
)
def test_a_change_must_make_a_word_and_leave_the_others_whole(text):
    spelling = KnowledgeSpelling.build([*[*SHOP, "怎么说话", "这个怎么说"] * 6, "网站是谁开发的"])

    assert spelling.correct(text, Language.ZH).text == text


@pytest.mark.parametrize("text", SHOP)
def test_the_knowledge_base_agrees_with_itself(spelling, text):
    clean = normalise(text)
    language = Language.EN if clean.isascii() else Language.ZH
    assert spelling.correct(clean, language) == Correction(text=clean)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("折纸花怎么折", id="at-the-end"),
        pytest.param("怎么用图片搜索", id="amid"),
    ],
)
def test_an_everyday_verb_that_stands_alone_is_not_taken_for_its_neighbour_in_sound(text):
    shop = ("怎么设地址", "怎么样退货", "怎么样付款")
    spelling = KnowledgeSpelling.build([*SHOP, *shop] * 6)

    assert spelling.correct(text, Language.ZH).text == text


def test_three_letters_are_an_abbreviation_unless_the_word_is_common():
    spelling = KnowledgeSpelling.build([*SHOP * 3, "What is an eco bag?"])

    assert spelling.correct("who is your ceo", Language.EN).text == "who is your ceo"
    assert spelling.correct("where is yuor nwe order", Language.EN).text == "where is your new order"


def test_a_weak_correction_is_believed_beside_a_word_that_it_stands_with(spelling):
    assert spelling.correct("please opn an account", Language.EN).text == "please open an account"
    assert spelling.correct("the peco bill", Language.EN).text == "the peco bill"


def test_a_text_that_is_mostly_unknown_words_is_not_english(spelling):
    text = "mera oder kab tak aayega bhejo jaldi"
    assert spelling.correct(text, Language.EN).text == text


def test_many_typing_errors_do_not_make_a_text_foreign(spelling):
    assert spelling.correct("forgoten pasword online acount", Language.EN).text == "forgotten password online account"


def test_a_plural_is_no_error_of_its_singular(spelling):
    assert spelling.correct("klarnas and giftcards", Language.EN).text.startswith("klarnas ")


@pytest.mark.parametrize("text", ["<img srcc=x onerorr=alert(1)>", "run retrun(x) now", "is $refudn set"])
def test_markup_and_code_are_not_words(spelling, text):
    assert spelling.correct(text, Language.EN).text == text


def test_an_edit_says_what_was_where(spelling):
    found = spelling.correct("请问怎么申请退火", Language.ZH)
    assert found.edits == (Edit(start=7, end=8, wrong="火", right="货"),)


def test_english_in_a_chinese_text_is_only_mended_to_words_of_the_knowledge_base(spelling):
    assert spelling.correct("我的oder没到", Language.ZH).text == "我的order没到"
    assert spelling.correct("我的hause没到", Language.ZH).text == "我的hause没到"


def test_other_languages_and_long_texts_are_left_alone(spelling):
    assert not spelling.correct("wo ist meine bestelung", Language.OTHER).edits
    assert not spelling.correct("怎么退火" * 200, Language.ZH).edits


def test_without_a_knowledge_base_only_plain_errors_are_mended():
    generic = KnowledgeSpelling.generic()
    assert generic.correct("where is my pasword", Language.EN).text == "where is my password"
    assert generic.correct("怎么申请退火", Language.ZH).text == "怎么申请退火"
    assert generic.correct("zenme tuihuo", Language.ZH).text == "zenme tuihuo"


def test_a_stored_corrector_is_the_same_corrector(spelling):
    again = KnowledgeSpelling.from_json(spelling.to_json())
    assert again.version == spelling.version
    assert again.correct("怎么tuihuo", Language.ZH) == spelling.correct("怎么tuihuo", Language.ZH)


def test_another_knowledge_base_is_another_version(spelling):
    assert KnowledgeSpelling.build(SHOP[:-1]).version != spelling.version
    assert KnowledgeSpelling.build(SHOP * 3).version == spelling.version


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"not json", orjson.dumps({"format": 99})])
def test_a_file_of_another_form_is_refused(data):
    with pytest.raises(ArtifactCorrupt, match="publish"):
        KnowledgeSpelling.from_json(data)
