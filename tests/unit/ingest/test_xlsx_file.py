import io
import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
import xlwt
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from ingest.limits import Limits
from ingest.sources.xlsx_file import shown
from tests.fakes.documents import read_content, read_file

MOMENT = datetime.fromisoformat("2026-01-31T18:30")  # as cells have it: without a zone
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.fixture
def workbook():
    book = openpyxl.Workbook()
    book.remove(book.active)
    return book


@pytest.fixture
def read(tmp_path, workbook):
    def run(content=None, name="faq.xlsx", **options):
        if content is not None:
            return read_content(tmp_path, name, content, **options)
        workbook.save(tmp_path / name)
        return read_file(tmp_path / name, **options)

    return run


def sheet(workbook, *rows, title="FAQ"):
    made = workbook.create_sheet(title)
    for row in rows:
        made.append(row)
    return made


def raw_workbook(sheet_xml, *, strings="", names=("S",)):
    """Write a workbook whose sheet holds any XML, which no library would write."""
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    sheets = "".join(f'<sheet name="{name}" sheetId="{n}" r:id="rId1"/>' for n, name in enumerate(names, start=1))
    types = "application/vnd.openxmlformats-"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="xml" '
        f'ContentType="application/xml"/><Default Extension="rels" ContentType="{types}package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{types}officedocument.spreadsheetml.sheet.main+xml"/>'
        "</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{office}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" '
        f'Type="{office}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><dimension ref="A1:XFD1048576"/><sheetData>'
        f"{sheet_xml}</sheetData></worksheet>",
        "xl/sharedStrings.xml": strings or f'<sst xmlns="{MAIN}"/>',
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return packed.getvalue()


def cell(place, text):
    return f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'


HEADER = f'<row r="1">{cell("A1", "question")}{cell("B1", "answer")}</row>'
ENTRY = f'<row r="2">{cell("A2", "a")}{cell("B2", "b")}</row>'


def test_every_visible_sheet_is_read_with_its_own_header(workbook, read):
    sheet(workbook, ["问题", "答案"], ["怎么退货", "七天"], title="售后")
    sheet(workbook, ["id", "Answer", "Question"], [7, "By card", "How to pay?"], title="Payment")
    found = read()
    assert [(r.question, r.answer, r.id, r.source.place) for r in found.records] == [
        ("怎么退货", "七天", "", "售后, row 2"),
        ("How to pay?", "By card", "7", "Payment, row 2"),
    ]
    assert found.noted == [
        "售后: columns: question=问题, answer=答案",
        "Payment: columns: id=id, answer=Answer, question=Question",
    ]
    assert found.rejections == []


def test_sheets_that_are_hidden_empty_or_remarks_are_noted_and_left_out(workbook, read):
    sheet(workbook, ["问题", "答案"], ["a", "b"])
    sheet(workbook, ["问题", "答案"], ["secret", "x"], title="old").sheet_state = "hidden"
    workbook.create_sheet("empty")
    sheet(workbook, ["请按模板填写"], ["每行一个问题"], title="说明")
    found = read()
    assert found.pairs == [("a", "b")]
    assert found.rejections == []
    notes = {note.split(":")[0]: note for note in found.noted}
    assert "the sheet is hidden and was not read" in notes["old"]
    assert "the sheet is empty" in notes["empty"]
    assert "the sheet holds remarks, not a table" in notes["说明"]


def test_a_sheet_that_is_a_table_without_questions_is_rejected_beside_one_that_is_read(workbook, read):
    sheet(workbook, ["问题", "答案"], ["a", "b"])
    sheet(workbook, ["x", "y"], ["1", "2"], ["3", "4"], title="prices")
    found = read()
    assert found.pairs == [("a", "b")]
    assert found.reasons[0].startswith("prices: no column is called question or 问题; the columns are A 'x', B 'y'")


def test_a_workbook_without_anything_is_a_rejection(workbook, read):
    workbook.create_sheet("empty")
    assert read().reasons == ["empty: the sheet is empty"]


def test_a_table_may_stand_anywhere_in_a_sheet(workbook, read):
    made = workbook.create_sheet("S")
    for place, text in {"C4": "问题", "D4": "答案", "C5": "a", "D5": "b", "C7": "c", "D7": "d"}.items():
        made[place] = text
    found = read()
    assert [(r.question, r.source.place) for r in found.records] == [("a", "S, row 5"), ("c", "S, row 7")]
    assert read(columns={"question": "D", "answer": "C"}).pairs == [("b", "a"), ("d", "c")]


