"""Files that are made to take all memory or all time of who reads them."""

import io
import zipfile
import zlib
from collections.abc import Callable

from tests.fakes.samples import sample

MB = 1 << 20
_LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
LAUGHS = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "lol">{_LAUGHS}]>'.encode()
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def zipped(files: dict[str, bytes]) -> bytes:
    """Pack an archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _with_part(suffix: str, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one part of a sound file of a ZIP-based format."""
    with zipfile.ZipFile(io.BytesIO(sample(suffix))) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts[part] = change(parts[part])
    return zipped(parts)


def _with_entity(head: bytes, reference: bytes) -> Callable[[bytes], bytes]:
    def change(xml: bytes) -> bytes:
        body = xml[xml.index(b"?>") + 2 :] if xml.startswith(b"<?xml") else xml
        for text in (b"How do I return order 0?", b"question"):
            body = body.replace(text, reference + text, 1)
        return head + body

    return change


def _nested_zip() -> bytes:
    inner = zipped({"0.csv": b"0" * (200 * MB)})
    return zipped({f"{n}.zip": inner for n in range(20)})


def _pdf_bomb() -> bytes:
    packed = zlib.compress(zlib.compress(b"0" * (400 * MB), 9), 9)
    stream = b"<</Length %d/Filter[/FlateDecode/FlateDecode]>>stream\n" % len(packed) + packed + b"\nendstream"
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"]
    objects += [b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R>>", stream]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % (n, each) for n, each in enumerate(objects, start=1))
    return body + b"trailer<</Root 1 0 R/Size 5>>\n%%EOF"


def _yaml_bomb() -> bytes:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return ("\n".join(lines) + "\n- question: q\n  answer: *a11\n").encode()


ROWS = b"question,answer\nfirst,a\n"
FILES: dict[str, Callable[[], bytes]] = {
    "wide.csv": lambda: ROWS + b"q,a\n" * 3 + b"q," * 100_000 + b"\n" + b"last,a\n",
    "cells.csv": lambda: ROWS + b"".join(b"q%d,%s\n" % (n, b"x" * (2 * MB)) for n in range(30)) + b"last,a\n",
    "one-line.csv": lambda: b"x" * (200 * MB),
    "quote.csv": lambda: ROWS + b'q,"' + (b"x" * 99 + b"\n") * 300_000,
    "zeros.csv": lambda: bytes(200 * MB),
    "complaints.csv": lambda: ROWS + b",a\n" * 900_000,
    "one-line.jsonl": lambda: b'{"question": "first", "answer": "a"}\n{"question": "' + b"x" * (200 * MB) + b'"}',
    "deep.jsonl": lambda: b'{"question": "first", "answer": "a"}\n' + b"[" * (20 * MB),
    "many.jsonl": lambda: b'{"question": "first", "answer": "a", "x": [' + b"1," * (20 * MB) + b"1]}\n",
    "deep.json": lambda: b"[" * (20 * MB),
    "many.json": lambda: b"[" + b"[]," * (40 * MB) + b"[]]",
    "deep.yaml": lambda: b"[" * MB,
    "bomb.yaml": _yaml_bomb,
    "deep.md": lambda: b">" * (20 * MB),
    "lists.md": lambda: b"".join(b" " * (2 * n) + b"- a\n" for n in range(2000)),
    "setext.md": lambda: b"a\n=\n" * MB,
    "links.md": lambda: b"# q\n" + b"![" * MB,
    "deep.html": lambda: b"<div>" * (4 * MB),
    "tables.html": lambda: b"<table><tr><td>" * MB,
    "attributes.html": lambda: b"<a " + b"x=y " * (10 * MB) + b">",
    "laughs.xhtml": lambda: LAUGHS + b"<html><body><h2>q?</h2><p>&l11;</p></body></html>",
    "bomb.xlsx": lambda: zipped({"xl/workbook.xml": b" " * (400 * MB), "[Content_Types].xml": b" " * (400 * MB)}),
    "sheet.xlsx": lambda: _with_part(
        ".xlsx",
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b"</row>", b"</row>" + b"<row></row>" * (20 * MB), 1),
    ),
    "laughs.xlsx": lambda: _with_part(".xlsx", "xl/worksheets/sheet1.xml", _with_entity(LAUGHS, b"&l11;")),
    "outside.xlsx": lambda: _with_part(".xlsx", "xl/worksheets/sheet1.xml", _with_entity(OUTSIDE, b"&e;")),
    "bomb.docx": lambda: _with_part(".docx", "word/document.xml", lambda xml: xml + b" " * (400 * MB)),
    "laughs.docx": lambda: _with_part(".docx", "word/document.xml", _with_entity(LAUGHS, b"&l11;")),
    "outside.docx": lambda: _with_part(".docx", "word/document.xml", _with_entity(OUTSIDE, b"&e;")),
    "deep.docx": lambda: _with_part(
        ".docx", "word/document.xml", lambda xml: xml.replace(b"<w:body>", b"<w:body>" + b"<w:sdt><w:sdtContent>" * MB)
    ),
    "bomb.pdf": _pdf_bomb,
    "bomb.zip": lambda: zipped({"a.csv": ROWS, "bomb.csv": ROWS + b"0" * (200 * MB), "c.csv": ROWS}),
    "nested.zip": _nested_zip,
}
