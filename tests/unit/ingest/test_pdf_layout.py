import pytest

from ingest.sources.blocks import BlockKind
from ingest.sources.pdf.pages import read_pages
from tests.fakes.pdfs import BOLD, PdfMaker, Put, bottom, column

RETURNS = (
    "You can return any article within thirty days after delivery. Please keep the packaging and the receipt, "
    "because our warehouse needs both of them to process the return. A refund takes three to five days."
)
SHIPPING = (
    "Parcels leave our warehouse on the day of the order if it comes in before noon. Deliveries to islands take "
    "longer, because they have to wait for the ferry, and nothing is carried on Sundays."
)
WARRANTY = (
    "The warranty covers defects in material for two years from the day of purchase. It does not cover what "
    "wears off in use, and it ends where an article was opened by others than our workshop."
)
TUIHUO = (
    "收到商品后三十天内可以退货。请保留原包装和发票，仓库需要这两样东西才能处理您的退货申请。退款会原路返回到您的付款"
    "账户，一般需要三到五个工作日，请您耐心等待。"
)


def blocks(tmp_path, maker):
    path = tmp_path / "manual.pdf"
    path.write_bytes(maker.data())
    return list(read_pages(path).blocks())


def texts(found):
    return [block.text for block in found]


def test_the_lines_of_a_paragraph_become_one_text(tmp_path):
    (block,) = blocks(tmp_path, PdfMaker().page(column(RETURNS, x=60, y=100, width=300)))
    assert (block.kind, block.place, block.text) == (BlockKind.TEXT, "page 1", RETURNS)


def test_chinese_lines_are_joined_without_a_space(tmp_path):
    (block,) = blocks(tmp_path, PdfMaker().page(column(TUIHUO, x=60, y=100, width=200)))
    assert block.text == TUIHUO


@pytest.mark.parametrize("gap", [24, 10], ids=["wide-gap", "gap-of-one-em"])
def test_two_columns_are_read_one_after_the_other(tmp_path, gap):
    page = [*column(RETURNS, x=60, y=100, width=200), *column(SHIPPING, x=260 + gap, y=100, width=200)]
    assert texts(blocks(tmp_path, PdfMaker().page(page))) == [RETURNS, SHIPPING]


def test_three_columns_below_a_heading_across_them_are_read_in_order(tmp_path):
    page = [
        Put(60, 60, "All that you may want to know about orders, parcels and returns", BOLD, 14),
        *column(RETURNS, x=60, y=100, width=140),
        *column(SHIPPING, x=224, y=100, width=140),
        *column(WARRANTY, x=388, y=100, width=140),
    ]
    found = texts(blocks(tmp_path, PdfMaker().page(page)))
    assert found == [page[0].text, RETURNS, SHIPPING, WARRANTY]


def test_what_stands_below_both_columns_comes_after_them_even_if_it_is_short(tmp_path):
    left, right = column(RETURNS, x=60, y=100, width=200), column(TUIHUO, x=290, y=100, width=200)
    page = [*left, *right, Put(60, bottom([*left, *right]) + 40, "Short line.")]
    assert texts(blocks(tmp_path, PdfMaker().page(page))) == [RETURNS, TUIHUO, "Short line."]


def test_a_column_that_is_longer_than_the_next_is_read_to_its_end_first(tmp_path):
    left = column(RETURNS, x=60, y=100, width=200)
    more = column(WARRANTY, x=60, y=bottom(left) + 24, width=200)
    page = [
        *left,
        *more,
        *column(
            "Parcels leave on the day of the order if it comes in before noon and is paid "
            "and the article is in our warehouse.",
            x=290,
            y=100,
            width=200,
        ),
    ]
    assert texts(blocks(tmp_path, PdfMaker().page(page)))[:2] == [RETURNS, WARRANTY]


def test_running_heads_and_page_numbers_are_dropped(tmp_path):
    maker = PdfMaker()
    for number, text in enumerate((RETURNS, SHIPPING, WARRANTY), start=1):
        page = [Put(60, 40, "Acme user manual"), Put(500, 40, f"Chapter {number}")]
        maker.page([*page, *column(text, x=60, y=100, width=300), Put(290, 810, f"{number}")])
    assert texts(blocks(tmp_path, maker)) == [RETURNS, SHIPPING, WARRANTY]


