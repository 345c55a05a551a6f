import pytest

from ingest.records import Note, Record, Rejection
from ingest.sources.blocks import BlockKind
from ingest.sources.document import Document, ReadOptions
from ingest.sources.markdown_file import markdown_blocks, read_markdown


@pytest.fixture
def read(tmp_path):
    def run(content):
        path = tmp_path / "faq.md"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_markdown(Document(path=path, name="faq.md"), ReadOptions()))

    return run


def essence(items):
    return [(item.question, item.answer) for item in items if isinstance(item, Record)]


def test_blocks_are_as_written_with_their_lines():
    text = "# T {#x}\n\nPara *one*\ntwo.\n- a\n  - b\n\n```\n# no\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n**Bold**\n"
    found = [(b.kind, b.place, b.text, b.tight) for b in markdown_blocks(text)]
    assert found == [
        (BlockKind.HEADING, "line 1", "T", False),
        (BlockKind.TEXT, "line 3", "Para *one*\ntwo.", False),
        (BlockKind.TEXT, "line 5", "- a\n  - b", True),
        (BlockKind.TEXT, "line 8", "```\n# no\n```", False),
        (BlockKind.TABLE, "line 12", "| a | b |\n|---|---|\n| 1 | 2 |", False),
        (BlockKind.TEXT, "line 16", "**Bold**", False),
    ]
    assert [b.bold for b in markdown_blocks(text)][-1]
    assert [b.rows for b in markdown_blocks(text)][4] == (("a", "b"), ("1", "2"))


def test_front_matter_names_the_document_and_its_categories(read):
    (record,) = read(
        "---\ntitle: Returns\ncategory: Orders\ntags: [web, 'gold']\nlang: en\ndraft: true\n---\n\n## How?\n\nSo.\n"
    )
    assert (record.category, record.tags, record.language) == ("Orders", ("web", "gold"), "en")
    assert record.source.place == "line 9"


@pytest.mark.parametrize(
    "front", ["---\n- a\n---\n", "---\n[: {\n---\n", "---\n" + "[" * 3000 + "\n---\n"], ids=["list", "broken", "deep"]
)
def test_front_matter_that_is_none_is_text(read, front):
    assert essence(read(front + "\n## How?\n\nSo.\n"))[-1] == ("How?", "So.")


def test_links_by_reference_keep_their_addresses(read):
    text = "## How?\n\nSee [here][1], [shop] and [no].\n\n```\n[shop]\n```\n\n"
    text += "[1]: https://a.test/x\n[Shop]: https://b.test 'B'\n"
    answer = "See [here](https://a.test/x), [shop](https://b.test) and [no].\n\n```\n[shop]\n```"
    assert essence(read(text)) == [("How?", answer)]


def test_comments_are_left_out_and_a_ruler_ends_no_answer(read):
    text = "## How?\n\nSo.\n\n<!-- remember -->\n\n---\n\n## Why?\n\nThus.\n\n---\n\nOr so.\n"
    assert essence(read(text)) == [("How?", "So."), ("Why?", "Thus.\n\n---\n\nOr so.")]


def test_marked_pairs_in_one_paragraph_have_lines_of_their_own(read):
    found = read("Q: a?\nA: b\nQ: c?\nA: d\n")
    assert [(r.question, r.source.place) for r in found] == [("a?", "line 1"), ("c?", "line 3")]


def test_numbered_questions_with_nested_answers_are_entries(read):
    text = "1. How to pay?\n\n   By card.\n\n2. 怎么退货？\n   - 七天内\n   - 要包装\n"
    assert essence(read(text)) == [("How to pay?", "By card."), ("怎么退货？", "- 七天内\n- 要包装")]


def test_a_table_of_questions_is_records_with_their_rows(read):
    found = read("| Question | Answer |\n|---|---|\n| How? | **So** |\n")
    assert [(r.question, r.answer, r.source.place) for r in found] == [("How?", "**So**", "line 1, row 2")]


def test_a_file_in_gbk_is_read_and_said_to_be(read):
    text = "## 怎么退货？\n\n七天之内可以退货，请保留包装和小票，运费由您承担。\n"
    note, record = read(text.encode("gbk"))
    assert (note.text, record.question) == ("read as GB18030", "怎么退货？")


def test_bytes_that_are_no_text_cost_their_entry_only(read):
    found = read("## 怎么退货？\n\n七天之内。\n\n## How?\n\n".encode() + b"So \xff so.\n")
    assert essence(found) == [("怎么退货？", "七天之内。")]
    assert [item.source.place for item in found if isinstance(item, Rejection)] == ["line 5"]


def test_nul_characters_reject_the_file(read):
    (rejection,) = read("## How?\n\nSo.\0\n")
    assert "NUL characters" in rejection.reason


@pytest.mark.parametrize(
    "line",
    [">" * 50_000, "> " * 50_000 + "x", "- " * 50_000 + "x", "* " * 200 + "x"],
    ids=["quotes", "spaced", "lists", "stars"],
)
def test_a_line_that_is_nested_without_end_is_left_out_and_the_rest_is_kept(read, line):
    rejection, record = read(f"{line}\n\n## How?\n\nSo.\n")
    assert (rejection.source.place, rejection.reason) == (
        "line 1",
        "quotations or lists are nested more than 100 deep; the line is left out",
    )
    assert record.question == "How?"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 50_000,
        "![" * 50_000,
        "**a " * 50_000,
        "\n".join(" " * n + "- x" for n in range(800)),
        "<!-- " * 50_000,
        "A" + " " * 90_000,
    ],
    ids=["brackets", "images", "stars", "deep-list", "comments", "spaces"],
)
def test_pathological_text_is_read_in_a_moment(read, text):
    assert all(isinstance(item, Record | Rejection | Note) for item in read(f"Q: a\n\n{text}\n"))
