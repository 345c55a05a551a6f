import pytest

from ingest.records import Note, Record, Rejection
from ingest.sources.blocks import About, Block, BlockKind
from ingest.sources.document import Document, ReadOptions
from ingest.sources.outline import records

LONG = "Orders from abroad pass the customs. You pay the duty yourself, e.g. for shoes. " * 12


def head(text, level=2, **more):
    return Block(kind=BlockKind.HEADING, place=f"at {text}", text=text, level=level, **more)


def text(words, **more):
    return Block(kind=BlockKind.TEXT, place=f"at {words[:12]}", text=words, **more)


def table(*rows):
    return Block(kind=BlockKind.TABLE, place="table 1", text="| a table |", rows=rows)


def pair(question, answer):
    return Block(kind=BlockKind.PAIR, place="line 1", text=question, answer=answer)


@pytest.fixture
def read(tmp_path):
    def run(*blocks, about=None, columns=None):
        document = Document(path=tmp_path / "x", name="help/returns_policy.html")
        return list(records(blocks, document, ReadOptions(columns=columns or {}), about))

    return run


def essence(items):
    return [(item.question, item.answer) for item in items if isinstance(item, Record)]


@pytest.mark.parametrize(
    "heading",
    ["How do I return it?", "怎么退货", "退款多久到账", "Can I pay by card", "What is covered", "可以开发票吗"],
)
def test_a_heading_that_asks_is_a_question_however_long_its_answer_is(read, heading):
    (record,) = read(head(heading), text(LONG), text(LONG))
    assert (record.question, record.prose) == (heading, False)
    assert record.answer == f"{LONG.strip()}\n\n{LONG.strip()}" or record.answer == f"{LONG}\n\n{LONG}".strip()


def test_a_short_text_below_a_short_heading_is_an_entry(read):
    (record,) = read(head("Opening hours"), text("Mon - Fri, 9 - 18"))
    assert (record.question, record.answer, record.prose) == ("Opening hours", "Mon - Fri, 9 - 18", False)


def test_long_texts_are_passages_below_the_headings_above_them(read):
    found = read(head("Returns", 2), head("International orders", 3), text(LONG))
    assert {record.question for record in found} == {"Returns › International orders"}
    assert all(record.prose and len(record.answer) <= 600 for record in found)
    assert " ".join(record.answer for record in found) == LONG.strip()
    assert {record.category for record in found} == {"Returns"}


def test_in_a_document_of_prose_a_short_section_keeps_the_headings_above_it(read):
    found = read(head("Manual", 1), head("A"), text(LONG), head("B"), text(LONG), head("Fees"), text("None, ever."))
    assert (found[-1].question, found[-1].prose) == ("Manual › Fees", True)


def test_headings_that_repeat_or_say_nothing_alone_are_no_questions(read):
    found = read(
        head("Note"), text("Keep the box."), head("Size"), text("It is 3 m."), head("Size"), text("It is 4 m.")
    )
    assert [record.prose for record in found] == [True, True, True]


def test_text_without_headings_is_named_by_the_title_or_else_the_file(read):
    assert read(text(LONG))[0].question == "returns policy"
    assert read(text(LONG), about=About(title="Sending back"))[0].question == "Sending back"


def test_a_question_below_a_question_is_an_entry_of_its_own(read):
    found = read(
        head("How do I pay?"), text("By card."), head("Fees", 3), text("None."), head("Which cards?", 3), text("All.")
    )
    assert essence(found) == [("How do I pay?", "By card.\n\n### Fees\n\nNone."), ("Which cards?", "All.")]


def test_steps_below_a_question_are_its_answer_even_without_a_text_before_them(read):
    found = read(head("How do I return it?"), head("Step 1", 3), text("Pack it."), head("Step 2", 3), text("Send it."))
    assert essence(found) == [("How do I return it?", "### Step 1\n\nPack it.\n\n### Step 2\n\nSend it.")]


def test_a_heading_over_questions_is_their_category_even_if_it_asks(read):
    found = read(head("Any questions?"), head("How do I pay?", 3), text("By card."))
    assert essence(found) == [("How do I pay?", "By card.")]