@pytest.mark.parametrize("label", ["Page 1 of 2", "第 1 页 共 2 页", "- 1 -", "1 / 2"])
def test_a_page_number_is_dropped_from_a_single_page_too(tmp_path, label):
    page = [*column(RETURNS, x=60, y=100, width=300), Put(280, 812, label)]
    assert texts(blocks(tmp_path, PdfMaker().page(page))) == [RETURNS]


def test_numbered_steps_at_the_head_of_pages_are_no_running_heads(tmp_path):
    maker = PdfMaker()
    for number, text in enumerate((RETURNS, SHIPPING), start=1):
        maker.page([Put(60, 60, f"Step {number}", BOLD, 16), *column(text, x=60, y=100, width=300)])
    assert texts(blocks(tmp_path, maker)) == ["Step 1", RETURNS, "Step 2", SHIPPING]


def test_lines_at_the_head_of_pages_whose_numbers_do_not_count_the_pages_are_text(tmp_path):
    maker = PdfMaker()
    for year, text in ((2019, RETURNS), (2024, SHIPPING)):
        maker.page([Put(60, 60, f"Fees since {year}"), *column(text, x=60, y=100, width=300)])
    assert texts(blocks(tmp_path, maker)) == ["Fees since 2019", RETURNS, "Fees since 2024", SHIPPING]


def test_a_title_that_is_repeated_on_the_next_page_is_kept_once(tmp_path):
    maker = PdfMaker()
    for text in (RETURNS, SHIPPING):
        maker.page([Put(60, 60, "Returns", BOLD, 20), *column(text, x=60, y=110, width=300)])
    assert texts(blocks(tmp_path, maker)) == ["Returns", RETURNS, SHIPPING]


def test_a_paragraph_goes_on_across_a_page(tmp_path):
    lines = column(RETURNS, x=60, y=760, width=300)
    maker = PdfMaker().page([Put(60, 40, "Acme"), *lines[:3], Put(290, 820, "1")])
    maker.page(
        [Put(60, 40, "Acme"), *(Put(60, 100 + 12 * i, put.text) for i, put in enumerate(lines[3:])), Put(290, 820, "2")]
    )
    (block,) = blocks(tmp_path, maker)
    assert (block.text, block.place) == (RETURNS, "page 1")


def test_a_paragraph_that_has_ended_does_not_go_on_across_a_page(tmp_path):
    maker = (
        PdfMaker().page([*column(RETURNS, x=60, y=700, width=300)]).page([*column(SHIPPING, x=60, y=100, width=300)])
    )
    assert texts(blocks(tmp_path, maker)) == [RETURNS, SHIPPING]


def test_a_divided_word_becomes_one_and_a_compound_keeps_its_hyphen(tmp_path):
    page = [
        Put(60, 100, "Please ask the self-service desk for more informa-"),
        Put(60, 112, "tion about this matter, or look at the pages on self-"),
        Put(60, 124, "service and on Wi-"),
    ]
    (block,) = blocks(tmp_path, PdfMaker().page(page))
    assert "more information about" in block.text
    assert "pages on self-service and on" in block.text


def test_lines_that_end_early_are_texts_of_their_own(tmp_path):
    page = [
        Put(60, 100, "Q: Do you ship to France?"),
        Put(60, 112, "A: Yes."),
        *column(RETURNS, x=60, y=140, width=300),
    ]
    assert texts(blocks(tmp_path, PdfMaker().page(page))) == ["Q: Do you ship to France?", "A: Yes.", RETURNS]


def test_larger_text_is_a_heading_and_its_size_gives_the_level(tmp_path):
    page = [
        Put(60, 60, "Manual", BOLD, 24),
        Put(60, 100, "Returns", BOLD, 16),
        *column(RETURNS, x=60, y=130, width=300),
        Put(60, 220, "Shipping", BOLD, 16),
        *column(SHIPPING, x=60, y=250, width=300),
    ]
    found = blocks(tmp_path, PdfMaker().page(page))
    assert [(b.text, b.level) for b in found if b.kind is BlockKind.HEADING] == [
        ("Manual", 1),
        ("Returns", 2),
        ("Shipping", 2),
    ]


