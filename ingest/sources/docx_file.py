"""DOCX: Word documents, from their headings, bold and numbered questions and tables to the prose between them."""

from collections.abc import Iterator

from ingest.records import RejectedField, Rejection
from ingest.sources.blocks import Block
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.outline import records
from ingest.sources.word.content import Content, with_title
from ingest.sources.word.package import Package
from ingest.sources.word.styles import styles_of
from knowledge.types import Source


def read_docx(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a Word document: the final text, as if all tracked changes were accepted.

    Headings are known by their styles or their level in the outline, in English and Chinese; what else is a question
    is said in `disguised`. Footnotes, comments, headers, footers and hidden text are left out.
    """
    whole = Source(file=document.name, place="")
    try:
        package = Package(document.path)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))
        return
    blocks: list[Block] = []
    damage: RejectedField | None = None
    try:
        # what comes before the damage is kept
        blocks.extend(Content(styles_of(package), package.links()).blocks(package.children()))
    except RejectedField as exc:
        damage = exc
    finally:
        package.close()
    if damage is not None:
        place = f"after {blocks[-1].place}" if blocks else ""
        yield Rejection(source=Source(file=document.name, place=place), reason=str(damage))
    if blocks or damage is None:
        yield from records(with_title(blocks), document, options)