def test_the_headings_below_a_broad_question_stand_for_themselves(read):
    found = read(head("How does it work?"), text("In two steps."), *(
        block for name in "ABCD" for block in (head(f"Part {name}", 3), text(LONG))
    ))  # fmt: skip
    assert essence(found)[0] == ("How does it work?", "In two steps.")
    assert {record.question for record in found if record.prose} == {
        f"How does it work? › Part {name}" for name in "ABCD"
    }


def test_a_single_title_is_no_category_and_several_are(read):
    assert read(head("Shop", 1), head("How?"), text("So."))[0].category == ""
    found = read(head("Orders", 1), head("How?"), text("So."), head("Returns", 1), head("Why?"), text("Thus."))
    assert [record.category for record in found] == ["Orders", "Returns"]


def test_a_title_that_asks_is_a_question(read):
    found = read(head("How do I return it?", 1), text("Pack it."), head("Then", 2), text("Send it."))
    assert essence(found) == [("How do I return it?", "Pack it.\n\n## Then\n\nSend it.")]


def test_what_a_document_says_about_itself_holds_where_nothing_else_is_said(read):
    about = About(category="Orders", tags=("web",), language="en")
    first, second = read(head("Returns", 2), head("How?", 3), text("So."), head("Why?", 2), text("Thus."), about=about)
    assert (first.category, first.tags, first.language) == ("Returns", ("web",), "en")
    assert second.category == "Orders"


# -- questions in disguise


def test_a_bold_question_is_one_like_a_heading(read):
    found = read(
        head("FAQ"),
        text("**How do I pay?**", bold=True),
        text("By card."),
        text("**Really?**", bold=True),
        text("Yes."),
    )
    assert essence(found) == [("How do I pay?", "By card."), ("Really?", "Yes.")]
    assert {record.category for record in found} == {"FAQ"}


def test_a_bold_line_in_an_answer_stays_in_it(read):
    found = read(head("How do I pay?"), text("By card."), text("**Which cards?**", bold=True), text("All."))
    assert essence(found) == [("How do I pay?", "By card.\n\n**Which cards?**\n\nAll.")]


def test_bold_lines_are_headings_only_where_there_are_no_others(read):
    blocks = [text("**Delivery**", bold=True), text("In three days."), text("**Payment**", bold=True), text("By card.")]
    assert essence(read(*blocks)) == [("Delivery", "In three days."), ("Payment", "By card.")]
    assert essence(read(head("Facts"), *blocks))[0][0] == "Facts"


@pytest.mark.parametrize("number", ["1. ", "1、", "（1）", "一、", "Q1. ", "1\\. "])
def test_a_numbered_question_is_one_without_its_number(read, number):
    assert essence(read(head("售后"), text(f"{number}如何退货？"), text("七天内。"))) == [("如何退货？", "七天内。")]


def test_plain_lines_that_ask_are_questions_where_there_are_several_and_no_headings(read):
    blocks = [text("How do I pay?"), text("By card."), text("How do I cancel?"), text("Write to us.")]
    assert essence(read(*blocks)) == [("How do I pay?", "By card."), ("How do I cancel?", "Write to us.")]
    assert [record.question for record in read(head("Facts"), *blocks)] == ["Facts"]


def test_a_list_of_questions_only_is_no_answer_to_any(read):
    (record,) = read(text("How do I pay?"), text("How do I cancel?"), text("Why is that so, and for how long?"))
    assert record.prose


def test_a_bold_question_at_the_front_of_its_answer_is_one(read):
    found = read(text("**How do I pay?** By card."), text("- **Cash?** No.\n- **Cheque?** No."))
    assert essence(found) == [("How do I pay?", "By card."), ("Cash?", "No."), ("Cheque?", "No.")]


def test_an_item_that_asks_is_answered_by_what_is_nested_in_it(read):
    items = "- How do I pay?\n  - By card.\n  - By bank.\n- Contact\n- 怎么退货？\n\n  七天内。"
    found = read(head("FAQ"), text(items))
    assert essence(found)[-2:] == [("How do I pay?", "- By card.\n- By bank."), ("怎么退货？", "七天内。")]


