"""The order of reading: columns one after the other, tables as tables.

Where a column starts, several lines start. Each such place is tried as a border: the lines that cross it cut the page
into bands, and a band is read as two columns if it has lines on both sides; the sides are cut further in the same way.
This is the recursive cut of G. Nagy and S. Seth (1984), with headings that span columns allowed for.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count

from ingest.sources.pdf.lines import Line, joined, pieces_of, rows_of
from ingest.sources.pdf.page import PageText
from ingest.sources.pdf.shapes import Shape
from ingest.sources.pdf.tables import Table, is_ruled, table_of

_MARKER = re.compile(r"(?:[^\w\s]|\(?[\w]{1,3}[.):、）])\s*")
_DEEPEST = 12  # cuts within cuts
_MOST_BORDERS = 10  # tried for one cut, where most lines start together, and as many of other kinds
_NARROWEST_GAP = 0.4  # of the font's size
_NARROWEST = 8  # times the font's size: a column of text is wider, one of a table need not be
_GAP = 1.6  # of the font's size, between baselines: more than lines of one text have
_COLUMN_ROWS = 3  # that both sides must have,
_NARROW_ROWS = 5  # or these, where the gap is no wider than some between words


@dataclass(frozen=True, slots=True)
class _Band:
    """Lines between two that cross the border, or some that do."""

    lines: list[Line]
    left: list[Line]
    right: list[Line]
    kind: "_Kind"


class _Kind(Enum):
    NEITHER = 0
    TABLE = 1
    COLUMNS = 2


_WEIGHT = {_Kind.NEITHER: 0, _Kind.TABLE: 1, _Kind.COLUMNS: 3}


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    rules: Sequence[Shape]
    flows: Iterator[int]


def in_order(pieces: Sequence[Line], number: int, rules: Sequence[Shape]) -> list[Line | Table]:
    """Give the lines and tables of a page in the order of reading.

    Args:
        pieces: of lines, as `pieces_of` gives them.
        number: of the page, from 1.
        rules: lines that are drawn.
    """
    if not pieces:
        return []
    return list(_ordered(list(pieces), _Page(number, rules, count()), _DEEPEST))


def pieces_on(page: PageText) -> list[Line]:
    """Give the pieces of lines on a page, with bullets that are drawn in front of theirs."""
    dots = [s for s in page.shapes if 1.0 <= s.x1 - s.x0 <= 8.0 and 0.7 <= (s.x1 - s.x0) / max(s.y1 - s.y0, 0.1) <= 1.4]
    return [
        _with_bullet(piece, dots) for piece in pieces_of(page.spans, [rule for rule in page.rules if rule.is_upright])
    ]


def _with_bullet(piece: Line, dots: Sequence[Shape]) -> Line:
    size = piece.size
    for dot in dots:
        beside = -0.2 * size <= piece.x0 - dot.x1 <= 1.5 * size
        if beside and piece.y - size <= dot.y0 and dot.y1 <= piece.y + 0.2 * size and dot.x1 - dot.x0 <= 0.7 * size:
            return replace(piece, text=f"• {piece.text}", x0=dot.x0)
    return piece


def _ordered(lines: list[Line], page: _Page, depth: int) -> Iterator[Line | Table]:
    flow, left, right = next(page.flows), min(line.x0 for line in lines), max(line.x1 for line in lines)

    def rows(some: Sequence[Line]) -> Iterator[Line]:
        for row in rows_of(some):
            yield replace(joined(row), page=page.number, flow=flow, left=left, right=right)

    def cut(some: list[Line], depth: int) -> Iterator[Line | Table]:
        bands = _best_border(some, page.rules) if depth > 0 and len(some) > 1 else []
        plain: list[Line] = []
        for band in bands:
            if band.kind is _Kind.NEITHER:
                plain.extend(band.lines)
                continue
            if plain:
                yield from cut(sorted(plain, key=lambda each: each.y), depth - 1)
                plain = []
            table = table_of(band.lines, page.rules, page.number) if band.kind is _Kind.TABLE else None
            if table is not None:
                yield table
            else:
                yield from _ordered(band.left, page, depth - 1)
                yield from _ordered(band.right, page, depth - 1)
        if bands and plain:
            yield from cut(sorted(plain, key=lambda each: each.y), depth - 1)
        elif not bands:
            yield from rows(some)

    yield from cut(sorted(lines, key=lambda each: each.y), depth)


def _best_border(lines: Sequence[Line], rules: Sequence[Shape]) -> list[_Band]:
    """Cut at the border that most lines have on both sides; no bands if there is none."""
    best: list[_Band] = []
    most = 0
    for x in _starts(lines, rules):
        bands = list(_bands(lines, x, rules))
        score = sum(_WEIGHT[band.kind] * min(len(band.left), len(band.right)) for band in bands)
        if score > most:
            best, most = bands, score
    return best


def _starts(lines: Sequence[Line], rules: Sequence[Shape]) -> list[float]:
    """Give the places where lines start together, behind a gap that no line crosses, or where lines are drawn."""
    leftmost = min(line.x0 for line in lines) + 2 * min(line.size for line in lines)
    near: dict[int, list[float]] = {}
    for line in lines:
        if line.x0 > leftmost:
            near.setdefault(round(line.x0 / 3), []).append(line.x0)
    together = sorted((starts for starts in near.values() if len(starts) > 2), key=len, reverse=True)
    others = [rule.x0 for rule in rules if rule.is_upright and rule.x0 > leftmost]
    reached = leftmost
    for line in sorted(lines, key=lambda each: each.x0):
        if line.x0 > reached:
            others.append(line.x0)
        reached = max(reached, line.x1)
    return sorted({min(starts) for starts in together[:_MOST_BORDERS]} | set(others[:_MOST_BORDERS]))


def _bands(lines: Sequence[Line], border: float, rules: Sequence[Shape]) -> Iterator[_Band]:
    """Cut into bands, top to bottom, at lines that cross the border."""
    crossing: list[Line] = []
    left: list[Line] = []
    right: list[Line] = []
    for line in lines:
        over = line.x0 < border - 1 and line.x1 > border - 0.5
        if over:
            if left or right:
                yield from _sides(left, right, rules)
                left, right = [], []
            crossing.append(line)
            continue
        if crossing:
            yield _Band(crossing, [], [], _Kind.NEITHER)
            crossing = []
        (left if line.x1 <= border else right).append(line)
    if crossing:
        yield _Band(crossing, [], [], _Kind.NEITHER)
    if left or right:
        yield from _sides(left, right, rules)


def _sides(left: list[Line], right: list[Line], rules: Sequence[Shape]) -> Iterator[_Band]:
    """Give a band of two sides, without what stands below both columns but is too short to cross the border."""
    if min(len(left), len(right)) < 2:
        yield _Band([*left, *right], [], [], _Kind.NEITHER)
        return
    below = _below(left, right[-1].y)
    above = left[: len(left) - len(below)]
    lines = [*above, *right]
    yield _Band(lines, above, right, _kind(lines, above, right, rules))
    if below:
        yield _Band(below, [], [], _Kind.NEITHER)


def _below(left: Sequence[Line], bottom: float) -> list[Line]:
    """Give the lines behind the first gap below the right column, unless they fill the left one as its text does."""
    for index in range(1, len(left)):
        line, before = left[index], left[index - 1]
        if before.y >= bottom - line.size and line.y - before.y > _GAP * max(line.size, before.size):
            rest, edge = list(left[index:]), max(each.x1 for each in left[:index])
            full = sum(each.x1 >= edge - 2 * each.size for each in rest)
            heads = rest[-1].bold or rest[-1].size > 1.1 * min(
                each.size for each in left
            )  # its text must be in the next column
            return [] if full >= 2 or heads else rest
    return []


def _kind(lines: Sequence[Line], left: Sequence[Line], right: Sequence[Line], rules: Sequence[Shape]) -> "_Kind":
    """Tell how the two sides of a border belong together."""
    if min(len(left), len(right)) < 2:
        return _Kind.NEITHER
    border, size = min(line.x0 for line in right), right[0].size
    gap = border - max(line.x1 for line in left)
    if is_ruled(lines, border, rules):
        return _Kind.TABLE
    if gap < _NARROWEST_GAP * size or all(_MARKER.fullmatch(line.text) for line in left):
        return _Kind.NEITHER
    left_rows, right_rows = rows_of(left), rows_of(right)
    if gap >= size and _is_level(left_rows, right_rows):
        return _Kind.TABLE
    wanted = _COLUMN_ROWS if gap >= size else _NARROW_ROWS
    starting = sum(row[0].x0 - border <= 2 for row in right_rows)
    enough = min(len(left_rows), len(right_rows)) >= wanted and 2 * starting >= len(right_rows)
    wide = min(_width(left_rows), _width(right_rows)) >= _NARROWEST * size
    return _Kind.COLUMNS if enough and wide else _Kind.NEITHER


def _is_level(left: Sequence[Sequence[Line]], right: Sequence[Sequence[Line]]) -> bool:
    """Whether sides stand on the same baselines, and do not fill their columns as running text does."""
    fewer, more = sorted((left, right), key=len)
    beside = [row[0].y for row in more]
    level = sum(any(abs(row[0].y - y) <= 0.15 * row[0].size for y in beside) for row in fewer)
    if level < max(2, 0.8 * len(fewer)) or len(fewer) * 2 < len(more):
        return False
    narrow = min(_width(left), _width(right)) < _NARROWEST * left[0][0].size
    return narrow or min(_filled(left), _filled(right)) < 0.7


def _width(rows: Sequence[Sequence[Line]]) -> float:
    return max(row[-1].x1 for row in rows) - min(row[0].x0 for row in rows)


def _filled(rows: Sequence[Sequence[Line]]) -> float:
    """How much of its column the median row fills."""
    widths = sorted(row[-1].x1 - row[0].x0 for row in rows)
    return widths[len(widths) // 2] / max(_width(rows), 1.0)