def test_cells_that_are_merged_with_a_question_belong_to_it(workbook, read):
    made = sheet(
        workbook, ["问题", "相似问", "答案", "分类"], ["a", "b", "one", "售后"], [None, "c", "two"], ["d", "", "x"]
    )
    made.merge_cells("A2:A3")
    made.merge_cells("D2:D4")
    found = read()
    assert [(r.question, r.similar_questions, r.answer, r.category) for r in found.records] == [
        ("a", ("b", "c"), "one\n\ntwo", "售后"),
        ("d", (), "x", "售后"),
    ]


def test_an_answer_that_is_merged_over_several_questions_answers_each(workbook, read):
    made = sheet(workbook, ["问题", "答案"], ["a", "x"], ["b", None], ["c", "y"])
    made.merge_cells("B2:B3")
    assert read().pairs == [("a", "x"), ("b", "x"), ("c", "y")]


def test_a_header_that_is_merged_over_columns_and_rows_is_understood(workbook, read):
    made = sheet(
        workbook,
        ["客服常见问题", None, None, None],
        ["问题", "相似问", None, "答案"],
        [None, "1", "2", None],
        ["a", "b", "c", "x"],
    )
    for merged in ("A1:D1", "A2:A3", "B2:C2", "D2:D3"):
        made.merge_cells(merged)
    found = read()
    assert [(r.question, r.similar_questions, r.answer, r.source.place) for r in found.records] == [
        ("a", ("b", "c"), "x", "FAQ, row 4")
    ]


def test_an_answer_header_that_is_merged_over_two_columns_joins_them(workbook, read):
    made = sheet(workbook, ["问题", "答案", None], ["a", "one", "two"])
    made.merge_cells("B1:C1")
    assert read().pairs == [("a", "one\n\ntwo")]


def test_bold_words_and_links_of_answers_become_markdown(workbook, read):
    made = sheet(workbook, ["问题", "答案"])
    bold, italic = InlineFont(b=True), InlineFont(i=True)
    made["A2"] = CellRichText("怎么", TextBlock(bold, "退货"))
    made["B2"] = CellRichText("请在", TextBlock(bold, " 七天 "), "内", TextBlock(italic, "联系"))
    made["A3"], made["B3"] = "link", "看这里"
    made["B3"].hyperlink = "https://example.com/a?b=1&c=(2)"
    made["A4"], made["B4"] = "script", "x"
    made["B4"].hyperlink = "javascript:alert(1)"
    made["A5"], made["B5"] = "all bold", CellRichText(TextBlock(bold, "one "), TextBlock(bold, "style"))
    made["A6"], made["B6"] = "twice", CellRichText("see ", TextBlock(bold, "this"))
    made["B6"].hyperlink = "https://example.com"
    assert read().pairs == [
        ("怎么退货", "请在 **七天** 内*联系*"),
        ("link", "[看这里](https://example.com/a?b=1&c=%282%29)"),
        ("script", "x"),
        ("all bold", "one style"),
        ("twice", "[see **this**](https://example.com)"),
    ]


def test_shared_strings_with_bold_words_become_markdown_too(read):
    strings = (
        f'<sst xmlns="{MAIN}"><si><t>question</t></si><si><t>answer</t></si><si><r><t xml:space="preserve">'
        "in </t></r><r><rPr><b/></rPr>"
        "<t>seven</t></r>"
        '<r><rPr><b val="0"/></rPr><t xml:space="preserve"> days</t></r><rPh><t>x</t></rPh></si></sst>'
    )
    rows = "".join(
        f'<row r="{n}"><c r="A{n}" t="s"><v>{a}</v></c><c r="B{n}" t="s"><v>{b}</v></c></row>'
        for n, a, b in ((1, 0, 1), (2, 1, 2))
    )
    assert read(raw_workbook(rows, strings=strings)).pairs == [("answer", "in **seven** days")]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3.0, "3"),
        (3, "3"),
        (0.1 + 0.2, "0.3"),
        (-2.5, "-2.5"),
        (12345678901234567, "12345678901234568"),
        (1e30, "1e+30"),
        (True, "TRUE"),
        (date(2026, 1, 31), "2026-01-31"),
        (MOMENT, "2026-01-31 18:30"),
        (time(9, 5), "09:05"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        ("=1+1", "=1+1"),
    ],
)
def test_values_are_written_as_a_person_sees_them(value, text):
    assert shown(value) == text


def test_numbers_and_dates_in_cells_are_text(workbook, read):
    sheet(workbook, ["问题", "答案", "有效期至"], [110, 3.0, date(2026, 1, 31)], ["open", True, MOMENT])
    found = read()
    assert found.pairs == [("110", "3"), ("open", "TRUE")]
    assert found.records[0].valid_until.isoformat() == "2026-02-01T00:00:00+00:00"


