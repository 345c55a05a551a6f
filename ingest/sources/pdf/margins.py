"""Running heads, footers and page numbers: what stands at the same place of neighbouring pages belongs to no text."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.sources.pdf.lines import Line, rows_of

_ZONE = 0.15  # of the page's height, above and below
_ROWS = 3  # that a head or foot has at most
_APART = 1.6  # of the font's size, to the text; lines within a text are nearer
_LARGE = 1.15  # of the body's size: may be a title, which is kept where it stands first
_NEAR_PAGES = (-2, -1, 1, 2)  # heads of left and right pages differ
_SHIFT = 3.0  # points
_NUMBER = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"[-–—·|\s]*(?:(?:page|p\.|seite|第)\s*)?(?P<number>\d{1,5})\s*(?:页)?\s*(?:(?:/|of|共|,|，|\|)+\s*(?:第|共)?\s*\d{1,5}\s*页?)?[-–—·|\s]*",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"[-–—\s]*[ivxlc]{1,7}[-–—\s]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Edge:
    """A line at the edge of a page."""

    line: Line
    shape: str  # its text, with # for numbers
    numbers: tuple[int, ...]
    outermost: bool
    top: bool


def without_margins(pages: Sequence[Sequence[Line]], heights: Sequence[float], body_size: float) -> list[list[Line]]:
    """Take the running heads, footers and page numbers out of all pages.

    Args:
        pages: pieces of lines, page by page.
        heights: of the pages, in points.
        body_size: of the font that most of the document is set in.
    """
    edges = [_edges(lines, height) for lines, height in zip(pages, heights, strict=True)]
    times = Counter((edge.line.text, edge.top) for page in edges for edge in page)

    def is_title(edge: _Edge, index: int) -> bool:
        """Whether a large line stands on two neighbouring pages and this is the first: a title, repeated once."""
        if not edge.top or edge.line.size <= _LARGE * body_size or times[edge.line.text, edge.top] != 2:
            return False
        return not any(
            _repeats(edge, other, -1, body_size) for each in edges[max(index - 1, 0) : index] for other in each
        )

    kept = []
    for index, lines in enumerate(pages):
        dropped = {
            id(edge.line)
            for edge in edges[index]
            if _is_margin(edge, index, edges, body_size) and not is_title(edge, index)
        }
        kept.append([line for line in lines if id(line) not in dropped])
    return kept


def _edges(lines: Sequence[Line], height: float) -> list[_Edge]:
    rows = rows_of(lines)
    top = [row for row in _apart(rows) if row[0].y < _ZONE * height]
    bottom = [row for row in _apart(rows[::-1]) if row[0].y > (1 - _ZONE) * height]
    return [_edge(line, outermost=row is top[0], top=True) for row in top for line in row] + [
        _edge(line, outermost=row is bottom[0], top=False) for row in bottom for line in row
    ]


def _edge(line: Line, *, outermost: bool, top: bool) -> _Edge:
    numbers = tuple(int(each) for each in _NUMBER.findall(line.text)[:8] if len(each) < 9)
    return _Edge(line, _NUMBER.sub("#", line.text), numbers, outermost, top)


def _apart(rows: Sequence[Sequence[Line]]) -> Sequence[Sequence[Line]]:
    """Give the rows from the edge to the last gap behind which the text may begin."""
    near = rows[: _ROWS + 1]
    reach = len(rows) if len(rows) <= _ROWS else 0
    for index, (row, following) in enumerate(pairwise(near), start=1):
        if abs(row[0].y - following[0].y) >= _APART * max(row[0].size, following[0].size):
            reach = max(reach, index)
    return rows[:reach]


def _is_margin(edge: _Edge, index: int, edges: Sequence[Sequence[_Edge]], body_size: float) -> bool:
    if _is_page_number(edge, index):
        return True
    near = [index + d for d in _NEAR_PAGES if 0 <= index + d < len(edges)]
    return any(_repeats(edge, other, page - index, body_size) for page in near for other in edges[page])


def _is_page_number(edge: _Edge, index: int) -> bool:
    match = _PAGE_NUMBER.fullmatch(edge.line.text)
    if match is None:
        return False
    bare = edge.line.text.strip().isdigit()
    return not bare or int(match["number"]) == index + 1


def _repeats(edge: _Edge, other: _Edge, distance: int, body_size: float) -> bool:
    """Whether two lines are the same head, on pages `distance` apart; their numbers may be those of the pages."""
    if edge.top != other.top or abs(edge.line.y - other.line.y) > _SHIFT:
        return False
    if edge.line.text == other.line.text:
        return True
    if _ROMAN.fullmatch(edge.line.text) and _ROMAN.fullmatch(other.line.text):
        return True
    if not edge.outermost or edge.line.size > _LARGE * body_size:
        return False  # "Step 1", "Step 2" at the head of two pages
    if edge.shape != other.shape or len(edge.numbers) != len(other.numbers):
        return False
    steps = [new - old for old, new in zip(edge.numbers, other.numbers, strict=True) if new != old]
    return steps == [distance]
