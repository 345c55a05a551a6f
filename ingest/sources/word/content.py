"""From the paragraphs and tables of a Word document to blocks."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ingest.sources.blocks import Block, BlockKind, to_markdown
from ingest.sources.markdown_layout import Layout, table_markdown
from ingest.sources.word.package import W
from ingest.sources.word.paragraph import Line, read_paragraph
from ingest.sources.word.styles import TITLE, Styles, numbered, outline_level, value

_LONGEST_HEADING = 300
_MOST_SPAN = 50
_CONTAINERS = frozenset(f"{W}{name}" for name in ("sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"))


class Content:
    """Reads a document, or a cell of one of its tables."""

    def __init__(self, styles: Styles, links: dict[str, str]) -> None:
        self._styles = styles
        self._links = links
        self._number = 0  # paragraphs with text so far
        self._tables = 0
        self._layout = Layout()
        self._listed: list[tuple[str, int]] = []  # the lists that are open, the outermost first
        self._counts: dict[tuple[str, int], int] = {}  # items of numbered lists so far
        self._list_place = ""

    def blocks(self, elements: Iterable[Any]) -> Iterator[Block]:
        """Give the blocks of paragraphs and tables.

        Raises:
            RejectedField: as `elements` does.
        """
        for element in elements:
            if element.tag == f"{W}p":
                yield from self._paragraph(element)
            elif element.tag == f"{W}tbl":
                yield from self._end_lists()
                yield from self._table(element)
            elif element.tag in _CONTAINERS:
                yield from self.blocks(element)
        yield from self._end_lists()

    def _paragraph(self, element: Any) -> Iterator[Block]:
        properties = element.find(f"{W}pPr")
        style = value(properties.find(f"{W}pStyle")) or "" if properties is not None else ""
        if self._styles.is_contents(style):
            return
        line = read_paragraph(element, self._links, bold=self._styles.is_bold(style))
        if line.plain:
            self._number += 1
            place = f"paragraph {self._number}"
            level = outline_level(properties) or self._styles.level(style)
            listed = numbered(properties) or self._styles.listed(style)
            if level and len(line.plain) <= _LONGEST_HEADING:
                yield from self._end_lists()
                yield Block(kind=BlockKind.HEADING, place=place, text=line.plain, level=level)
            elif listed and listed[0] != "0":
                yield from self._item(line, listed, place)
            else:
                yield from self._end_lists()
                yield Block(kind=BlockKind.TEXT, place=place, text=line.markdown, bold=line.bold)
        for box in line.boxes:
            yield from self._paragraph(box)

    def _item(self, line: Line, listed: tuple[str, int], place: str) -> Iterator[Block]:
        """Add an item to the list that it belongs to, and end those that are deeper or others."""
        if self._listed and (self._listed[0][0] != listed[0] and listed[1] == 0):
            yield from self._end_lists()
        while self._listed and self._listed[-1][1] > listed[1]:
            self._close_list()
        if not self._listed or self._listed[-1][1] < listed[1]:
            self._list_place = self._list_place if self._listed else place
            self._listed.append(listed)
            start = None if self._styles.bullets.get(listed, False) else self._counts.get(listed, 0) + 1
            self._layout.open_list(2 * len(self._listed), start=start)
        else:
            self._layout.close(2 * len(self._listed) + 1)
        for deeper in [each for each in self._counts if each[0] == listed[0] and each[1] > listed[1]]:
            del self._counts[deeper]
        self._counts[listed] = self._counts.get(listed, 0) + 1
        self._layout.open_item(2 * len(self._listed) + 1)
        self._layout.add(line.markdown)

    def _close_list(self) -> str:
        self._layout.close(2 * len(self._listed) + 1)
        text = self._layout.close(2 * len(self._listed))
        self._listed.pop()
        return text

    def _end_lists(self) -> Iterator[Block]:
        text = ""
        while self._listed:
            text = self._close_list() or text
        if text:
            yield Block(kind=BlockKind.TEXT, place=self._list_place, text=text)

    def _table(self, table: Any) -> Iterator[Block]:
        self._tables += 1
        place = f"table {self._tables}"
        rows = [row for row in table.iter(f"{W}tr") if _belongs(row, table) and row.find(f"{W}trPr/{W}del") is None]
        if all(len(list(_cells(row))) < 2 for row in rows):  # a frame around text
            for row in rows:
                for cell in _cells(row):
                    yield from self.blocks(cell)
            return
        cells = self._rows(rows)
        if len(cells) > 1:
            yield Block(kind=BlockKind.TABLE, place=place, text=table_markdown(cells), rows=cells)
        elif any(cells[0]):
            for text in filter(None, cells[0]):
                yield Block(kind=BlockKind.TEXT, place=place, text=text)

    def _rows(self, rows: list[Any]) -> tuple[tuple[str, ...], ...]:
        found: list[tuple[str, ...]] = []
        for row in rows:
            texts: list[str] = []
            for cell in _cells(row):
                merge = cell.find(f"{W}tcPr/{W}vMerge")
                if merge is not None and value(merge) != "restart" and found and len(texts) < len(found[-1]):
                    texts.append(found[-1][len(texts)])  # goes on from the row above
                else:
                    texts.append(self._cell(cell))
                span = value(cell.find(f"{W}tcPr/{W}gridSpan")) or "1"
                texts += [""] * (min(int(span), _MOST_SPAN) - 1 if span.isdecimal() else 0)
            found.append(tuple(texts))
        return tuple(found)

    def _cell(self, cell: Any) -> str:
        return to_markdown(list(Content(self._styles, self._links).blocks(cell)))


def _belongs(row: Any, table: Any) -> bool:
    """Whether a row is of this table, not of one within it."""
    return next(row.iterancestors(f"{W}tbl"), None) is table


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == f"{W}tc":
            yield child
        elif child.tag in _CONTAINERS:
            yield from _cells(child)


def with_title(blocks: list[Block]) -> list[Block]:
    """Let the title be the heading of level 1, above all others."""
    if not any(block.level == TITLE for block in blocks):
        return blocks
    return [
        replace(block, level=1 if block.level == TITLE else min(block.level + 1, 6))
        if block.kind is BlockKind.HEADING
        else block
        for block in blocks
    ]
