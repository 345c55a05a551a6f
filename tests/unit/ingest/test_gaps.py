from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.gaps.clusters import ClusterSettings, clusters
from ingest.gaps.draft import as_question, draft
from ingest.gaps.groups import groups_of
from ingest.gaps.wordings import masked, without_masks, wordings
from ingest.records import Record
from ingest.sources.document import Document, ReadOptions
from ingest.sources.markdown_file import read_markdown
from knowledge.catalog import UnknownQuestion
from models.language import detect
from tests.fakes.encoders import HashingEncoder

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
ENCODER = HashingEncoder()
LOOSE = ClusterSettings(similar_at=0.6, merge_at=0.6)
ASKED = [
    "Can I get an invoice?",
    "can i get an invoice",
    "Can I get an invoice please?",
    "怎么开发票",
    "怎么开发票？",
    "请问怎么开发票",
    "Where's Reykjavik",
]


def asked(texts, *, start=NOON):
    return [
        UnknownQuestion(workspace="w", kb="k", text=text, decision="unknown", asked_at=start + timedelta(hours=index))
        for index, text in enumerate(texts)
    ]


def grouped(questions, limits=LOOSE):
    different = wordings(questions)
    vectors = ENCODER.encode([wording.key for wording in different])
    return groups_of(different, vectors, detect, limits)


def described(groups):
    return [(g.central.text, g.count, g.last_asked, g.language, [w.text for w in g.others]) for g in groups]


def test_the_same_words_count_as_one_wording_whatever_the_case_and_the_punctuation():
    found = wordings(asked(["怎么退货", "怎么退货？", " 怎么退货?? ", "Why?", "why"]))
    assert [(wording.text, wording.count) for wording in found] == [("Why?", 1 + 1), ("怎么退货", 3)]


def test_marks_alone_are_a_wording_of_their_own():
    assert [wording.count for wording in wordings(asked(["???", "？？？", "👍", "a"]))] == [2, 1, 1]


def test_questions_that_mean_the_same_are_one_group_the_most_asked_first():
    groups = grouped(asked(ASKED))
    assert [(group.central.text, group.count) for group in groups] == [
        ("怎么开发票", 3),
        ("Can I get an invoice?", 3),
        ("Where's Reykjavik", 1),
    ]
    assert [group.language.value for group in groups] == ["zh", "en", "en"]


def test_a_group_was_asked_last_when_any_of_its_wordings_was():
    (first, second, _) = grouped(asked(ASKED))
    assert first.last_asked == NOON + timedelta(hours=5)
    assert second.last_asked == NOON + timedelta(hours=2)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("call me at 13812345678", "call me at [number]"),
        ("我的电话是138 1234 5678，急", "我的电话是[number]，急"),
        ("我的電話是１３８１２３４５６７８", "我的電話是[number]"),
        ("card 6222 0212 3456 7890 was charged", "card [number] was charged"),
        ("身份证11010519900307123X办理", "身份证[number]办理"),
        ("+49 (0) 170-1234567 ok", "[number] ok"),
        ("write to jane.doe+x@mail.example.com, please", "write to [e-mail], please"),
        ("邮箱是zhang_san@qq.com吗", "邮箱是[e-mail]"),
        ("order 123456 is 30 days old", "order 123456 is 30 days old"),
        ("first line\nsecond", "first line second"),
    ],
)
def test_what_may_name_a_person_is_masked(text, shown):
    assert masked(text).startswith(shown)
    assert "@" not in masked(text)


def test_masks_say_nothing_about_the_meaning():
    assert without_masks("where is [number] now") == "where is now"
    assert without_masks("[number]") == "[number]"


def test_two_orders_asked_for_in_the_same_words_are_one_wording():
    assert [w.count for w in wordings(asked(["where is order 11223344?", "where is order 99887766"]))] == [2]


def test_a_group_does_not_grow_along_a_chain_of_neighbours():
    angles = np.deg2rad(np.arange(0, 180, 20))
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    ranks = np.arange(len(vectors))
    found = clusters(vectors, np.ones_like(ranks), ranks, ClusterSettings(similar_at=0.93, merge_at=0.99))
    for centre in set(found.tolist()):
        some = vectors[found == centre]
        assert (some @ some.T).min() > 0.5


