"""PDF files made for tests: text at places, as a typesetter would put it."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

ROMAN, BOLD, SONG = "Helvetica", "Helvetica-Bold", "STSong-Light"
WIDTH, HEIGHT = A4  # 595 x 842 points
pdfmetrics.registerFont(UnicodeCIDFont(SONG))


@dataclass(frozen=True, slots=True)
class Put:
    """A piece of text at a place, in points from the upper left corner."""

    x: float
    y: float
    text: str
    font: str = ROMAN
    size: float = 10


class PdfMaker:
    """Draws pages; `data` gives the file."""

    def __init__(self, *, password: str | None = None) -> None:
        self._buffer = io.BytesIO()
        self.canvas = Canvas(self._buffer, pagesize=A4, encrypt=password, invariant=1)

    def page(self, pieces: Sequence[Put] = (), lines: Sequence[tuple[float, float, float, float]] = ()) -> "PdfMaker":
        """Add a page with pieces of text and straight lines."""
        for piece in pieces:
            font = SONG if not piece.text.isascii() and piece.font == ROMAN else piece.font
            self.canvas.setFont(font, piece.size)
            self.canvas.drawString(piece.x, HEIGHT - piece.y, piece.text)
        for x0, y0, x1, y1 in lines:
            self.canvas.line(x0, HEIGHT - y0, x1, HEIGHT - y1)
        self.canvas.showPage()
        return self

    def data(self) -> bytes:
        """Give the bytes of the file."""
        self.canvas.save()
        return self._buffer.getvalue()


def column(text: str, *, x: float, y: float, width: float, size: float = 10, font: str = ROMAN) -> list[Put]:
    """Set a text in lines of a width, one below the other, divided between words or Chinese characters."""
    font = SONG if not text.isascii() and font == ROMAN else font
    units = list(text) if not text.isascii() else [f"{word} " for word in text.split()]
    lines, current = [], ""
    for unit in units:
        if current and pdfmetrics.stringWidth((current + unit).rstrip(), font, size) > width:
            lines.append(current)
            current = ""
        current += unit
    lines.append(current)
    return [Put(x, y + index * size * 1.2, line.rstrip(), font, size) for index, line in enumerate(lines)]


def bottom(pieces: Sequence[Put]) -> float:
    """Give where the last line stands."""
    return max(piece.y for piece in pieces)
