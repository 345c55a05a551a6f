"""What a formatted document is made of, whatever its format: HTML, DOCX, PDF and Markdown are read into these."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class BlockKind(StrEnum):
    """What a block is to a reader."""

    HEADING = "heading"
    TEXT = "text"  # a paragraph, a list, a quotation, code: anything that is shown below a heading
    TABLE = "table"
    PAIR = "pair"  # a question and its answer that the format itself marks as such: details/summary, dl, JSON-LD


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One block, in the order of reading."""

    kind: BlockKind
    place: str  # for people: "line 12", "page 3", "paragraph 8"
    text: str  # a heading's or question's as plain text; else Markdown, a table's as a Markdown table
    answer: str = ""  # Markdown; of pairs only
    level: int = 0  # of headings: 1 is the highest
    id: str = ""  # of headings and pairs: as the document gives it
    bold: bool = False  # of text: all of it is set in bold, so that it may be a heading in disguise
    rows: tuple[tuple[str, ...], ...] = ()  # of tables: the cells as Markdown, the header first
    similar: tuple[str, ...] = ()  # of pairs: other wordings of the question
    code: bool = False  # of text: a listing, in which nothing is a question
    tight: bool = False  # no empty line stands between this block and the one before it
    written: str = ""  # of headings: the Markdown that it was written as; "" if it was not


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a document says about itself as a whole; it holds for everything in it that does not say otherwise."""

    title: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""


def to_markdown(blocks: Sequence[Block]) -> str:
    """Write blocks below each other, as they stood."""
    parts: list[str] = []
    for block in blocks:
        text = _written(block)
        if text:
            parts.append(("\n" if block.tight else "\n\n") + text)
    return "".join(parts).strip("\n").rstrip()


def _written(block: Block) -> str:
    match block.kind:
        case BlockKind.HEADING:
            return block.written or f"{'#' * min(max(block.level, 1), 6)} {block.text}"
        case BlockKind.PAIR:
            return f"**{block.text}**\n\n{block.answer}".rstrip()
        case BlockKind.TEXT | BlockKind.TABLE:
            return block.text
