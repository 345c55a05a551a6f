import zipfile
from io import BytesIO

import docx
import pytest
from docx.oxml import parse_xml

from ingest.records import Note, Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.docx_file import read_docx

NAMES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    ' xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
    ' xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
)
STYLES = (
    f"<w:styles {NAMES}>"
    '<w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 1"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="a3"><w:name w:val="标题 2"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="mine"><w:name w:val="Mine"/><w:basedOn w:val="a3"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="lvl"><w:name w:val="X"/><w:pPr><w:outlineLvl w:val="1"/></w:pPr></w:style>'
    '<w:style w:type="paragraph" w:styleId="q"><w:name w:val="FAQ Question"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="loop"><w:name w:val="Y"/><w:basedOn w:val="loop"/></w:style>'
    '<w:style w:type="paragraph" w:styleId="toc1"><w:name w:val="toc 1"/></w:style></w:styles>'
)
RELS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="x" Target="https://a.test/terms" TargetMode="External"/>'
    '<Relationship Id="r2" Type="x" Target="javascript:alert(1)" TargetMode="External"/></Relationships>'
)


@pytest.fixture
def read(tmp_path):
    def run(content):
        path = tmp_path / "faq.docx"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
        return list(read_docx(Document(path=path, name="faq.docx"), ReadOptions()))

    return run


