"""The pages of a PDF file, read one by one, and the blocks that they make together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdfium2

from ingest.sources.blocks import Block
from ingest.sources.pdf.columns import in_order, pieces_on
from ingest.sources.pdf.lines import Line
from ingest.sources.pdf.margins import without_margins
from ingest.sources.pdf.page import DamagedPage, read_page
from ingest.sources.pdf.paragraphs import paragraphs_of
from ingest.sources.pdf.shapes import Shape
from ingest.sources.pdf.structure import blocks_of
from ingest.sources.pdf.tables import Table
from ingest.sources.pdf.typography import body_size, typography

MAX_PAGES = 5_000
_MAX_LINES = 400_000  # of one document, which take some 150 MB
_LOCKED = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY


class UnreadableFile(ValueError):
    """A file that gives no pages; the message is the reason of the rejection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPage:
    """A page that gave no text, and why."""

    number: int  # from 1
    reason: str  # what it is, without "page 3"


PICTURE = "is a picture without text"
HIDDEN = "has a font that hides which characters it shows"
DAMAGED = "is damaged and cannot be read"


@dataclass(slots=True)
class Pages:
    """What was read of a document; the lists have an item for every page, empty if it was not read."""

    pieces: list[list[Line]] = field(default_factory=list)
    heights: list[float] = field(default_factory=list)
    rules: list[Sequence[Shape]] = field(default_factory=list)
    refused: list[RefusedPage] = field(default_factory=list)
    lines: int = 0
    problem: str = ""  # why not all of the file was read

    def blocks(self) -> Iterator[Block]:
        """Give the blocks of the document, in the order of reading."""
        body = body_size(line for lines in self.pieces for line in lines)
        kept = without_margins(self.pieces, self.heights, body)
        items = [
            item
            for number, (lines, rules) in enumerate(zip(kept, self.rules, strict=True), start=1)
            for item in in_order(lines, number, rules)
        ]
        style = typography([item for item in items if not isinstance(item, Table)])
        yield from blocks_of(list(paragraphs_of(items, style)), style)


def read_pages(path: Path) -> Pages:
    """Read all pages of a file.

    Raises:
        UnreadableFile: it is no PDF, is protected by a password, or holds no pages.
    """
    try:
        opened = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        if getattr(error, "err_code", 0) in _LOCKED:
            raise UnreadableFile("the file is protected by a password; save it without one") from error
        raise UnreadableFile("the file is not a PDF, or is damaged") from error
    try:
        declared = len(opened)
        if declared < 1:
            raise UnreadableFile("the file holds no pages")
        pages = Pages()
        if declared > MAX_PAGES:
            pages.problem = f"the file has {declared:,} pages; the first {MAX_PAGES:,} are read, split it"
        for index in range(min(declared, MAX_PAGES)):
            _read(opened.raw, index, pages)
            if pages.lines > _MAX_LINES:
                pages.problem = f"the file has too much text; it is read up to page {index + 1}, split it"
                break
        return pages
    finally:
        opened.close()


def _read(opened: Any, index: int, pages: Pages) -> None:
    pieces: list[Line] = []
    rules: Sequence[Shape] = ()
    height, reason = 0.0, ""
    try:
        page = read_page(opened, index)
        height = page.height
        if page.unreadable:
            reason = HIDDEN
        elif page.spans:
            rules, pieces = page.rules, pieces_on(page)
        elif page.pictures:
            reason = PICTURE
    except DamagedPage as error:
        reason = str(error)
    if reason:
        pages.refused.append(RefusedPage(number=index + 1, reason=reason))
    pages.pieces.append(pieces)
    pages.heights.append(height)
    pages.rules.append(rules)
    pages.lines += len(pieces)
