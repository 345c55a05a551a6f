import os
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingest.limits import Limits
from ingest.records import Record, Rejection
from ingest.sources.document import ReadOptions
from ingest.sources.reading import read_all

CST = timezone(timedelta(hours=8))


@pytest.fixture
def read(tmp_path):
    def run(name, content, limits=None, zone=UTC):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        items = list(read_all([path], ReadOptions(limits=limits or Limits(), zone=zone)))
        records = [item for item in items if isinstance(item, Record)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        return records, rejections

    return run


def shown(rejections):
    return [f"{r.source.place}: {r.reason}" for r in rejections]


# -- CSV


@pytest.mark.parametrize(
    "header",
    [
        "id,question,answer,similar_questions,category,tags,lang,valid_from,valid_until",
        "ID,Question, ANSWER ,Similar Questions,Category,Tag,Language,Valid From,valid-until",
        "编号,问题,答案,相似问,分类,标签,语言,生效时间,失效时间",
        "编号,标准问,回答,相似问题,类别,标签,语种,生效日期,有效期至",
    ],
    ids=["english", "as-people-type-it", "chinese", "chinese-synonyms"],
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"], ids=["plain", "bom"])
def test_columns_are_found_by_their_chinese_or_english_names(read, header, bom):
    row = 'r1,怎么退货,"七天, 之内",退货流程|如何退款,售后,"web, gold",zh-CN,2026-01-01,2026/12/31\n'
    (record,), rejections = read("faq.csv", bom + f"{header}\n{row}".encode())
    assert rejections == []
    assert (record.id, record.question, record.answer) == ("r1", "怎么退货", "七天, 之内")
    assert record.similar_questions == ("退货流程", "如何退款")
    assert (record.category, record.tags, record.language) == ("售后", ("web", "gold"), "zh")
    assert record.valid_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert record.valid_until == datetime(2027, 1, 1, tzinfo=UTC)  # the last day is still included
    assert (record.source.file, record.source.place) == ("faq.csv", "row 2")


def test_rows_are_counted_as_a_spreadsheet_shows_them(read):
    records, rejections = read("faq.csv", 'question,answer\na,"two\nlines"\n\n,no question\nb,2\n')
    assert [(r.question, r.source.place) for r in records] == [("a", "row 2"), ("b", "row 5")]
    assert shown(rejections) == ["row 4: there is no question; every entry needs one"]


def test_similar_questions_may_stand_on_lines_of_a_cell(read):
    (record,), _ = read("faq.csv", 'question,similar,answer\na,"b\r\n c \n\na|d",yes\n')
    assert record.similar_questions == ("b", "c", "d")


def test_a_row_that_lost_its_quotes_is_rejected_not_cut(read):
    records, rejections = read("faq.csv", "question,answer\na,one, two\nb,fine,,\n")
    assert [r.question for r in records] == ["b"]
    assert shown(rejections) == [
        "row 2: the row has 3 cells, the header has 2; put quotes around text that holds commas"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"name,text\na,b\n", "no column is called question or 问题", id="no-question-column"),
        pytest.param("问题,答案\n怎么退货,七天\n".encode("gbk"), "not UTF-8 text", id="gbk"),
        pytest.param(bytes(range(256)) * 10, "not UTF-8 text", id="binary"),
        pytest.param(b"a," * 5000, "up to 1000 are allowed", id="too-many-columns"),
    ],
)
def test_a_file_that_is_no_faq_is_one_rejection(read, content, reason):
    records, rejections = read("faq.csv", content)
    assert records == []
    (rejection,) = rejections
    assert rejection.source.place == ""
    assert reason in rejection.reason