def package(body, **parts):
    """Make a document of raw paragraphs, as other programs than python-docx write them."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", f"<w:document {NAMES}><w:body>{body}</w:body></w:document>")
        archive.writestr("word/styles.xml", STYLES)
        archive.writestr("word/_rels/document.xml.rels", RELS)
        for name, text in parts.items():
            archive.writestr(f"word/{name}.xml", text)
    return out.getvalue()


def para(content, style=""):
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{properties}{content}</w:p>"


def run(text, **properties):
    names = "".join(f"<w:{name}/>" for name in properties)
    return f'<w:r><w:rPr>{names}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def mark(kind, instruction=""):
    text = f"<w:r><w:instrText>{instruction}</w:instrText></w:r>" if instruction else ""
    return f'<w:r><w:fldChar w:fldCharType="{kind}"/></w:r>{text}'


def essence(items):
    return [(item.question, item.answer) for item in items if isinstance(item, Record)]


@pytest.fixture
def answer(read):
    def of(paragraphs):
        ((_, text),) = essence(read(package(para(run("How?"), "1") + paragraphs)))
        return text

    return of


# -- documents as Word writes them


def test_headings_are_questions_and_lists_stay_lists(read):
    document = docx.Document()
    document.add_heading("Our shop", 0)
    document.add_heading("Returns", 1)
    document.add_heading("How do I return it?", 2)
    document.add_paragraph("Send it ").add_run("back").bold = True
    for text, style in (("box", "List Bullet"), ("lid", "List Bullet 2"), ("bill", "List Bullet")):
        document.add_paragraph(text, style=style)
    for text in ("pack", "send"):
        document.add_paragraph(text, style="List Number")
    (record,) = read(document)
    assert (record.question, record.category) == ("How do I return it?", "Returns")
    assert record.answer == "Send it **back**\n\n- box\n  - lid\n- bill\n\n1. pack\n2. send"
    assert (record.source.file, record.source.place) == ("faq.docx", "paragraph 3")


def test_bold_and_numbered_lines_are_questions(read):
    document = docx.Document()
    for question, text in (("How do I pay?", "By card."), ("Which cards?", "All.")):
        document.add_paragraph().add_run(question).bold = True
        document.add_paragraph(text)
    document.add_paragraph("1. 如何退货？")
    document.add_paragraph("七天内。")
    document.add_paragraph("多久到账？", style="List Number")
    document.add_paragraph("三天。")
    document.add_paragraph("问：贵吗？\n答：不贵。")
    assert essence(read(document)) == [
        ("How do I pay?", "By card."),
        ("Which cards?", "All."),
        ("如何退货？", "七天内。"),
        ("多久到账？", "三天。"),
        ("贵吗？", "不贵。"),
    ]


def test_tables_of_questions_are_records_and_merged_cells_go_on(read):
    document = docx.Document()
    table = document.add_table(rows=3, cols=3)
    for row, texts in zip(
        table.rows, [("分类", "问题", "答案"), ("物流", "多久？", "三天"), ("", "贵吗？", "不贵")], strict=True
    ):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    found = read(document)
    assert essence(found) == [("多久？", "三天"), ("贵吗？", "不贵")]
    assert [(r.category, r.source.place) for r in found] == [("物流", "table 1, row 2"), ("物流", "table 1, row 3")]


def test_other_tables_are_part_of_the_answer_and_frames_are_seen_through(read):
    document = docx.Document()
    document.add_heading("Which size?", 1)
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ("S", "M", "1", "2"), strict=True):
        cell.text = text
    frame = document.add_table(rows=1, cols=1).cell(0, 0)
    frame.text = "Ask us."
    assert essence(read(document)) == [("Which size?", "| S | M |\n| --- | --- |\n| 1 | 2 |\n\nAsk us.")]


def test_prose_is_passages_with_their_headings(read):
    document = docx.Document()
    document.add_heading("Returns", 1)
    document.add_heading("Abroad", 2)
    for _ in range(20):
        document.add_paragraph("You pay the duty yourself. It depends on the country.")
    found = read(document)
    assert {(record.question, record.prose) for record in found} == {("Returns › Abroad", True)}
    assert found[1].source.place.startswith("paragraph ")


# -- documents as others write them


@pytest.mark.parametrize(
    "style", ["1", "a3", "mine", "lvl", "q"], ids=["english", "chinese", "derived", "outline", "named"]
)
def test_headings_are_known_by_name_level_and_what_they_are_based_on(read, style):
    assert essence(read(package(para(run("Fees"), style) + para(run("None."))))) == [("Fees", "None.")]


def test_styles_that_are_based_on_themselves_do_no_harm(read):
    assert essence(read(package(para(run("How?"), "1") + para(run("So."), "loop")))) == [("How?", "So.")]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (run("a") + f"<w:ins>{run('b')}</w:ins><w:del><w:r><w:delText>c</w:delText></w:r>{run('d')}</w:del>", "ab"),
        (f"<w:moveFrom>{run('x')}</w:moveFrom>{run('a')}<w:moveTo>{run('b')}</w:moveTo>", "ab"),
        (run("So ", b=1) + run("it", b=1, i=1) + run(" is", b=1), "**So** ***it*** **is**"),
        (run("a") + '<w:r><w:footnoteReference w:id="1"/></w:r>' + run("b"), "ab"),
        (run("a") + run("hidden", vanish=1) + run("b"), "ab"),
        (
            f'{run("see ")}<w:hyperlink r:id="r1">{run("our ")}{run("terms")}</w:hyperlink>',
            "see [our terms](https://a.test/terms)",
        ),
        (f'<w:hyperlink r:id="r2">{run("click")}</w:hyperlink>', "click"),
        (
            mark("begin", ' HYPERLINK "https://b.test" ') + mark("separate") + run("b") + mark("end") + run("c"),
            "[b](https://b.test)c",
        ),
        (
            mark("begin", "PAGE") + mark("separate") + run("7") + mark("end"),
            "7",
        ),
        (f"<w:sdt><w:sdtPr/><w:sdtContent>{run('a')}</w:sdtContent></w:sdt>", "a"),
        ("<w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>2*3</w:t></w:r>", "a b  \n2\\*3"),
        (
            f"{run('a')}<w:r><mc:AlternateContent><mc:Choice><w:txbxContent>{para(run('box'))}</w:txbxContent></mc:Choice>"
            f"<mc:Fallback><w:txbxContent>{para(run('box'))}</w:txbxContent></mc:Fallback></mc:AlternateContent></w:r>",
            "a\n\nbox",
        ),
    ],
    ids=[
        "changes",
        "moves",
        "runs",
        "footnote",
        "hidden",
        "link",
        "script",
        "field",
        "page",
        "control",
        "signs",
        "box",
    ],
)
def test_the_final_text_is_read(answer, content, text):
    assert answer(para(content)) == text


def test_a_table_of_contents_and_deleted_rows_are_left_out(answer):
    row = "<w:tr>{}<w:tc>" + para(run("{}")) + "</w:tc><w:tc>" + para(run("b")) + "</w:tc></w:tr>"
    table = row.format("", "S") + row.format("", "1") + row.format("<w:trPr><w:del/></w:trPr>", "2")
    text = answer(para(run("So.")) + para(run("Returns 3"), "toc1") + f"<w:tbl>{table}</w:tbl>")
    assert text == "So.\n\n| S | b |\n| --- | --- |\n| 1 | b |"


def test_numbers_go_on_behind_a_paragraph_between(answer):
    item = '<w:p><w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="5"/></w:numPr></w:pPr>{}</w:p>'
    assert answer(item.format(run("a")) + para(run("between")) + item.format(run("b"))) == "1. a\n\nbetween\n\n2. b"


def test_parts_that_are_missing_are_not_missed(read):
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        body = para(run("How do I pay?")) + para(run("By card.")) + para(run("Why?")) + para(run("So."))
        archive.writestr("word/document.xml", f"<w:document {NAMES}><w:body>{body}</w:body></w:document>")
    assert essence(read(out.getvalue())) == [("How do I pay?", "By card."), ("Why?", "So.")]


# -- hostile documents


def archive_of(**files):
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), text)
    return out.getvalue()


BOMB = (
    '<!DOCTYPE d [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY a{n} "{"&a;" * 10 if n == 0 else f"&a{n - 1};" * 10}">' for n in range(10))
    + "]>"
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no zip at all", "no Word document"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), "save it as .docx"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "is encrypted"),
        (archive_of(a="b"), "a ZIP archive but no Word document"),
        (archive_of(word__document_xml="<w:document"), "is damaged"),
        (
            archive_of(word__document_xml=f"{BOMB}<w:document {NAMES}><w:body><w:p>&a9;</w:p></w:body></w:document>"),
            "type definition",
        ),
        (archive_of(word__document_xml=b"<w>" + b" " * (201 << 20)), "up to 200 MB are read"),
        (package("")[:-30], "no Word document, or is damaged"),
        (package(para(run("x")), numbering="<" * 10), "numbering.xml is damaged"),
        (package("<w:tbl><w:tr><w:tc>" * 300), "is damaged"),
    ],
    ids=[
        "empty",
        "text",
        "old",
        "encrypted",
        "other-zip",
        "broken",
        "entities",
        "bomb",
        "cut",
        "side-part",
        "nested",
    ],
)
def test_a_document_that_cannot_be_read_says_why_in_a_line(read, content, reason):
    (rejection,) = read(content)
    assert isinstance(rejection, Rejection)
    assert reason in rejection.reason
    assert "\n" not in rejection.reason


def test_what_stands_before_the_damage_is_kept(read):
    body = para(run("How?"), "1") + para(run("So.")) + "<w:p><w:r>"
    found = read(package(body))
    assert essence(found) == [("How?", "So.")]
    assert found[0].source.place == "after paragraph 2"


def test_an_encrypted_part_is_named(read):
    content = bytearray(package(para(run("x"))))
    for start in (b"PK\x03\x04", b"PK\x01\x02"):
        content[content.index(start) + (6 if start[2] == 3 else 8)] |= 1
    (rejection,) = read(bytes(content))
    assert "encrypted" in rejection.reason


def test_strict_documents_have_other_names(read):
    content = package(para(run("How?"), "1") + para(run("So.")))
    strict = BytesIO()
    with zipfile.ZipFile(BytesIO(content)) as old, zipfile.ZipFile(strict, "w") as new:
        for name in old.namelist():
            text = old.read(name).replace(
                b"http://schemas.openxmlformats.org/wordprocessingml/2006/main",
                b"http://purl.oclc.org/ooxml/wordprocessingml/main",
            )
            new.writestr(name, text)
    assert essence(read(strict.getvalue())) == [("How?", "So.")]


def test_python_docx_and_we_agree_on_the_text(read):
    document = docx.Document()
    for number in range(30):
        document.add_paragraph(f"Paragraph {number} has some words, and more of them.")
    document.paragraphs[3]._p.append(parse_xml(f"<w:r {NAMES}><w:t> And this.</w:t></w:r>"))
    shown = "\n\n".join(paragraph.text for paragraph in document.paragraphs)
    assert "\n\n".join(record.answer for record in read(document) if not isinstance(record, Note)) == shown