def test_a_heading_of_two_lines_is_one(tmp_path):
    page = [
        Put(60, 60, "How can I return an article that was", BOLD, 16),
        Put(60, 80, "damaged?", BOLD, 16),
        *column(RETURNS, x=60, y=110, width=300),
    ]
    assert texts(blocks(tmp_path, PdfMaker().page(page)))[0] == "How can I return an article that was damaged?"


def test_a_bold_line_is_marked_as_such(tmp_path):
    page = [Put(60, 100, "Can I cancel my order?", BOLD), *column(RETURNS, x=60, y=118, width=300)]
    first, second = blocks(tmp_path, PdfMaker().page(page))
    assert (first.text, first.bold, second.bold) == ("Can I cancel my order?", True, False)


def test_numbered_headings_have_the_depth_of_their_number(tmp_path):
    page = [
        Put(60, 100, "2 Returns", BOLD),
        *column(RETURNS, x=60, y=120, width=300),
        Put(60, 190, "2.1 Who pays for the parcel", BOLD),
        *column(SHIPPING, x=60, y=210, width=300),
    ]
    found = blocks(tmp_path, PdfMaker().page(page))
    assert [(b.text, b.level) for b in found if b.kind is BlockKind.HEADING] == [
        ("2 Returns", 1),
        ("2.1 Who pays for the parcel", 2),
    ]


@pytest.mark.parametrize("title", ["第二章 退货", "一、退货", "（一）退货条件"])
def test_chinese_chapters_are_headings(tmp_path, title):
    page = [Put(60, 100, title), *column(TUIHUO, x=60, y=130, width=300)]
    first, second = blocks(tmp_path, PdfMaker().page(page))
    assert (first.kind, first.text, second.text) == (BlockKind.HEADING, title, TUIHUO)


def test_a_list_is_one_block_with_an_item_a_line(tmp_path):
    items = column(
        "Look for the label that carries the number of the order, which is on the inside of the lid.",
        x=74,
        y=142,
        width=250,
    )
    page = [
        *column(RETURNS, x=60, y=60, width=400),
        Put(60, 130, "1. Open the parcel."),
        Put(60, 142, "2."),
        *items,
        Put(60, bottom(items) + 12, "3. Send it to us."),
    ]
    found = blocks(tmp_path, PdfMaker().page(page))
    assert found[-1].text.splitlines() == [
        "1. Open the parcel.",
        "2. Look for the label that carries the number of the order, which is on the inside of the lid.",
        "3. Send it to us.",
    ]


def test_a_number_that_a_line_happens_to_begin_with_is_no_list(tmp_path):
    page = [
        Put(60, 100, "You can return everything that is listed in our catalogue under article"),
        Put(60, 112, "59. You can return the rest in our shops, wherever these are, and"),
        Put(60, 124, "but not by mail."),
    ]
    assert len(blocks(tmp_path, PdfMaker().page(page))) == 1


def test_a_nested_list_is_indented(tmp_path):
    page = [
        Put(60, 100, "- Europe"),
        Put(80, 112, "- France"),
        Put(80, 124, "- Spain"),
        Put(60, 136, "- Asia"),
    ]
    (block,) = blocks(tmp_path, PdfMaker().page(page))
    assert block.text == "- Europe\n  - France\n  - Spain\n- Asia"


def test_a_ruled_table_keeps_its_cells(tmp_path):
    rows = [("Country", "Days"), ("Germany", "2"), ("France", "3 to 4")]
    page = [Put(60 + 80 * c, 100 + 20 * r, cell) for r, row in enumerate(rows) for c, cell in enumerate(row)]
    lines = [(55, 86 + 20 * r, 200, 86 + 20 * r) for r in range(4)]
    lines += [(x, 86, x, 146) for x in (55, 135, 200)]
    found = blocks(tmp_path, PdfMaker().page([*page, *column(RETURNS, x=60, y=200, width=400)], lines))
    assert found[0].kind is BlockKind.TABLE
    assert found[0].rows == tuple(rows)
    assert found[0].text.splitlines()[:2] == ["| Country | Days |", "| --- | --- |"]
    assert found[1].text == RETURNS


