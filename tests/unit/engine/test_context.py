import pytest

from engine import context
from engine.types import Exchange, Turn
from tests.fakes.engine import retrieved

ASKED = Exchange(text="储蓄卡怎么挂失", question="储蓄卡怎么挂失", decision="answer", entry_ids=("debit",))
OFFERED = Exchange(text="退", question="退", decision="clarify", entry_ids=("first", "second", "third"))


def reading(text, *history):
    return context.read(Turn(text=text, history=history), limit=2000)


@pytest.mark.parametrize(
    "text",
    [
        "那信用卡呢?",
        "and for prepaid?",
        "what about Canada",
        "要多久？",
        "how long does it take?",
        "还是不行",
        "为什么",
    ],
)
def test_the_rest_of_a_question_is_read_together_with_the_question_before_it(text):
    read = reading(text, ASKED)
    assert read.in_context is not None
    assert read.in_context.startswith("储蓄卡怎么挂失")


@pytest.mark.parametrize(
    "text",
    ["怎么修改收货地址", "How do I change my password?", "我想买一个两个人用的帐篷，有什么推荐吗"],
)
def test_a_whole_question_stands_alone(text):
    assert reading(text, ASKED).in_context is None


def test_the_first_turn_stands_alone_whatever_it_looks_like():
    assert reading("那信用卡呢?").in_context is None


def test_small_talk_in_between_does_not_hide_the_subject():
    thanks = Exchange(text="谢谢", question="谢谢", decision="smalltalk")
    assert reading("那信用卡呢?", ASKED, thanks).in_context is not None


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("第二个", "second"),
        ("second one please", "second"),
        ("2", "second"),
        ("the first one", "first"),
        ("最后一个", "third"),
        ("我要第三个", "third"),
    ],
)
def test_a_choice_may_be_named_by_its_place(text, entry):
    assert reading(text, OFFERED).chosen == entry


@pytest.mark.parametrize("text", ["那信用卡呢?", "and for prepaid?", "what about Canada"])
def test_the_same_of_another_thing_does_not_mean_the_entry_answered_before(text):
    assert reading(text, ASKED).answered == ("debit",)


@pytest.mark.parametrize("text", ["要多久？", "how long does it take?", "怎么修改收货地址"])
def test_more_about_the_same_thing_may_mean_the_entry_answered_before(text):
    assert reading(text, ASKED).answered == ()


CANCEL = Exchange(
    text="怎么取消没付款的订单", question="怎么取消没付款的订单", decision="answer", entry_ids=("unpaid",)
)
PAID = Exchange(
    text="那付过款的呢", question="怎么取消没付款的订单 那付过款的呢", decision="answer", entry_ids=("paid",)
)


def test_a_chain_of_follow_ups_is_read_with_the_whole_question_it_began_with():
    assert reading("已经发货的呢", CANCEL, PAID).in_context == "怎么取消没付款的订单 已经发货的呢"


def test_more_of_the_same_is_asked_of_what_was_named_last():
    assert reading("要多久", CANCEL, PAID).in_context == "怎么取消没付款的订单 那付过款的呢 要多久"


def test_a_chain_of_follow_ups_means_none_of_the_entries_answered_in_it():
    assert reading("已经发货的呢", ASKED, CANCEL, PAID).answered == ("unpaid", "paid")


def test_a_place_that_was_not_offered_chooses_nothing():
    single = Exchange(text="退", question="退", decision="clarify", entry_ids=("first",))
    assert reading("第二个", single).chosen is None


def test_a_number_after_an_answer_chooses_nothing():
    assert reading("2", ASKED).chosen is None


@pytest.mark.parametrize("text", ["还是不行", "it still doesn't work", "试过了，没用", "I tried that"])
def test_a_visitor_whom_the_answer_did_not_help_is_heard(text):
    assert reading(text, ASKED).stuck


@pytest.mark.parametrize(
    "text",
    [
        "怎么还款?", "怎么还信用卡", "没用完的流量可以结转吗?", "没用过的优惠券会过期吗", "登录不了", "密码修改不了",
        "还是要付运费吗?", "My promo code doesn't work",
    ],
)  # fmt: skip
def test_a_question_of_its_own_is_no_complaint_about_the_last_answer(text):
    assert not reading(text, ASKED).stuck


@pytest.mark.parametrize("text", ["那要多久?", "那多少钱?", "这个要多久", "然后怎么操作", "is it refundable?"])
def test_asking_more_of_the_same_keeps_the_entry_answered_before(text):
    assert reading(text, ASKED).answered == ()


def test_a_follow_up_may_end_with_a_full_stop():
    assert reading("信用卡呢。", ASKED).in_context is not None


def test_a_change_of_subject_wins_when_it_is_clearly_the_surer():
    assert not context.prefer(retrieved(0.9, ("a",)), retrieved(0.5, ("b",)))


def test_the_reading_in_context_wins_when_both_are_as_sure():
    assert context.prefer(retrieved(0.6, ("a",)), retrieved(0.6, ("b",)))


def test_a_bare_question_stands_alone_only_when_it_is_twice_as_sure():
    assert context.prefer(retrieved(0.8, ("a",)), retrieved(0.5, ("b",)), bare=True)
    assert not context.prefer(retrieved(0.9, ("a",)), retrieved(0.4, ("b",)), bare=True)


@pytest.mark.parametrize(
    ("text", "bare"), [("多少钱?", True), ("how long does it take?", True), ("那信用卡呢?", False)]
)
def test_a_question_without_a_subject_is_known(text, bare):
    assert reading(text, ASKED).bare == bare


def test_a_very_long_turn_is_cut():
    assert len(context.read(Turn(text="退" * 10_000), limit=2000).alone) == 2000
