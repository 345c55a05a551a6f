import time

from hypothesis import given, settings
from hypothesis import strategies as st

from models.language import detect
from models.protocols import Language
from models.spelling import KnowledgeSpelling
from models.text import normalise

TEXTS = (
    "怎么申请退货？退款多久到账？",
    "发票抬头写错了怎么办？",
    "优惠券过期了还能用吗",
    "忘记密码怎么办",
    "邮费多少钱",
    "How do I return an item?",
    "Where is my order, and how do I use a gift card?",
    "Can I change the delivery address?",
)
SPELLING = KnowledgeSpelling.build(TEXTS)

LIKELY = st.text(alphabet="退货火款宽发票片飘优惠券卷密码玛怎么办半邮费多少钱了吗 ", max_size=40)
LETTERS = st.text(alphabet="aehinotuirdsgk '", max_size=40)
ANY = st.text(max_size=60) | LIKELY | LETTERS | st.lists(LIKELY | LETTERS, max_size=5).map("".join)
LANGUAGES = st.sampled_from(Language)


@given(ANY, LANGUAGES)
@settings(deadline=None)
def test_the_edits_rebuild_the_corrected_text(text, language):
    found = SPELLING.correct(normalise(text), language)
    rebuilt, at = "", 0
    for edit in found.edits:
        assert at <= edit.start < edit.end
        assert normalise(text)[edit.start : edit.end] == edit.wrong != edit.right
        rebuilt += normalise(text)[at : edit.start] + edit.right
        at = edit.end
    assert rebuilt + normalise(text)[at:] == found.text


@given(ANY, LANGUAGES)
@settings(deadline=None)
def test_correcting_twice_changes_nothing_more(text, language):
    once = SPELLING.correct(normalise(text), language).text
    assert SPELLING.correct(once, language).text == once


@given(st.lists(st.text(alphabet="退货火款宽发票片优惠券卷怎么办半", min_size=2, max_size=12), min_size=1, max_size=8))
@settings(deadline=None)
def test_texts_of_the_knowledge_base_are_never_changed(texts):
    spelling = KnowledgeSpelling.build(texts)
    assert all(not spelling.correct(normalise(text), Language.ZH).edits for text in texts)


@given(st.lists(st.text(alphabet="abcdehinorst", min_size=1, max_size=10), min_size=1, max_size=8))
@settings(deadline=None)
def test_words_of_the_knowledge_base_are_never_changed(words):
    spelling = KnowledgeSpelling.build(words)
    assert all(not spelling.correct(word, language).edits for word in words for language in Language)


@given(st.text())
@settings(deadline=None)
def test_every_text_has_a_language(text):
    assert detect(text) in Language


def test_no_text_takes_long():
    texts = [
        "退火" * 100,
        "aaaa" * 50,
        "xianxianxian" * 16,
        "zhuang chuang " * 14,
        "xiexie火" * 28,
        "qwrtp " * 33,
        "a b " * 50,
    ]
    for text in texts:
        SPELLING.correct(text, Language.MIXED)
        fresh = KnowledgeSpelling.build(TEXTS)
        start = time.process_time()
        fresh.correct(text, Language.MIXED)
        assert time.process_time() - start < 0.1, text