def test_a_cell_of_several_lines_is_one_cell(tmp_path):
    cell = column("Everything but what was made to measure for you.", x=160, y=120, width=120)
    page = [
        Put(60, 100, "Article"),
        Put(160, 100, "Returnable"),
        Put(60, 120, "Clothes"),
        *cell,
        Put(60, bottom(cell) + 20, "Food"),
        Put(160, bottom(cell) + 20, "Nothing"),
    ]
    heights = [86, 106, bottom(cell) + 6, bottom(cell) + 26]
    lines = [(55, y, 300, y) for y in heights] + [(x, heights[0], x, heights[-1]) for x in (55, 155, 300)]
    (table,) = blocks(tmp_path, PdfMaker().page(page, lines))
    assert table.rows == (
        ("Article", "Returnable"),
        ("Clothes", "Everything but what was made to measure for you."),
        ("Food", "Nothing"),
    )


def test_short_columns_on_the_same_lines_are_a_table_without_rules(tmp_path):
    rows = [("Country", "Days", "Price"), ("Germany", "2", "4 EUR"), ("France", "3", "6 EUR"), ("Spain", "5", "9 EUR")]
    page = [Put(60 + 120 * c, 100 + 14 * r, cell) for r, row in enumerate(rows) for c, cell in enumerate(row)]
    (table,) = blocks(tmp_path, PdfMaker().page(page))
    assert table.rows == tuple(rows)


def test_a_table_goes_on_across_a_page_and_its_repeated_head_is_dropped(tmp_path):
    head, rows = ("Country", "Days"), [("Germany", "2"), ("France", "3"), ("Spain", "5"), ("Italy", "4")]
    maker = PdfMaker()
    for start in (0, 2):
        shown = [head, *rows[start : start + 2]]
        maker.page([Put(60 + 120 * c, 300 + 14 * r, cell) for r, row in enumerate(shown) for c, cell in enumerate(row)])
    (table,) = blocks(tmp_path, maker)
    assert table.rows == (head, *rows)


def test_the_table_of_contents_is_left_out(tmp_path):
    page = [
        Put(60, 60, "1 Returns ............................ 3"),
        Put(60, 80, "2 Shipping .......................... 7"),
        *column(RETURNS, x=60, y=120, width=300),
    ]
    assert texts(blocks(tmp_path, PdfMaker().page(page))) == [RETURNS]


def test_markdown_marks_in_the_text_are_escaped(tmp_path):
    (block,) = blocks(tmp_path, PdfMaker().page([Put(60, 100, "Press <Enter> for 2 * 3 and user_name.")]))
    assert block.text == "Press \\<Enter> for 2 \\* 3 and user_name."


def test_invisible_white_and_turned_text_is_dropped(tmp_path):
    maker = PdfMaker()
    maker.canvas.saveState()
    hidden = maker.canvas.beginText(60, 300)
    hidden.setTextRenderMode(3)
    hidden.textOut("hidden keywords")
    maker.canvas.drawText(hidden)
    maker.canvas.restoreState()
    maker.canvas.setFillColorRGB(1, 1, 1)
    maker.canvas.drawString(60, 320, "white keywords")
    maker.canvas.setFillColorRGB(0, 0, 0)
    maker.canvas.saveState()
    maker.canvas.rotate(45)
    maker.canvas.drawString(300, 100, "DRAFT")
    maker.canvas.restoreState()
    assert texts(blocks(tmp_path, maker.page(column(RETURNS, x=60, y=100, width=300)))) == [RETURNS]


def test_white_text_on_a_dark_ground_is_read(tmp_path):
    maker = PdfMaker()
    maker.canvas.setFillColorRGB(0, 0, 0.4)
    maker.canvas.rect(50, 500, 300, 40, fill=1)
    maker.canvas.setFillColorRGB(1, 1, 1)
    maker.canvas.drawString(60, 515, "Free returns")
    maker.canvas.setFillColorRGB(0, 0, 0)
    assert "Free returns" in texts(blocks(tmp_path, maker.page()))


def test_a_page_that_is_turned_is_read_in_its_direction(tmp_path):
    maker = PdfMaker()
    maker.canvas.rotate(90)
    for index, put in enumerate(column(RETURNS, x=60, y=0, width=300)):
        maker.canvas.drawString(60, -100 - 12 * index, put.text)
    assert texts(blocks(tmp_path, maker.page())) == [RETURNS]
