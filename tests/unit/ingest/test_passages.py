import pytest

from ingest.clean import clean_block, clean_line
from ingest.records import RejectedField
from ingest.split import SplitSettings, passages_of, plain_text, split_text
from knowledge.types import Entry, PassageKind

SMALL = SplitSettings(piece_chars=20, pieces=3)


def test_an_entry_is_searched_by_its_questions_and_pieces_of_its_answer():
    entries = [
        Entry(id="a", question="q", similar_questions=("s", "t"), answer="One sentence here. Another one there."),
        Entry(id="b", question="r"),
    ]
    assert [(p.id, p.entry_id, p.kind, p.text) for p in passages_of(entries, SMALL)] == [
        (0, "a", PassageKind.QUESTION, "q"),
        (1, "a", PassageKind.SIMILAR, "s"),
        (2, "a", PassageKind.SIMILAR, "t"),
        (3, "a", PassageKind.ANSWER, "q\nOne sentence here."),
        (4, "a", PassageKind.ANSWER, "q\nAnother one there."),
        (5, "b", PassageKind.QUESTION, "r"),
    ]


def test_no_more_pieces_of_an_answer_are_searched_than_set():
    entry = Entry(id="a", question="q", answer="A sentence of words. " * 10)
    kinds = [p.kind for p in passages_of([entry], SMALL)]
    assert kinds.count(PassageKind.ANSWER) == 3
    assert [p.kind for p in passages_of([entry], SplitSettings(pieces=0))] == [PassageKind.QUESTION]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("   ", [], id="blank"),
        pytest.param("short", ["short"], id="short"),
        pytest.param(
            "第一句话在这里。第二句话也在这里！第三句？",
            ["第一句话在这里。第二句话也在这里！", "第三句？"],
            id="chinese",
        ),
        pytest.param("It costs 3.50 a day. That is all.", ["It costs 3.50 a day.", "That is all."], id="decimal-point"),
        pytest.param("x" * 45, ["x" * 20, "x" * 20, "x" * 5], id="no-border"),
        pytest.param("word " * 8, ["word word word word", "word word word word"], id="no-sentence"),
    ],
)
def test_texts_are_cut_where_sentences_end(text, pieces):
    assert split_text(text, SMALL) == pieces


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("plain text, 3 * 4 = 12", "plain text, 3 * 4 = 12"),
        ("**bold** and *slanted* and `code`", "bold and slanted and code"),
        ("see [the page](https://a.b/c?d=e) or ![a picture](x.png)", "see the page or a picture"),
        ("# Head\n\n- one\n- two\n\n1. three", "Head\none\ntwo\nthree"),
        ("> quoted\n\n---\n\nend", "quoted\nend"),
        ("| a | b |\n|---|:-:|\n| 1 | 2 |", "a b\n1 2"),
        ("<p>Hello <b>you</b></p><script>alert(1)</script>", "Hello you"),
        ("```python\nprint(1)\n```", "print(1)"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        (r"a \* b", "a * b"),
        ("请点击[这里](http://x)，然后**确认**。", "请点击这里，然后确认。"),
    ],
)
def test_marks_are_taken_out_of_markdown(markdown, plain):
    assert plain_text(markdown) == plain


@pytest.mark.parametrize(
    "text", ["[" * 30_000, "<a" * 30_000, "*a " * 20_000, "|---" * 15_000, "`" * 60_000, "- " * 30_000]
)
def test_no_text_makes_taking_marks_out_slow(text):
    plain_text(text)  # a quadratic pattern would take minutes, and the suite's time limit with it


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  a \r\n b\r c ", "a \n b\n c"),
        ("a\n\n\n \n\nb", "a\n\nb"),
        ("a\u200bb\ufeffc\x07d", "abcd"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u202eevil", "evil"),
    ],
)
def test_what_nobody_sees_is_dropped_and_the_rest_kept(text, clean):
    assert clean_block(text, field="answer", max_bytes=1000) == clean


def test_a_line_has_single_spaces():
    assert clean_line(" a\n b\t c ", field="question", max_bytes=100) == "a b c"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("a\0b", "NUL"), ("a\udcff", "UTF-8"), ("x" * 1025, "longer than 1 KB"), ("中" * 400, "longer than 1 KB")],
)
def test_what_cannot_be_kept_is_rejected_by_name(text, reason):
    with pytest.raises(RejectedField, match=f"the answer .*{reason}"):
        clean_block(text, field="answer", max_bytes=1024)


@pytest.mark.parametrize("text", ["x" * 1024, "中" * 341])
def test_a_text_at_the_limit_is_kept(text):
    assert clean_block(text, field="answer", max_bytes=1024) == text
