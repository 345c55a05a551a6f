"""Lines of text on a page, and how pieces of them become one."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ingest.sources.pdf.characters import is_wide
from ingest.sources.pdf.page import Span
from ingest.sources.pdf.shapes import Shape

_SAME_ROW = 0.45  # of the larger font's size: raised and lowered text still belongs to its line
_ONE_PIECE = 0.5  # of the font's size; a wider gap may be one between columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line, or the part of it that one column holds. Places are in points from the upper left corner."""

    text: str
    x0: float
    x1: float
    y: float  # of the baseline
    size: float  # of the font that most of it is set in
    bold: bool  # all of it
    page: int = 0  # from 1
    flow: int = 0  # lines of one flow follow one another down a column
    right: float = 0.0  # where the column ends
    left: float = 0.0  # where the column starts


def pieces_of(spans: Iterable[Span], upright: Sequence[Shape] = ()) -> list[Line]:
    """Put together what stands close to one another on one line; text across a wide gap or a ruled line stays apart.

    Args:
        spans: of a page.
        upright: lines that are drawn from top to bottom.
    """
    pieces = (Line(text=s.text, x0=s.x0, x1=s.x1, y=s.y, size=s.size, bold=s.bold) for s in spans if s.text.strip())

    def together(first: Line, second: Line) -> bool:
        gap = second.x0 - first.x1
        if gap > _ONE_PIECE * max(first.size, second.size):
            return False
        return not any(rule.parts(first.x1, second.x0, first.y) for rule in upright)

    return [piece for row in rows_of(list(pieces)) for piece in _merged(row, together)]


def rows_of(lines: Sequence[Line]) -> list[list[Line]]:
    """Group what stands side by side, top to bottom, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda each: (each.y, each.x0)):
        if rows and line.y - rows[-1][0].y <= _SAME_ROW * max(line.size, rows[-1][0].size):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda each: each.x0) for row in rows]


def joined(row: Sequence[Line]) -> Line:
    """Make one line of what stands side by side."""
    first = row[0]
    for line in row[1:]:
        first = _with(first, line)
    return first


def _merged(row: Sequence[Line], together: Callable[[Line, Line], bool]) -> Iterator[Line]:
    current = row[0]
    for line in row[1:]:
        if together(current, line):
            current = _with(current, line)
        else:
            yield current
            current = line
    yield current


def _with(first: Line, second: Line) -> Line:
    gap = second.x0 - first.x1
    wide = is_wide(first.text[-1]) and is_wide(second.text[0])
    space = gap > (0.6 if wide else 0.12) * min(first.size, second.size)
    larger = first if len(first.text) >= len(second.text) else second
    return Line(
        text=f"{first.text.rstrip()} {second.text.lstrip()}" if space else first.text + second.text,
        x0=first.x0,
        x1=max(first.x1, second.x1),
        y=larger.y,
        size=larger.size,
        bold=first.bold and second.bold,
    )
