import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from reportlab.lib.utils import ImageReader

from ingest.records import Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.pdf_file import read_pdf
from tests.fakes.pdfs import BOLD, PdfMaker, Put, column

ANSWER = (
    "You can return any article within thirty days after delivery. Please keep the packaging and the receipt, "
    "because our warehouse needs both of them to process the return."
)


def read(tmp_path, data):
    path = tmp_path / "manual.pdf"
    path.write_bytes(data)
    return list(read_pdf(Document(path=path, name="manual.pdf"), ReadOptions()))


def rejections(items):
    return [(item.source.place, item.reason) for item in items if isinstance(item, Rejection)]


def faq_page(maker, question="How can I return an article?"):
    return maker.page([Put(60, 100, question, BOLD, 14), *column(ANSWER, x=60, y=130, width=300)])


def picture_page(maker):
    image = ImageReader(Image.new("RGB", (40, 40), (200, 10, 10)))
    maker.canvas.drawImage(image, 0, 0, 595, 842)
    return maker


def raw_pdf(*objects):
    """A file of the given objects, without a table of where they are; readers look for them."""
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % (number, text) for number, text in enumerate(objects, start=1))
    return b"%PDF-1.4\n" + body + b"trailer\n<< /Root 1 0 R >>\n%%EOF\n"


def page_of(content):
    return raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 "
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
    )


def test_a_heading_that_asks_becomes_an_entry_with_its_page(tmp_path):
    maker = faq_page(faq_page(PdfMaker()), "Who pays for the parcel?")
    records = [item for item in read(tmp_path, maker.data()) if isinstance(item, Record)]
    assert [(r.question, r.answer, r.source.place) for r in records] == [
        ("How can I return an article?", ANSWER, "page 1"),
        ("Who pays for the parcel?", ANSWER, "page 2"),
    ]


def test_lines_marked_q_and_a_become_an_entry(tmp_path):
    page = [Put(60, 100, "Q: Do you ship to France?"), Put(60, 112, "A: Yes, to all countries of the union.")]
    (record,) = read(tmp_path, PdfMaker().page(page).data())
    assert (record.question, record.answer) == ("Do you ship to France?", "Yes, to all countries of the union.")


def test_pages_that_are_pictures_are_rejected_and_the_others_read(tmp_path):
    maker = faq_page(PdfMaker())
    for _ in range(2):
        picture_page(maker).page()
    faq_page(maker, "Who pays for the parcel?")
    picture_page(maker).page()
    items = read(tmp_path, maker.data())
    assert rejections(items) == [
        ("pages 2-3", "pages 2 to 3 are pictures without text; run OCR first"),
        ("page 5", "page 5 is a picture without text; run OCR first"),
    ]
    assert sum(isinstance(item, Record) for item in items) == 2


def test_text_recognised_behind_a_picture_is_read(tmp_path):
    maker = picture_page(PdfMaker())
    text = maker.canvas.beginText(60, 700)
    text.setTextRenderMode(3)
    text.textLine("Q: Do you ship to France?")
    text.textLine("A: Yes, to all countries of the union.")
    maker.canvas.drawText(text)
    (record,) = read(tmp_path, maker.page().data())
    assert record.question == "Do you ship to France?"


def test_an_empty_page_is_no_reason_to_complain(tmp_path):
    assert rejections(read(tmp_path, faq_page(PdfMaker().page()).data())) == []


def test_a_file_of_empty_pages_is_rejected(tmp_path):
    assert rejections(read(tmp_path, PdfMaker().page().data())) == [("", "the file holds no text")]


def test_a_file_with_a_password_is_rejected(tmp_path):
    data = faq_page(PdfMaker(password="secret")).data()
    reason = "the file is protected by a password; save it without one"
    assert rejections(read(tmp_path, data)) == [("", reason)]


@pytest.mark.parametrize("data", [b"\x00\xff" * 500, b"%PDF-1.7\n", b"question,answer\n"], ids=["binary", "cut", "csv"])
def test_what_is_no_pdf_is_rejected(tmp_path, data):
    assert rejections(read(tmp_path, data)) == [("", "the file is not a PDF, or is damaged")]


