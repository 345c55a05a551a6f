"""PDF: pages with text that is laid out for the eye. What is a picture needs to be recognised before."""

from collections.abc import Iterator, Sequence

from ingest.records import Rejection
from ingest.sources import outline
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.pdf.pages import DAMAGED, HIDDEN, PICTURE, RefusedPage, UnreadableFile, read_pages
from knowledge.types import Source

_MANY = {
    PICTURE: "are pictures without text",
    HIDDEN: "have fonts that hide which characters they show",
    DAMAGED: "are damaged and cannot be read",
}
_ADVICE = {
    PICTURE: "; run OCR first",
    HIDDEN: "; save the PDF again with another program, or run OCR",
}


def read_pdf(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a PDF file.

    Columns are read one after the other; running heads, footers and page numbers are left out; a paragraph goes on
    across columns and pages. Headings are told by their size, their weight and their numbers. A page that is a picture,
    or is damaged, is rejected; the others are read.
    """
    whole = Source(file=document.name, place="")
    if document.path.stat().st_size == 0:
        yield Rejection(source=whole, reason="the file is empty")
        return
    try:
        pages = read_pages(document.path)
    except UnreadableFile as error:
        yield Rejection(source=whole, reason=str(error))
        return
    if pages.problem:
        yield Rejection(source=whole, reason=pages.problem)
    for place, reason in _grouped(pages.refused):
        yield Rejection(source=Source(file=document.name, place=place), reason=reason)
    if pages.lines:
        yield from outline.records(pages.blocks(), document, options)
    elif not pages.refused:
        yield Rejection(source=whole, reason="the file holds no text")


def _grouped(refused: Sequence[RefusedPage]) -> Iterator[tuple[str, str]]:
    """Give place and reason, neighbouring pages with the same reason together."""
    runs: list[tuple[int, int, str]] = []
    for page in refused:
        if runs and runs[-1][1] == page.number - 1 and runs[-1][2] == page.reason:
            runs[-1] = (runs[-1][0], page.number, page.reason)
        else:
            runs.append((page.number, page.number, page.reason))
    for first, last, reason in runs:
        advice = _ADVICE.get(reason, "")
        if first == last:
            yield f"page {first}", f"page {first} {reason}{advice}"
        else:
            yield f"pages {first}-{last}", f"pages {first} to {last} {_MANY.get(reason, reason)}{advice}"
