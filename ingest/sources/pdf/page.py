"""What pdfium tells of a page: pieces of text with their places, ruled lines, bullets that are drawn, pictures."""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from ingest.sources.pdf.characters import clean, is_unreadable, is_wide
from ingest.sources.pdf.shapes import Shape, rules_of

MAX_PAGE_CHARS = 100_000  # a page of small print has 10,000
_MAX_SHAPES = 20_000  # objects looked at for lines and bullets
_BOLD_NAME = re.compile(r"bold|black|heavy|demi|黑体|simhei|粗", re.IGNORECASE)
_BOLD_WEIGHT = 600
_FORCE_BOLD = 1 << 18  # PDF 32000-1:2008, table 123, flag 19
_WIDEST_SPACE = 0.45  # of the font's size, within a span; a table's cells may be as near as that
_SMALLEST = 2.0  # points; smaller text is not meant to be read
_INVISIBLE = (pdfium.FPDF_TEXTRENDERMODE_INVISIBLE, pdfium.FPDF_TEXTRENDERMODE_CLIP)
_NONE, _SEEN, _TYPED = 0, 1, 2  # spaces; a gap that is seen is none between Chinese characters
_BLANK = frozenset((9, 10, 13, 32, 160, 0x3000))
# The same function, giving an address and not a pointer: a fifth of the time, and it is called for every character.
_object_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)(
    ctypes.cast(pdfium.FPDFText_GetTextObject, ctypes.c_void_p).value or 0
)
_STROKED = (pdfium.FPDF_TEXTRENDERMODE_STROKE, pdfium.FPDF_TEXTRENDERMODE_FILL_STROKE)


class DamagedPage(ValueError):
    """A page that cannot be read; the message is the reason of the rejection, without the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of one line in one style. Places are in points from the upper left corner."""

    text: str
    x0: float
    x1: float
    y: float  # of the baseline
    size: float  # of the font, as it is seen
    bold: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageText:
    """All that is taken from a page."""

    width: float
    height: float
    spans: Sequence[Span]
    shapes: Sequence[Shape]
    rules: Sequence[Shape]  # the straight lines among what is drawn
    pictures: bool  # whether it shows any
    unreadable: bool  # most of its characters stand for nothing: the font hides which ones they are


@dataclass(frozen=True, slots=True)
class _Style:
    """What all characters of a text object share."""

    turn: int  # quarters of a turn against the clock; -1 for anything between
    size: float
    bold: bool
    hidden: bool


@dataclass(frozen=True, slots=True)
class _Box:
    left: float
    bottom: float
    right: float
    top: float

    def turned(self, turn: int, x: float, y: float) -> tuple[float, float]:
        """Give a point in reading direction: how far along the line, how far down."""
        if turn == 1:
            return y - self.bottom, x - self.left
        if turn == 2:
            return self.right - x, y - self.bottom
        if turn == 3:
            return self.top - y, self.right - x
        return x - self.left, self.top - y

    def size(self, turn: int) -> tuple[float, float]:
        width, height = self.right - self.left, self.top - self.bottom
        return (height, width) if turn in (1, 3) else (width, height)


def read_page(document: Any, index: int) -> PageText:
    """Read one page.

    Args:
        document: pdfium's handle.
        index: of the page, from 0.

    Raises:
        DamagedPage: it cannot be loaded, or holds far too much text.
    """
    page = pdfium.FPDF_LoadPage(document, index)
    if not page:
        raise DamagedPage("is damaged and cannot be read")
    try:
        text = pdfium.FPDFText_LoadPage(page)
        if not text:
            raise DamagedPage("is damaged and cannot be read")
        try:
            return _Reader(page, text).read()
        finally:
            pdfium.FPDFText_ClosePage(text)
    finally:
        pdfium.FPDF_ClosePage(page)