def test_marks_may_stand_in_the_same_paragraph_or_in_several(read):
    found = read(
        text("Q: pay?\nA: card"),
        text("or cash"),
        text("问：退货？"),
        text("答：七天"),
        text("**A new one?**", bold=True),
        text("Yes."),
    )
    assert essence(found) == [("pay?", "card\n\nor cash"), ("退货？", "七天"), ("A new one?", "Yes.")]


def test_an_answer_without_a_mark_begins_with_the_next_paragraph(read):
    assert essence(read(text("Q: How do I pay?"), text("By card."))) == [("How do I pay?", "By card.")]


def test_nothing_in_a_listing_is_a_question(read):
    (record,) = read(text("```\nQ: a\nA: b, which is long enough\n```", code=True))
    assert record.prose


def test_similar_questions_may_be_named_on_the_first_line(read):
    (record,) = read(head("How?", id="h1"), text("Also asked: Which way? | 怎么做"), text("So."))
    assert (record.id, record.similar_questions, record.answer) == ("h1", ("Which way?", "怎么做"), "So.")


# -- tables and pairs


def test_a_table_with_a_column_of_questions_is_records(read):
    found = read(
        head("FAQ"),
        text("Q: a?\nA: b"),
        table(("问题", "答案", "标签"), ("**多久**？", "- 三天", "物流"), ("", "无", "")),
    )
    assert essence(found) == [("a?", "b"), ("多久？", "- 三天")]
    assert (found[1].tags, found[1].category, found[1].source.place) == (("物流",), "FAQ", "table 1, row 2")
    assert isinstance(found[2], Rejection)
    assert found[2].source.place == "table 1, row 3"


def test_columns_can_be_named_by_the_user(read):
    rows = (("Thema", "Text"), ("Versand", "3 Tage"))
    assert essence(read(table(*rows), columns={"question": "Thema", "answer": "Text"})) == [("Versand", "3 Tage")]


def test_a_table_whose_first_column_asks_throughout_is_records(read):
    assert essence(read(table(("How?", "So."), ("Why?", "Thus.")))) == [("How?", "So."), ("Why?", "Thus.")]
    assert essence(read(table(("Topic", "Text"), ("How?", "So."), ("Why?", "Thus.")))) == [
        ("How?", "So."),
        ("Why?", "Thus."),
    ]


def test_any_other_table_is_shown_where_it_stands(read):
    assert essence(read(head("Sizes"), table(("S", "M"), ("1", "2")))) == [("Sizes", "| a table |")]


def test_what_folds_open_in_an_answer_stays_in_it_unless_it_asks(read):
    found = read(
        head("How do I pay?"), text("By card."), pair("Show the steps", "1. Click"), pair("Which card?", "Any.")
    )
    assert essence(found) == [("How do I pay?", "By card.\n\n**Show the steps**\n\n1. Click"), ("Which card?", "Any.")]


def test_a_long_text_that_folds_open_below_a_title_is_prose(read):
    assert all(record.prose and record.question == "Terms" for record in read(pair("Terms", LONG)))


# -- nothing is lost in silence


def test_a_greeting_and_an_empty_heading_are_left_out_with_a_note(read):
    found = read(head("Shop", 1), text("Hello."), head("Contact", 2), head("How?", 2), text("So."))
    assert [item.text for item in found if isinstance(item, Note)] == [
        'left out, as it says too little to answer anything: "Hello."',
        'nothing stands below the heading "Contact"',
    ]


def test_an_answer_longer_than_a_field_may_be_becomes_passages(read):
    found = read(head("What are the terms?"), text(LONG * 90))
    assert len(found) > 100
    assert {(record.question, record.prose) for record in found} == {("What are the terms?", True)}


def test_a_document_without_content_says_how_questions_are_written(read):
    (rejection,) = read()
    assert "write each as a heading" in rejection.reason
