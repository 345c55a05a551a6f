"""From lines in the order of reading to paragraphs, across columns and pages."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ingest.sources.pdf.characters import is_wide, join_lines, without_soft_hyphens
from ingest.sources.pdf.lines import Line
from ingest.sources.pdf.tables import Table
from ingest.sources.pdf.typography import LARGE, Typography, same_size

BULLETS = "•◦▪▫‣⁃●○■□◆◇➢➤✓✔★※·"
LIST_MARK = re.compile(
    rf"(?:[{BULLETS}]|[-–—*](?=\s)|\(?\d{{1,3}}[.)](?=\s|[^\d\s])|[（(]\d{{1,3}}[)）]|\d{{1,3}}、|[①-⑳]|[a-zA-Z][.)](?=\s))\s*"
)
_NUMBER = re.compile(r"[(（]?(\d{1,3})[.)）、]")
_ASKS = re.compile(r"(?:Q|A|Question|Answer|问|答|问题|答案|回答|提问)\s*\d{0,4}\s*[:：.．、](?!\w*\.)", re.IGNORECASE)
_ENDED = re.compile(r"[.!?。！？；;:：…][\"'”’）)》」』]*$")
_LOOSER = 1.25  # of the usual leading: the next paragraph
_INDENT = 0.8  # of the font's size
_LONGEST = 20_000  # characters, where a paragraph that never ends is cut
_MANY = 4  # lines, whose longest shows where the right edge is


@dataclass(slots=True, kw_only=True)
class Paragraph:
    """Lines that belong together."""

    lines: list[Line]
    text: str

    @property
    def first(self) -> Line:
        """The line that it begins with."""
        return self.lines[0]

    @property
    def bold(self) -> bool:
        """Whether all of it is."""
        return all(line.bold for line in self.lines)


def paragraphs_of(items: Iterable[Line | Table], style: Typography) -> Iterator[Paragraph | Table]:
    """Join lines to paragraphs; tables stay where they are."""
    current: Paragraph | None = None
    for item, edge in _with_right_edges(items, style):
        if isinstance(item, Table):
            if current is not None:
                yield current
            yield item
            current = None
        elif current is not None and _goes_on(current, item, edge, style):
            current.text = join_lines(current.text, item.text, style.known)
            current.lines.append(item)
        else:
            if current is not None:
                yield current
            current = Paragraph(lines=[item], text=item.text.strip())
    if current is not None:
        yield current


def finished(text: str) -> str:
    """Give the text of a paragraph as it is shown."""
    return without_soft_hyphens(" ".join(text.split()))


def _with_right_edges(
    items: Iterable[Line | Table], style: Typography
) -> "Iterator[tuple[Line | Table, Callable[[Line], float]]]":
    """Give each item with what tells how far its neighbours could reach."""
    run: list[Line] = []

    def flush() -> "Iterator[tuple[Line, Callable[[Line], float]]]":
        reached = max((line.x1 for line in run), default=0.0)
        many = len(run) >= _MANY
        for line in run:
            yield line, lambda each, many=many, reached=reached: reached if many else each.right  # type: ignore[misc]
        run.clear()

    for item in items:
        near = (
            isinstance(item, Line)
            and run
            and run[-1].flow == item.flow
            and run[-1].page == item.page
            and same_size(run[-1], item)
            and 0 < item.y - run[-1].y <= _LOOSER * style.leading(item)
        )
        if not near:
            yield from flush()
        if isinstance(item, Line):
            run.append(item)
        else:
            yield item, lambda each: each.right
    yield from flush()


def _goes_on(current: Paragraph, line: Line, edge: Callable[[Line], float], style: Typography) -> bool:
    last = current.lines[-1]
    if not same_size(last, line) or last.bold != line.bold or len(current.text) > _LONGEST:
        return False
    if _ASKS.match(line.text) or (LIST_MARK.match(line.text) and not _is_number_within(current, line, edge(last))):
        return False
    down_a_column = last.flow == line.flow and last.page == line.page and line.y > last.y
    if not down_a_column:
        return _goes_on_elsewhere(current, line)
    if line.y - last.y > _LOOSER * style.leading(line):
        return False
    if line.size >= LARGE * style.body_size:
        return len(current.lines) < _MANY  # headings are short for no reason
    if _is_moved(current, line):
        return False
    return _room(last, line, edge(last)) <= 0 or _is_unfinished(current, line, edge(last))


def _is_number_within(current: Paragraph, line: Line, edge: float) -> bool:
    """Whether a number at the start of a line belongs to the sentence: "…return of article" "59. You can…"."""
    number, before = _NUMBER.match(line.text), _NUMBER.match(current.text)
    last = current.lines[-1]
    if number is None or _ENDED.search(last.text) or abs(line.x0 - last.x0) > 1:
        return False
    if before is not None and int(number[1]) == int(before[1]) + 1:
        return False
    return _room(last, line, edge) <= 0


def _goes_on_elsewhere(current: Paragraph, line: Line) -> bool:
    """Whether a paragraph goes on at the top of the next column or page."""
    last = current.lines[-1]
    if last.text.endswith(("-", "\xad")):
        return True
    if _ENDED.search(last.text):
        return False
    if line.x0 > line.left + _INDENT * line.size and not LIST_MARK.match(current.text):
        return False
    return line.text[0].islower() or _room(last, line, last.right) <= 0


def _is_moved(current: Paragraph, line: Line) -> bool:
    """Whether a line is indented, or comes out of an indentation, so that it begins something."""
    indent = _INDENT * line.size
    in_list = LIST_MARK.match(current.text) is not None
    if line.x0 > current.lines[-1].x0 + indent:
        return not (in_list and len(current.lines) == 1)
    if in_list:
        return line.x0 <= current.first.x0 + 0.2 * line.size and _ENDED.search(current.text) is not None
    return len(current.lines) > 1 and line.x0 < current.lines[-1].x0 - indent


def _room(last: Line, line: Line, edge: float) -> float:
    """Points left on a line if the next one's first word had been put there; it was meant to end if there are any."""
    word = line.text.split(" ", 1)[0]
    width = (line.x1 - line.x0) / max(len(line.text), 1)
    if is_wide(line.text[0]):
        return edge - last.x1 - 2.2 * line.size  # a mark that may not start a line takes a character with it
    return edge - last.x1 - width * (len(word) + 1) - 0.5 * line.size


def _is_unfinished(current: Paragraph, line: Line, edge: float) -> bool:
    last = current.lines[-1]
    if _ENDED.search(last.text) or not line.text[0].islower():
        return last.text.endswith("-") and line.text[0].islower()
    return edge - last.x1 < 0.4 * (edge - last.left)


def is_ended(text: str) -> bool:
    """Whether a text ends as a sentence does."""
    return _ENDED.search(text) is not None


def is_marked(text: str) -> bool:
    """Whether a text begins with Q: or A:."""
    return _ASKS.match(text) is not None
