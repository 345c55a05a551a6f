"""Where a Markdown text is surely code. What may be code to one program and live HTML to another does not count."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n|$)")
_MARKERS = r"(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)"
_ANY_FENCE = re.compile(rf"[ \t>]*{_MARKERS}*(?:`{{3,}}|~{{3,}})")
_FENCE = re.compile(r"(?P<mark>`{3,}|~{3,})[^|]*$")  # with a | it may be the head of a table
HTML_START = re.compile(rf"[ \t>]*{_MARKERS}*<[A-Za-z/!?]")
_RAW_TEXT = re.compile(r"<(?:pre|script|style|textarea)\b|<!|<\?", re.IGNORECASE)
_QUOTE = re.compile(r" {0,3}(?:> ?)+")
_ITEM = re.compile(r" {0,3}(?:[-+*]|(?P<number>\d{1,9})[.)]) {1,4}(?=[`~])")


@dataclass(frozen=True, slots=True)
class CodeMap:
    """The fenced code of a text."""

    fences: tuple[tuple[int, int], ...]  # offsets from the opening fence to behind the closing one
    trusted_until: int  # behind this offset nothing counts as code, not even what stands in backticks


@dataclass(frozen=True, slots=True)
class _Line:
    start: int
    end: int  # behind the line break
    text: str  # without it

    @property
    def blank(self) -> bool:
        return not self.text.strip(" \t")

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip(" "))


@dataclass(frozen=True, slots=True)
class _Opening:
    """A fence that every CommonMark program sees, and what the lines within it must begin with."""

    mark: str
    quotes: int  # block quotes around it
    indent: int


def map_code(text: str) -> CodeMap:
    """Find fenced code, in time linear in the text (CommonMark 0.31, section 4.5).

    A fence that a list, a quotation, an indented block or an HTML block may turn into something else, depending on
    details or on the program, ends the search: from there on nothing is trusted to be code.
    """
    fences: list[tuple[int, int]] = []
    lines = _lines(text)
    in_html, after_blank = False, True
    for line in lines:
        if line.blank:
            in_html, after_blank = False, True
            continue
        if _ANY_FENCE.match(line.text) and not _is_inline(line.text):
            opening = None if in_html else _opening(line, after_blank=after_blank)
            end = _closed(opening, lines, len(text)) if opening else None
            if end is None:
                return CodeMap(tuple(fences), line.start)
            fences.append((line.start, end))
        elif HTML_START.match(line.text):
            in_html = True
            if _RAW_TEXT.search(line.text):  # goes on over empty lines
                return CodeMap(tuple(fences), line.start)
        after_blank = False
    return CodeMap(tuple(fences), len(text))


def _lines(text: str) -> Iterator[_Line]:
    for match in _LINE.finditer(text):
        if match.end() > match.start():
            yield _Line(match.start(), match.end(), match[0].rstrip("\r\n"))


def _is_inline(line: str) -> bool:
    """Tell whether backticks at the start of a line are a span: then there are more of them behind."""
    rest = line.lstrip(" \t>-+*.)0123456789")
    return rest.startswith("`") and "`" in rest.lstrip("`")


def _opening(line: _Line, *, after_blank: bool) -> _Opening | None:
    prefix, quotes = "", 0
    if quote := _QUOTE.match(line.text):
        prefix, quotes = quote[0], quote[0].count(">")
    elif item := _ITEM.match(line.text):
        if item["number"] not in (None, "1") and not after_blank:
            return None  # a list cannot interrupt a paragraph with another number
        prefix = item[0]
    else:
        prefix = " " * line.indent
        if line.indent > 3 and not after_blank:
            return None
    fence = _FENCE.match(line.text, len(prefix))
    if fence is None:
        return None
    return _Opening(fence["mark"], quotes, 0 if quotes else len(prefix))


def _closed(opening: _Opening, lines: Iterator[_Line], end_of_text: int) -> int | None:
    """Read up to the closing fence, or to the end; None if something else may have ended the code before."""
    closing = re.compile(rf" {{0,3}}{re.escape(opening.mark)}{re.escape(opening.mark[0])}*[ \t]*")
    inside = re.compile(rf" {{0,3}}(?:> ?){{{opening.quotes}}}") if opening.quotes else None
    for line in lines:
        text = line.text
        if inside is not None:
            quoted = inside.match(text)
            if quoted is None:
                return None
            text = text[quoted.end() :]
        elif not line.blank:
            if line.indent < opening.indent:
                return None
            text = text[opening.indent :]
        if closing.fullmatch(text):
            return line.end
        if opening.indent and closing.fullmatch(text.lstrip(" ")):
            return None  # as deep as that it closes the fence for some readings only
    return end_of_text
