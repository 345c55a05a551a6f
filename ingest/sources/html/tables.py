"""The cells of tables and the terms of lists of definitions."""

from collections.abc import Callable
from dataclasses import replace

from selectolax.lexbor import LexborNode

from ingest.sources.blocks import Block, BlockKind
from ingest.sources.html.page import Page, Step, plain, walk

_MOST_COLUMNS = 200
_MOST_SPAN = 50  # of a cell over others; some pages say 1000 for "all"


def elements(node: LexborNode) -> list[LexborNode]:
    """Give the elements directly below a node."""
    found, each = [], node.first_child
    while each is not None:
        if not (each.tag or "-").startswith("-"):
            found.append(each)
        each = each.next
    return found


def definitions_of(root: LexborNode, page: Page, place: str, markdown: Callable[[LexborNode], str]) -> list[Block]:
    """Give the terms of a list with their definitions; several terms before one are wordings of the same."""
    found: list[Block] = []
    terms: list[str] = []
    for each in [inner for item in elements(root) for inner in (elements(item) if item.tag == "div" else [item])]:
        if each.tag == "dt":
            terms.append(plain(each, page, limit=2_000))
        elif each.tag == "dd":
            answer = markdown(each)
            if terms:
                names = [term for term in terms if term]
                pair = Block(kind=BlockKind.PAIR, place=place, text="", answer=answer)
                found.append(replace(pair, text=names[0] if names else "", similar=tuple(names[1:])))
                terms = []
            elif found:  # a second definition of the same
                found[-1] = replace(found[-1], answer=f"{found[-1].answer}\n\n{answer}")
    return found


def rows_of(table: LexborNode, page: Page, markdown: Callable[[LexborNode], str]) -> tuple[tuple[str, ...], ...]:
    """Give the cells of a table as Markdown; a cell over several rows stands in each, one over columns in the first."""
    rows: list[tuple[str, ...]] = []
    hanging: dict[int, tuple[int, str]] = {}  # by column: how many rows a cell still covers, and its text
    skipped: set[int] = set()
    for step, node in walk(table, skipped):
        if step is not Step.ENTER:
            continue
        if (node.tag or "-").startswith("-") or page.is_dropped(node):
            skipped.add(node.mem_id)
        elif node.tag in ("tr", "caption"):
            skipped.add(node.mem_id)
            cells = [node] if node.tag == "caption" else [each for each in elements(node) if each.tag in ("td", "th")]
            if cells and node.tag == "tr":
                rows.append(_row(cells, hanging, page, markdown))
    return tuple(rows)


def _row(
    cells: list[LexborNode], hanging: dict[int, tuple[int, str]], page: Page, markdown: Callable[[LexborNode], str]
) -> tuple[str, ...]:
    row: list[str] = []

    def fill() -> None:
        while len(row) in hanging:
            left, text = hanging.pop(len(row))
            if left > 1:
                hanging[len(row)] = (left - 1, text)
            row.append(text)

    for cell in cells:
        fill()
        if len(row) >= _MOST_COLUMNS:
            break
        if page.is_dropped(cell):
            continue
        text = markdown(cell)
        down, right = _span(cell, "rowspan"), _span(cell, "colspan")
        for extra in range(right):
            shown = text if extra == 0 else ""
            if down > 1:
                hanging[len(row)] = (down - 1, shown)
            row.append(shown)
    fill()
    return tuple(row)


def _span(cell: LexborNode, name: str) -> int:
    value = cell.attributes.get(name) or "1"
    return min(max(int(value), 1), _MOST_SPAN) if value.isdecimal() and len(value) < 6 else 1