def test_a_row_with_damage_is_rejected_and_the_others_are_kept(read):
    rows = [
        b"question,answer",
        b"fine,yes",
        b"bad \xff bytes,yes",
        b"nul,\x00",
        b"long," + b"x" * 70_000,
        b"dates,yes,never",
        b"last,yes",
    ]
    records, rejections = read("faq.csv", b"\n".join(rows).replace(b"question,answer", b"question,answer,valid_from"))
    assert [r.question for r in records] == ["fine", "last"]
    assert [r.source.place for r in rejections] == ["row 3", "row 4", "row 5", "row 6"]
    reasons = " / ".join(r.reason for r in rejections)
    for part in ("not valid UTF-8", "NUL characters", "longer than 64 KB", "a date is written 2026-01-31"):
        assert part in reasons


def test_a_quote_that_never_closes_costs_the_rest_of_the_file_and_is_named(read):
    records, rejections = read("faq.csv", 'question,answer\na,yes\nb,"no end\n' + "c,yes\n" * 20_000)
    assert [r.question for r in records] == ["a"]
    assert "row 3" in shown(rejections)[0]


def test_more_rows_than_allowed_are_not_read(read):
    records, rejections = read("faq.csv", "question,answer\n" + "a,b\n" * 10, Limits(max_rows=3))
    assert len(records) == 3
    assert shown(rejections) == ["row 5: the file has more than 3 rows; split it"]


def test_dates_without_a_zone_are_in_the_zone_of_the_company(read):
    content = "question,answer,valid_from,valid_until\na,b,2026-03-01 08:00,2026-03-02T08:00+01:00\n"
    (record,), _ = read("faq.csv", content, zone=CST)
    assert record.valid_from == datetime(2026, 3, 1, tzinfo=UTC)
    assert record.valid_until == datetime(2026, 3, 2, 7, tzinfo=UTC)


# -- JSONL


def test_json_lines_have_the_same_fields(read):
    line = (
        '{"id": 7, "question": "q?", "answer": "**a**\\n\\nb", "similar_questions": ["x", "y", "x"], "tags": ["t"],'
        ' "lang": "en", "valid_until": "2026-01-31", "unknown": {"deep": 1}}'
    )
    (record,), rejections = read("faq.jsonl", line)
    assert rejections == []
    assert (record.id, record.answer, record.similar_questions) == ("7", "**a**\n\nb", ("x", "y"))
    assert (record.tags, record.language) == (("t",), "en")
    assert record.valid_until == datetime(2026, 2, 1, tzinfo=UTC)
    assert record.source.place == "line 1"


def test_a_line_that_is_no_record_is_rejected_and_the_others_are_kept(read):
    lines = ['{"question": "a"', "[]", "{}", '{"question": 5}', '{"question": "b", "tags": [1]}', "", '{"问题": "c"}']
    records, rejections = read("faq.jsonl", "\n".join(lines))
    assert [(r.question, r.source.place) for r in records] == [("c", "line 7")]
    assert [text.split(":")[0] for text in shown(rejections)] == [f"line {n}" for n in (1, 2, 3, 4, 5)]
    assert "question is a number; text is wanted" in shown(rejections)[3]


def test_an_empty_json_file_is_rejected(read):
    assert shown(read("faq.jsonl", "\n \n")[1]) == [": the file is empty"]


# -- Markdown


def test_headings_are_questions_and_what_is_below_is_the_answer(read):
    text = "# Our shop\n\nHello.\n\n## How to *return*?\n\nIn **7** days.\n\n- the box\n\n## 多久发货？\n48 小时\n"
    records, rejections = read("faq.md", text)
    assert rejections == []
    assert [(r.question, r.answer, r.source.place) for r in records] == [
        ("How to return?", "In **7** days.\n\n- the box", "line 5"),
        ("多久发货？", "48 小时", "line 11"),
    ]


def test_a_heading_with_only_headings_below_is_a_category(read):
    text = "# Help\n## Orders\n### How to pay?\nBy card.\n### How to cancel?\nAsk us.\n## Alone?\nYes.\n"
    records, _ = read("faq.md", text)
    assert [(r.question, r.category) for r in records[:2]] == [("How to pay?", "Orders"), ("How to cancel?", "Orders")]


