"""From paragraphs to blocks: headings by how they are set and numbered, lists, tables."""

import re
from collections.abc import Iterator, Sequence

from ingest.sources.blocks import Block, BlockKind
from ingest.sources.pdf.paragraphs import (
    BULLETS,
    LIST_MARK,
    Paragraph,
    finished,
    is_ended,
    is_marked,
)
from ingest.sources.pdf.tables import Table
from ingest.sources.pdf.typography import LARGE, SAME_SIZE, Typography

_CONTENTS = re.compile(r".*(?:\.\s?){4,}\s*\d{1,4}$|.*…{2,}\s*\d{1,4}$|.*·{4,}\s*\d{1,4}$")
_NUMBERED = re.compile(r"(?P<number>\d{1,3}(?:\.\d{1,3})*)[.)、]?(?:\s+|(?=[^\W\d_a-zA-Z]))(?=\S)")
_CHAPTERS = (
    (re.compile(r"(?:第[一二三四五六七八九十百\d]{1,4}[章篇部]|(?:chapter|part)\s+[\divx]+\b)", re.IGNORECASE), 1),
    (re.compile(r"(?:第[一二三四五六七八九十百\d]{1,4}[节条]|[一二三四五六七八九十]{1,3}、)"), 2),
    (re.compile(r"[（(][一二三四五六七八九十]{1,3}[)）]"), 3),
)
_QUESTION = re.compile(r"[?？][\"'”’）)]*$")
_LONGEST_HEADING = 200  # characters; Chinese ones say twice as much
_LONGEST_NUMBERED = 80
_LOWEST = 6
_ITEM_INDENT = 1.0  # of the font's size, between levels of a list
# What Markdown would take for more than it is.
_MARKS = re.compile(r"([\\`*]|(?<!\w)_|_(?!\w)|<(?=[A-Za-z/!?])|\[(?=[^\]]*\]\())")


def blocks_of(paragraphs: Sequence[Paragraph | Table], style: Typography) -> Iterator[Block]:
    """Give the blocks of a document."""
    sizes = _sizes_above(paragraphs, style)
    items: list[Paragraph] = []
    table: Table | None = None
    for index, each in enumerate(paragraphs):
        if table is not None and not _continues(table, each):
            yield _table_block(table)
            table = None
        if isinstance(each, Table):
            yield from _list_blocks(items)
            table = each if table is None else _longer(table, each)
        elif _CONTENTS.match(each.text):
            continue
        else:
            following = paragraphs[index + 1] if index + 1 < len(paragraphs) else None
            block = _heading(each, following, sizes, style, in_list=bool(items))
            if block is None and LIST_MARK.match(each.text):
                items.append(each)
                continue
            yield from _list_blocks(items)
            yield block or _text(each, style)
    yield from _list_blocks(items)
    if table is not None:
        yield _table_block(table)


def _heading(
    each: Paragraph, following: Paragraph | Table | None, sizes: Sequence[float], style: Typography, *, in_list: bool
) -> Block | None:
    text = finished(each.text)
    if len(text) > _LONGEST_HEADING or is_marked(text) or not any(char.isalnum() for char in text):
        return None
    level = next((rank for rank, size in enumerate(sizes, start=1) if each.first.size >= 0.95 * size), 0)
    if not level:
        depth = _numbered(each, text, following, style, in_list=in_list)
        level = len(sizes) + depth if depth else 0
    if not level:
        return None
    return Block(kind=BlockKind.HEADING, place=_place(each), text=text, level=min(level, _LOWEST))


def _numbered(
    each: Paragraph, text: str, following: Paragraph | Table | None, style: Typography, *, in_list: bool
) -> int:
    """Give the depth of a numbered heading in the body's size, 0 if it is none."""
    asks = _QUESTION.search(text) is not None
    if len(text) > _LONGEST_NUMBERED or (is_ended(text) and not asks) or not _is_followed_by_text(each, following):
        return 0
    for pattern, depth in _CHAPTERS:
        if pattern.match(text):
            return depth
    match = _NUMBERED.match(text)
    if match is None:
        return 0
    depth = match["number"].count(".") + 1
    bold = each.bold and not style.body_bold
    return depth if bold or depth > 1 or (asks and not in_list) else 0


def _is_followed_by_text(each: Paragraph, following: Paragraph | Table | None) -> bool:
    """Whether what follows may stand below a heading: a list's next item does not."""
    if not isinstance(following, Paragraph):
        return following is not None
    return following.bold != each.bold or not _NUMBERED.match(following.text) or len(following.lines) > 1


def _text(each: Paragraph, style: Typography) -> Block:
    bold = each.bold and not style.body_bold
    return Block(kind=BlockKind.TEXT, place=_place(each), text=_markdown(finished(each.text)), bold=bold)


def _list_blocks(items: list[Paragraph]) -> Iterator[Block]:
    """Give the items gathered so far as one list, and forget them."""
    if not items:
        return
    edges: list[float] = []
    rows = []
    for item in items:
        x, step = item.first.x0, _ITEM_INDENT * item.first.size
        while edges and x < edges[-1] - step:
            edges.pop()
        if not edges or x > edges[-1] + step:
            edges.append(x)
        rows.append("  " * (len(edges) - 1) + _item(finished(item.text)))
    place = _place(items[0])
    items.clear()
    yield Block(kind=BlockKind.TEXT, place=place, text="\n".join(rows))


def _item(text: str) -> str:
    mark = LIST_MARK.match(text)
    if mark is not None and mark[0][0] in f"{BULLETS}-–—*":
        return f"- {_markdown(text[mark.end() :])}"
    return _markdown(text)


def _continues(table: Table, each: Paragraph | Table) -> bool:
    return isinstance(each, Table) and each.page == table.end + 1 and len(each.rows[0]) == len(table.rows[0])


def _longer(table: Table, more: Table) -> Table:
    """Join a table with its part on the next page, whose head may be repeated."""
    rows = more.rows[1:] if more.rows[0] == table.rows[0] else more.rows
    return Table(rows=(*table.rows, *rows), page=table.page, end=more.page)


def _table_block(table: Table) -> Block:
    rows = tuple(tuple(finished(cell) for cell in row) for row in table.rows)
    cells = [[_markdown(cell).replace("|", "\\|") for cell in row] for row in rows]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    return Block(kind=BlockKind.TABLE, place=f"page {table.page}", text="\n".join(lines), rows=rows)


def _markdown(text: str) -> str:
    """Escape what Markdown would take for more than it is."""
    text = _MARKS.sub(r"\\\1", text)
    return f"\\{text}" if text.startswith(("#", ">", "|")) else text


def _place(each: Paragraph) -> str:
    return f"page {each.first.page}"


def _sizes_above(paragraphs: Sequence[Paragraph | Table], style: Typography) -> list[float]:
    """Give the sizes of headings, the largest first; those that differ by less than can be seen count once."""
    found: list[float] = []
    sizes = {p.first.size for p in paragraphs if isinstance(p, Paragraph) and p.first.size >= LARGE * style.body_size}
    for size in sorted(sizes, reverse=True):
        if not found or size < (1 - SAME_SIZE) * found[-1]:
            found.append(size)
    return found
