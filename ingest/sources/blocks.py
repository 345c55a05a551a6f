"""What a formatted document is made of, whatever its format: HTML, DOCX, PDF and Markdown are read into these."""

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
    rows: tuple[tuple[str, ...], ...] = ()  # of tables: the cells, the header first