def test_headings_inside_an_answer_stay_in_it(read):
    (record,), _ = read("faq.md", "## How to pay?\nBy card.\n### Fees\nNone.\n")
    assert record.answer == "By card.\n### Fees\nNone."


def test_a_document_of_titles_only_has_questions_too(read):
    records, _ = read("faq.md", "# One?\nYes.\n\nTwo?\n====\nNo.\n")
    assert [(r.question, r.answer) for r in records] == [("One?", "Yes."), ("Two?", "No.")]


def test_code_that_looks_like_a_heading_is_not_one(read):
    (record,), _ = read("faq.md", "## How?\n```\n## not a question\nQ: nor this\nA: x\n```\n")
    assert "## not a question" in record.answer


@pytest.mark.parametrize(
    "text",
    [
        "Q: How to pay?\nA: By card.\nOr cash.\n\nQ: And then?\nA: Wait.\n",
        "问：How to pay?\n答：By card.\nOr cash.\n\n问：And then?\n答：Wait.\n",
        "**Q: How to pay?**\n\nA: By card.\nOr cash.\n\n**Q2：And then?**\n\nA2：Wait.\n",
        "- Q. \n\nQ: How to pay?\nA: By card.\nOr cash.\n\n### Question: And then?\nAnswer: Wait.\n",
    ],
    ids=["english", "chinese", "bold-and-numbered", "mixed-with-headings"],
)
def test_lines_marked_q_and_a_are_pairs(read, text):
    records, rejections = read("faq.md", text)
    assert rejections == []
    assert [(r.question, r.answer) for r in records] == [("How to pay?", "By card.\nOr cash."), ("And then?", "Wait.")]


def test_several_questions_before_an_answer_are_similar_ones(read):
    (record,), _ = read("faq.md", "Q: pay?\nQ: how can I\n  pay?\nA: By card.\n")
    assert (record.question, record.similar_questions) == ("pay?", ("how can I pay?",))


def test_a_heading_without_text_is_a_question_without_an_answer(read):
    records, _ = read("faq.md", "## One?\nYes.\n## Two?\n")
    assert [(r.question, r.answer) for r in records] == [("One?", "Yes."), ("Two?", "")]


@pytest.mark.parametrize("text", ["", "Just prose.\n", "# Title\n\nOnly a title.\n\n"], ids=["empty", "prose", "title"])
def test_a_document_without_questions_says_how_to_write_them(read, text):
    records, rejections = read("faq.md", text)
    if records:  # a lone title with text is a question
        assert records[0].question == "Title"
    else:
        assert "write each as a heading" in rejections[0].reason


# -- files and folders


def test_folders_are_read_in_order_and_other_files_in_them_are_left_alone(tmp_path):
    for name in ("b/two.csv", "a.jsonl", "b/.hidden.csv", ".git/x.csv", "b/picture.png"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('{"question": "q"}\n' if name.endswith("jsonl") else "question,answer\nq,a\n")
    (tmp_path / "outside.csv").write_text("question,answer\nsecret,a\n")
    os.symlink(tmp_path / "outside.csv", tmp_path / "docs" / "link.csv")
    items = list(read_all([tmp_path / "docs"], ReadOptions(limits=Limits(), zone=UTC)))
    assert [item.source.file for item in items] == ["a.jsonl", "b/two.csv"]


def test_a_file_that_cannot_be_read_is_a_rejection_and_the_next_is_read(tmp_path):
    good = tmp_path / "good.csv"
    good.write_text("question,answer\nq,a\n")
    big = tmp_path / "big.csv"
    big.write_bytes(b"x" * 2000)
    paths = [tmp_path / "missing.csv", tmp_path / "note.docx", big, good]
    items = list(read_all(paths, ReadOptions(limits=Limits(max_file_bytes=1000), zone=UTC)))
    reasons = [item.reason for item in items[:3]]
    assert "No such file" in reasons[0]
    assert "'.docx' are not read" in reasons[1]
    assert "up to 0 MB are allowed" in reasons[2]
    assert items[3].question == "q"