def test_of_a_formula_the_last_value_counts_and_a_text_like_one_is_text(read):
    row = (
        '<row r="2"><c r="A2" t="str"><f>"a"&amp;"b"</f><v>ab</v></c>'
        f"{cell('B2', '=cmd|&apos; /C calc&apos;!A0')}</row>"
    )
    assert read(raw_workbook(HEADER + row)).pairs == [("ab", "=cmd|' /C calc'!A0")]


def test_a_workbook_of_old_excel_is_read(tmp_path):
    book = xlwt.Workbook(encoding="gbk")
    made = book.add_sheet("售后")
    for row, cells in enumerate([["问题", "答案"], ["怎么退货", 7.0]]):
        for column, value in enumerate(cells):
            made.write(row, column, value)
    book.save(str(tmp_path / "old.xls"))
    assert read_file(tmp_path / "old.xls").pairs == [("怎么退货", "7")]


def test_text_under_the_name_of_a_workbook_is_read_as_text(read):
    found = read("问题\t答案\n怎么退货\t七天之内\n".encode("gbk"), name="导出.xls")
    assert found.pairs == [("怎么退货", "七天之内")]
    assert found.noted[0] == ": the file is text, not a workbook; read as CSV"


# -- hostile files


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(bytes(range(256)) * 20, "the file is not a workbook", id="binary"),
        pytest.param(b"PK\x03\x04" + b"garbage" * 50, "the workbook is damaged", id="broken-zip"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 2000, "the workbook is damaged", id="broken-ole"),
        pytest.param(b"\x09\x08" + b"\x00" * 600, "the workbook is damaged", id="broken-old"),
        pytest.param(b"<html><table></table></html>", "a web page with the name of a workbook", id="html"),
        pytest.param(b'<?xml version="1.0"?><Workbook/>', "the file is XML, not a workbook", id="xml"),
    ],
)
def test_a_file_that_is_no_workbook_is_one_rejection(read, content, reason):
    found = read(content)
    assert found.records == []
    (only,) = found.reasons
    assert reason in only


def test_a_word_document_under_the_name_of_a_workbook_is_a_rejection(read):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    (only,) = read(packed.getvalue()).reasons
    assert "the workbook is damaged" in only


def test_a_cell_far_from_the_table_is_named_instead_of_taking_all_memory(read):
    found = read(raw_workbook(HEADER + ENTRY + f'<row r="1048576">{cell("XFD1048576", "x")}</row>'))
    assert found.reasons == [
        "S: cells reach to XFD1048576; up to 1000 columns are allowed, delete what is far from the table"
    ]
    wide = "".join(cell(f"{letter}2", "x") for letter in ("A", "Z"))
    found = read(raw_workbook(HEADER + f'<row r="2">{wide}</row><row r="1000000">{cell("A1000000", "x")}</row>'))
    assert found.reasons == ["S: cells reach to Z1000000; delete what is far from the table, or save it as CSV"]


def test_a_million_empty_rows_that_have_a_format_cost_nothing(read):
    styled = "".join(f'<row r="{n}"><c r="XFD{n}" s="1"/></row>' for n in range(3, 20_000))
    found = read(raw_workbook(HEADER + ENTRY + styled))
    assert found.pairs == [("a", "b")]
    assert found.rejections == []


def test_a_workbook_that_unpacks_to_more_than_is_allowed_is_rejected_unread(read):
    found = read(raw_workbook(HEADER + " " * 3_000_000), limits=Limits(max_file_bytes=1_000_000))
    assert "the workbook unpacks to 2 MB in 6 parts; up to 0 MB are read" in found.reasons[0]


def test_xml_entities_in_a_workbook_are_refused(read):
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>'
    strings = f'{bomb}<sst xmlns="{MAIN}"><si><r><t>&b;</t></r></si></sst>'
    assert read(raw_workbook(HEADER + ENTRY, strings=strings)).reasons == [
        ": the workbook declares XML entities; it is not read"
    ]


def test_a_workbook_that_was_cut_off_is_a_rejection(workbook, read, tmp_path):
    sheet(workbook, ["问题", "答案"], *[[f"q{n}", "a"] for n in range(200)])
    read()
    content = (tmp_path / "faq.xlsx").read_bytes()
    found = read(content[: len(content) // 2], name="cut.xlsx")
    assert found.records == []
    assert len(found.rejections) == 1


def test_rows_that_cannot_be_entries_are_named_and_the_others_kept(workbook, read):
    sheet(workbook, ["问题", "答案"], ["a", "x"], [None, "lost"], ["long", "y" * 32_000], ["zero", "z"])
    found = read(limits=Limits(max_field_bytes=16_000))
    assert [r.question for r in found.records] == ["a", "zero"]
    assert [reason.split(":")[0] for reason in found.reasons] == ["FAQ, row 3", "FAQ, row 4"]