class _Reader:
    """Reads one loaded page."""

    def __init__(self, page: Any, text: Any) -> None:
        self._page = page
        self._text = text
        self._fonts: dict[int, bool] = {}
        self._rect, self._x, self._y = pdfium.FS_RECTF(), ctypes.c_double(), ctypes.c_double()
        self._box = self._bounds()
        self._paths: list[Any] = []
        self._pictures = 0

    def read(self) -> PageText:
        count = pdfium.FPDFText_CountChars(self._text)
        if count > MAX_PAGE_CHARS:
            raise DamagedPage(f"holds {count:,} characters; up to {MAX_PAGE_CHARS:,} are read; split it")
        self._look_at_objects()
        words = list(self._words(count))
        seen = [word for word in words if not word.style.hidden]
        if self._pictures and len(seen) * 10 < len(words):
            seen = words  # a scan with recognised text behind it, which is there to be found
        turns = Counter(word.style.turn for word in seen if word.style.turn >= 0)
        turn = turns.most_common(1)[0][0] if turns else 0
        codes = [code for word in seen for code in word.codes]
        unreadable = sum(map(is_unreadable, codes))
        shapes = [self._shape(path, turn) for path in self._paths]
        rules = rules_of(shapes)
        upright = [rule for rule in rules if rule.is_upright]
        spans = list(_spans((word for word in seen if word.style.turn == turn), upright))
        width, height = self._box.size(turn)
        return PageText(
            width=width,
            height=height,
            spans=spans,
            shapes=shapes,
            rules=rules,
            pictures=self._pictures > 0,
            unreadable=unreadable * 2 > len(codes),
        )

    def _bounds(self) -> _Box:
        rect = pdfium.FS_RECTF()
        if pdfium.FPDF_GetPageBoundingBox(self._page, ctypes.byref(rect)) and rect.right > rect.left:
            return _Box(rect.left, min(rect.bottom, rect.top), rect.right, max(rect.bottom, rect.top))
        return _Box(0.0, 0.0, 612.0, 792.0)

    def _look_at_objects(self) -> None:
        for index in range(min(pdfium.FPDFPage_CountObjects(self._page), _MAX_SHAPES)):
            each = pdfium.FPDFPage_GetObject(self._page, index)
            kind = pdfium.FPDFPageObj_GetType(each)
            if kind == pdfium.FPDF_PAGEOBJ_PATH:
                self._paths.append(each)
            elif kind in (pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM, pdfium.FPDF_PAGEOBJ_SHADING):
                self._pictures += 1

    def _shape(self, path: Any, turn: int) -> Shape:
        left, bottom, right, top = self._raw_bounds(path)
        (ax, ay), (bx, by) = self._box.turned(turn, left, bottom), self._box.turned(turn, right, top)
        return Shape(x0=min(ax, bx), y0=min(ay, by), x1=max(ax, bx), y1=max(ay, by))

    @staticmethod
    def _raw_bounds(path: Any) -> tuple[float, float, float, float]:
        left, bottom, right, top = (ctypes.c_float() for _ in range(4))
        pdfium.FPDFPageObj_GetBounds(path, *map(ctypes.byref, (left, bottom, right, top)))
        return left.value, bottom.value, right.value, top.value

    def _words(self, count: int) -> "Iterator[_Word]":
        """Give the words in the order they are drawn. pdfium puts spaces where it sees gaps."""
        text, styles = self._text, dict[int, _Style]()
        codes, drawn = self._codes(count), [_object_of(text, index) for index in range(count)]
        start, space = 0, _NONE
        while start < count:
            address, code = drawn[start], codes[start]
            if not address or code in _BLANK:
                if code in _BLANK:
                    space = space or (_TYPED if address else _SEEN)
                start += 1
                continue
            end = start + 1
            while end < count and drawn[end] == address and codes[end] not in _BLANK:
                end += 1
            if address not in styles:
                styles[address] = self._style(pdfium.FPDFText_GetTextObject(text, start), start)
            style = styles[address]
            word = self._placed(start, end, style)
            if word is not None:
                yield _Word(codes[start:end], *word, style, space)
                space = _NONE
            start = end

    def _codes(self, count: int) -> list[int]:
        """Give the code points; one call for all of them unless some take two units or have none."""
        buffer = (ctypes.c_ushort * (count + 1))()
        if pdfium.FPDFText_GetText(self._text, 0, count, buffer) == count + 1:
            return list(buffer[:count])
        return [pdfium.FPDFText_GetUnicode(self._text, index) for index in range(count)]

    def _placed(self, start: int, end: int, style: _Style) -> tuple[float, float, float] | None:
        """Give where a word starts and ends on its line, and its baseline; None if that is outside of the page."""
        rect, x, y = self._rect, self._x, self._y
        pdfium.FPDFText_GetCharOrigin(self._text, start, ctypes.byref(x), ctypes.byref(y))
        box, turn = self._box, max(style.turn, 0)
        if not (box.left - 1 <= x.value <= box.right + 1 and box.bottom - 1 <= y.value <= box.top + 1):
            return None
        first, base = box.turned(turn, x.value, y.value)
        edges = [first]
        for index in {start, end - 1}:
            pdfium.FPDFText_GetLooseCharBox(self._text, index, ctypes.byref(rect))
            edges.append(box.turned(turn, rect.left, rect.bottom)[0])
            edges.append(box.turned(turn, rect.right, rect.top)[0])
        return min(edges), max(edges), base

    def _style(self, drawn: Any, index: int) -> _Style:
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(self._text, index, ctypes.byref(matrix))
        size = pdfium.FPDFText_GetFontSize(self._text, index) * math.hypot(matrix.c, matrix.d)
        mode = pdfium.FPDFTextObj_GetTextRenderMode(drawn)
        hidden = mode in _INVISIBLE or size < _SMALLEST or self._same_as_paper(drawn)
        return _Style(_quarter(matrix.a, matrix.b), size, mode in _STROKED or self._is_bold(drawn), hidden)

    def _is_bold(self, drawn: Any) -> bool:
        font = pdfium.FPDFTextObj_GetFont(drawn)
        if not font:
            return False
        address = ctypes.addressof(font.contents)
        if address not in self._fonts:
            name = ctypes.create_string_buffer(256)
            pdfium.FPDFFont_GetBaseFontName(font, name, len(name))
            weight = pdfium.FPDFFont_GetWeight(font)
            flags = max(pdfium.FPDFFont_GetFlags(font), 0)
            named = _BOLD_NAME.search(name.value.decode("utf-8", "replace")) is not None
            self._fonts[address] = named or weight >= _BOLD_WEIGHT or bool(flags & _FORCE_BOLD)
        return self._fonts[address]

    def _same_as_paper(self, drawn: Any) -> bool:
        """Whether text is transparent, or white with nothing drawn below it."""
        colour = _fill(drawn)
        if colour is None:
            return False
        if colour[3] < 8:
            return True
        if min(colour[:3]) < 250:
            return False
        if self._pictures:
            return False  # it may lie on one
        left, bottom, right, top = self._raw_bounds(drawn)
        x, y = (left + right) / 2, (bottom + top) / 2
        for path in self._paths:
            below = self._raw_bounds(path)
            if below[0] <= x <= below[2] and below[1] <= y <= below[3]:
                paint = _fill(path)
                if paint is not None and paint[3] >= 8 and min(paint[:3]) < 235:
                    return False
        return True


