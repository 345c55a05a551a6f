"""Tables: cells by the lines that are drawn, else by alignment."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.sources.pdf.characters import join_lines
from ingest.sources.pdf.lines import Line, rows_of
from ingest.sources.pdf.shapes import THICKEST, Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table on a page."""

    rows: tuple[tuple[str, ...], ...]  # all of the same length, at least two
    page: int  # where it begins, from 1
    end: int  # the page where it ends


def is_ruled(lines: Sequence[Line], border: float, rules: Sequence[Shape]) -> bool:
    """Whether lines are drawn across a border between columns, one of them between rows of text."""
    top, bottom = min(line.y - line.size for line in lines), max(line.y for line in lines)
    margin = 2 * max(line.size for line in lines)
    across = [
        rule
        for rule in rules
        if rule.y1 - rule.y0 <= THICKEST
        and rule.x0 < border - 3
        and rule.x1 > border + 3
        and top - margin <= rule.y0 <= bottom + margin
    ]
    return len(across) >= 2 and any(top + 2 < rule.y0 < bottom - 2 for rule in across)


def table_of(lines: Sequence[Line], rules: Sequence[Shape], page: int) -> Table | None:
    """Arrange lines as a table; None if that gives no two columns and two rows."""
    top, bottom = min(line.y - line.size for line in lines), max(line.y for line in lines)
    margin = 2 * max(line.size for line in lines)
    near = [rule for rule in rules if rule.y1 >= top - margin and rule.y0 <= bottom + margin]
    columns = _columns(lines, [r.x0 for r in near if r.is_upright])
    if len(columns) < 2:
        return None
    level = sorted(r.y0 for r in near if not r.is_upright)
    rows = tuple(_cells(group, columns) for group in _rows(lines, level, columns))
    return Table(rows=rows, page=page, end=page) if len(rows) >= 2 else None


def _columns(lines: Sequence[Line], borders: Sequence[float]) -> list[float]:
    """Give where columns start, left to right."""
    if borders:
        merged: list[float] = []
        for x in sorted(borders):
            if not merged or x - merged[-1] > 4:
                merged.append(x)
        cells = [
            (x, end) for x, end in pairwise([*merged, float("inf")]) if any(x - 2 <= s.x0 < end - 2 for s in lines)
        ]
        if len(cells) > 1 and all(any(x - 2 <= s.x0 for x, _ in cells) for s in lines):
            return [x - 2 for x, _ in cells]
    starts: list[float] = []
    reached = float("-inf")
    for line in sorted(lines, key=lambda each: each.x0):
        if line.x0 > reached + 1:
            starts.append(line.x0 - 1)
        reached = max(reached, line.x1)
    return starts


def _rows(lines: Sequence[Line], level: Sequence[float], columns: Sequence[float]) -> Iterator[list[Line]]:
    """Group lines into the table's rows: those between two drawn lines, else those that start in the first column."""
    rows = rows_of(lines)
    between = [[bisect_right(level, row[0].y - row[0].size / 3)] for row in rows]
    drawn = len({place[0] for place in between}) > 2
    group: list[Line] = []
    for index, row in enumerate(rows):
        new = between[index] != between[index - 1]
        if not drawn:
            new = new or bisect_right(columns, row[0].x0) == 1
        if group and new:
            yield group
            group = []
        group = [*group, *row]
    yield group


def _cells(lines: Sequence[Line], columns: Sequence[float]) -> tuple[str, ...]:
    cells = [""] * len(columns)
    for row in rows_of(lines):
        for piece in row:
            column = max(bisect_right(columns, piece.x0) - 1, 0)
            cells[column] = join_lines(cells[column], piece.text)
    return tuple(cells)
