from datetime import UTC, timedelta, timezone

import pytest

from ingest.limits import Limits
from ingest.records import Record, Rejection
from ingest.sources.checked import checked
from ingest.sources.document import Document, ReadOptions
from ingest.sources.registry import READERS

CST = timezone(timedelta(hours=8))


@pytest.fixture
def read(tmp_path):
    def run(name, content, limits=None, zone=UTC):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = ReadOptions(limits=limits or Limits(), zone=zone)
        reader = READERS[path.suffix].load()
        items = list(checked(reader(Document(path=path, name=name), options), options.limits))
        records = [item for item in items if isinstance(item, Record)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        return records, rejections

    return run


def shown(rejections):
    return [f"{r.source.place}: {r.reason}" for r in rejections]


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
