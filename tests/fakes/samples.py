"""One sound file of every kind that is read, for tests that then damage it."""

import io
import zipfile
from functools import cache

import docx
import openpyxl
import xlwt

from tests.fakes.pdfs import PdfMaker, Put

PAIRS = [(f"How do I return order {n}?", f"Within **{n}** days, see [help](https://a.example/{n}).") for n in range(8)]
PAIRS += [("怎么退货？", "七天之内可以退货。<br>请保留包装。"), ("多久发货？", "48 小时")]


@cache
def sample(suffix: str) -> bytes:
    """Give a file of that kind with questions and answers in it."""
    return _MAKERS[suffix]()


def _table(separator: str) -> bytes:
    return "\n".join(separator.join(row) for row in [("question", "answer"), *PAIRS]).encode()


def _lines() -> bytes:
    return "\n".join(f'{{"question": "{q}", "answer": "{a}"}}' for q, a in PAIRS).encode()


def _json() -> bytes:
    return b"[" + _lines().replace(b"\n", b",\n") + b"]"


def _yaml() -> bytes:
    nlu = "nlu:\n- intent: faq/return\n  examples: |\n    - how to return\n    - 怎么退货\n"
    return f'version: "3.1"\n{nlu}responses:\n  utter_faq/return:\n  - text: "in 7 days"\n'.encode()


def _markdown() -> bytes:
    return "\n\n".join(["# Shop", *(f"## {q}\n\n{a}" for q, a in PAIRS), "|a|b|\n|-|-|\n|1|2|"]).encode()


def _html() -> bytes:
    shown = "".join(f"<details><summary>{q}</summary><p>{a}</p></details><h2>{q}?</h2><p>{a}</p>" for q, a in PAIRS)
    data = '{"@context":"https://schema.org","@type":"FAQPage","mainEntity":[{"@type":"Question","name":"q?",'
    data += '"acceptedAnswer":{"@type":"Answer","text":"a"}}]}'
    head = f'<head><title>t</title><script type="application/ld+json">{data}</script></head>'
    return f"<!DOCTYPE html><html>{head}<body><nav>x</nav>{shown}<dl><dt>q</dt><dd>a</dd></dl></body></html>".encode()


def _mhtml() -> bytes:
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
    return head + b"Content-Type: text/html; charset=utf-8\r\n\r\n" + _html() + b"\r\n--b--\r\n"


def _xlsx() -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in [("question", "answer"), *PAIRS]:
        book.active.append(row)
    book.create_sheet("more").append(("问题", "答案"))
    book.save(out)
    return out.getvalue()


def _xls() -> bytes:
    book, out = xlwt.Workbook(), io.BytesIO()
    sheet = book.add_sheet("faq")
    for number, row in enumerate([("question", "answer"), *PAIRS]):
        for column, text in enumerate(row):
            sheet.write(number, column, text)
    book.save(out)
    return out.getvalue()


def _docx() -> bytes:
    document, out = docx.Document(), io.BytesIO()
    for question, answer in PAIRS:
        document.add_heading(question, 2)
        document.add_paragraph(answer, style="List Bullet")
    document.add_table(2, 2).cell(0, 0).text = "question"
    document.save(out)
    return out.getvalue()


def _pdf() -> bytes:
    maker = PdfMaker()
    for question, answer in PAIRS[:4]:
        maker.page([Put(50, 60, question, "Helvetica-Bold", 16), Put(50, 90, answer), Put(50, 800, "page", size=8)])
    return maker.data()


def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for suffix in (".csv", ".md", ".jsonl", ".html"):
            archive.writestr(f"sub/faq{suffix}", sample(suffix))
    return out.getvalue()


_MAKERS = {
    ".csv": lambda: _table(","),
    ".tsv": lambda: _table("\t"),
    ".tab": lambda: _table("\t"),
    ".txt": lambda: _table("\t"),
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": _json,
    ".yaml": _yaml,
    ".yml": _yaml,
    ".md": _markdown,
    ".markdown": _markdown,
    ".html": _html,
    ".htm": _html,
    ".xhtml": _html,
    ".mhtml": _mhtml,
    ".mht": _mhtml,
    ".xlsx": _xlsx,
    ".xlsm": _xlsx,
    ".xls": _xls,
    ".docx": _docx,
    ".pdf": _pdf,
    ".zip": _zip,
}