def test_a_wording_goes_to_the_centre_that_it_is_most_like():
    angles = np.deg2rad([0, -40, 90, 130, 50])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    weights = np.array([1, 100, 1, 90, 1])  # the first has most neighbours, and takes the last before the third can
    found = clusters(vectors, weights, np.arange(5), ClusterSettings(similar_at=0.6157, merge_at=0.99))
    assert found.tolist() == [0, 0, 2, 2, 2]


def test_thousands_of_neighbours_of_one_question_are_one_group():
    vectors = np.tile(np.array([[1.0, 0.0]], np.float32), (1500, 1))
    ranks = np.arange(1500)
    assert set(clusters(vectors, np.ones_like(ranks), ranks, ClusterSettings()).tolist()) == {0}


def test_without_questions_there_are_no_groups():
    assert groups_of([], np.empty((0, 8), np.float32), detect) == []


TEXTS = st.lists(
    st.one_of(st.sampled_from(ASKED), st.text(alphabet="ab c怎么退货发票?？1@.", max_size=12)), max_size=25
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.randoms(use_true_random=False))
def test_every_question_is_in_exactly_one_group_and_the_order_of_input_does_not_matter(texts, random):
    questions = asked(texts)
    groups = grouped(questions)
    assert sum(group.count for group in groups) == len(questions)
    keys = [wording.key for group in groups for wording in group.wordings]
    assert sorted(keys) == sorted({wording.key for wording in wordings(questions)})
    random.shuffle(questions)
    assert described(grouped(questions)) == described(groups)


def read(tmp_path, text):
    path = tmp_path / "faq.md"
    path.write_text(text, "utf-8")
    return list(read_markdown(Document(path=path, name="faq.md"), ReadOptions()))


SPECIAL = [
    "Can I *really* pay with [points] | vouchers #1?",
    "Can I really pay with points or vouchers #1?",
    "我的包裹丢了",
    "我的包裹丢失了",
    "I want to use my card again, I thought that I had lost it but found it in my jacket this morning.",
    "I want to use my card again: I thought that I had lost it but found it in my jacket this morning!!",
    "I want to use my card again, I thought that I had lost it, but found it in my jacket this morning today",
]


@pytest.mark.parametrize(
    ("asked_for", "heading"),
    [
        ("How do I pay", "How do I pay"),
        ("my parcel is lost.", "my parcel is lost?"),
        ("我的包裹丢了！", "我的包裹丢了？"),
        ("怎么退货", "怎么退货"),
    ],
)
def test_a_statement_becomes_a_question_in_the_draft(asked_for, heading):
    assert as_question(asked_for) == heading


def test_a_draft_that_was_not_filled_in_has_no_answers(tmp_path):
    found = read(tmp_path, draft(grouped(asked([*ASKED, *SPECIAL])), "shop"))
    assert [item.answer for item in found if isinstance(item, Record)] == [""] * len(grouped(asked([*ASKED, *SPECIAL])))


def test_a_draft_is_read_with_its_questions_and_wordings_once_it_is_filled_in(tmp_path):
    groups = grouped(asked([*ASKED, *SPECIAL]))
    text = draft(groups, "shop").replace("<!-- write the answer here -->", "Ask us, and we will tell you.")
    records = [item for item in read(tmp_path, text) if isinstance(item, Record)]
    assert [record.question for record in records] == [as_question(group.central.text) for group in groups]
    assert not any(record.prose for record in records)
    assert {record.answer for record in records} == {"Ask us, and we will tell you."}
    wordings_of = {
        as_question(group.central.text): [w.text.replace("|", "/") for w in group.others] for group in groups
    }
    assert {record.question: [*record.similar_questions] for record in records} == wordings_of


def test_an_answer_below_the_comment_is_read_without_it(tmp_path):
    text = draft(grouped(asked(ASKED)), "shop").replace("here -->", "here -->\n\nAsk us.")
    answers = {item.answer for item in read(tmp_path, text) if isinstance(item, Record)}
    assert answers == {"Ask us."}