def test_an_empty_file_is_rejected(tmp_path):
    assert rejections(read(tmp_path, b"")) == [("", "the file is empty")]


def test_pages_that_are_only_declared_are_rejected_in_one_line(tmp_path):
    data = raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 100000 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 "
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>",
        b"<< /Length 96 >>\nstream\nBT /F1 10 Tf 60 700 Td (Q: Do you ship to France?) Tj "
        b"0 -14 Td (A: Yes, to all of it.) Tj ET      \nendstream",
    )
    items = read(tmp_path, data)
    assert [item.question for item in items if isinstance(item, Record)] == ["Do you ship to France?"]
    places = [place for place, _ in rejections(items)]
    assert len(places) <= 2
    assert all(reason for _, reason in rejections(items))


def test_a_page_tree_that_is_a_loop_is_rejected(tmp_path):
    data = raw_pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R] /Count 3 >>")
    items = read(tmp_path, data)
    assert items
    assert all(isinstance(item, Rejection) for item in items)


def test_a_page_with_far_too_much_text_is_rejected(tmp_path):
    lines = b" ".join(b"(%050d) Tj 0 -0.3 Td" % number for number in range(2100))
    ((place, reason),) = rejections(read(tmp_path, page_of(b"BT /F1 10 Tf 60 700 Td " + lines + b" ET")))
    assert place == "page 1"
    assert reason.startswith("page 1 holds ")
    assert reason.endswith("up to 100,000 are read; split it")


def test_text_outside_of_the_page_is_dropped(tmp_path):
    content = (
        b"BT /F1 10 Tf 60 700 Td (Q: Do you ship to France?) Tj 0 -14 Td (A: Yes, to all of it.) Tj "
        b"0 -900 Td (hidden) Tj ET"
    )
    (record,) = read(tmp_path, page_of(content))
    assert record.answer == "Yes, to all of it."


def test_a_font_that_hides_its_characters_is_named_as_the_reason(tmp_path):
    codes = "".join(f"<{code:02x}> <{0xE000 + code:04x}>\n" for code in range(65, 91))
    cmap = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <00> <ff> "
        f"endcodespacerange 26 beginbfchar\n{codes}endbfchar endcmap end end"
    ).encode()
    data = raw_pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 "
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 5 0 R >> >> >> >>",
        b"<< /Length 52 >>\nstream\nBT /F1 10 Tf 60 700 Td (ABCDEFGHIJKLMNOPQ) Tj ET    \nendstream",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(cmap), cmap),
    )
    ((place, reason),) = rejections(read(tmp_path, data))
    assert place == "page 1"
    assert reason.startswith("page 1 has a font that hides which characters it shows")


GOOD = faq_page(faq_page(PdfMaker())).data()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.95])
def test_a_file_that_was_cut_off_gives_records_or_a_reason(tmp_path, share):
    assert read(tmp_path, GOOD[: int(len(GOOD) * share)])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=40))
def test_no_damage_makes_the_reader_fail(tmp_path, places):
    data = bytearray(GOOD)
    for place, byte in places:
        data[place] = byte
    assert read(tmp_path, bytes(data))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                b"BT",
                b"ET",
                b"/F1 10 Tf",
                b"/F1 1e9 Tf",
                b"60 700 Td",
                b"0 0 0 0 0 0 Tm",
                b"1e30 0 0 1e30 0 0 cm",
                b"(a b) Tj",
                b"[(a) -9999 (b)] TJ",
                b"q",
                b"Q",
                b"3 Tr",
                b"7 Tr",
                b"0 0 600 900 re f",
                b"1 1 1 rg",
                b"<FFFE00> Tj",
                b"0 1 -1 0 50 50 Tm",
                b"-1 0 0 -1 300 300 Tm",
                b"(\x02\x00\xad) Tj",
            ]
        ),
        max_size=30,
    )
)
def test_no_content_makes_the_reader_fail(tmp_path, operators):
    assert read(tmp_path, page_of(b" ".join(operators))) is not None