@dataclass(frozen=True, slots=True)
class _Word:
    """Characters of one text object without a space between them."""

    codes: Sequence[int]
    x0: float
    x1: float
    y: float
    style: _Style
    space: int  # before it: _NONE, _SEEN or _TYPED


def _fill(drawn: Any) -> tuple[int, int, int, int] | None:
    red, green, blue, alpha = (ctypes.c_uint() for _ in range(4))
    if not pdfium.FPDFPageObj_GetFillColor(drawn, *map(ctypes.byref, (red, green, blue, alpha))):
        return None
    return red.value, green.value, blue.value, alpha.value


def _quarter(along: float, up: float) -> int:
    if abs(up) <= 0.1 * abs(along):
        return 0 if along >= 0 else 2
    if abs(along) <= 0.1 * abs(up):
        return 1 if up > 0 else 3
    return -1


def _spans(words: Iterable[_Word], upright: Sequence[Shape]) -> Iterator[Span]:
    """Put words that follow one another on a line into spans; lines that are drawn between them part them."""
    parts: list[str] = []
    x0 = x1 = y = 0.0
    style: _Style | None = None
    for word in words:
        text = "".join(map(chr, word.codes))
        near = style is not None and _goes_on(style, word.style, word.x0 - x1, word.y - y)
        if near and not any(rule.parts(x1, word.x0, word.y) for rule in upright):
            if word.space == _TYPED or (word.space and not (is_wide(parts[-1][-1]) and is_wide(text[0]))):
                parts.append(" ")
            parts.append(text)
            x1 = max(x1, word.x1)
        else:
            if style is not None:
                yield Span(text=clean("".join(parts)), x0=x0, x1=x1, y=y, size=style.size, bold=style.bold)
            parts, style, x0, x1, y = [text], word.style, word.x0, word.x1, word.y
    if style is not None:
        yield Span(text=clean("".join(parts)), x0=x0, x1=x1, y=y, size=style.size, bold=style.bold)


def _goes_on(style: _Style, new: _Style, gap: float, drop: float) -> bool:
    size = style.size
    return (
        style.bold == new.bold
        and abs(new.size - size) <= 0.1 * size
        and abs(drop) <= 0.1 * size
        and -0.5 * size <= gap <= _WIDEST_SPACE * size
    )
