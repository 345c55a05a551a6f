"""One paragraph of a Word document: its runs of text as Markdown, tracked changes accepted."""

import re
from dataclasses import dataclass, field
from typing import Any

from ingest.sources.markdown_inline import Inline
from ingest.sources.word.package import R_ID, W
from ingest.sources.word.styles import is_on, value

# what was deleted or moved away, what stands elsewhere, the second copy of a drawing for old programs
_LEFT_OUT_NAMES = (
    "del moveFrom footnoteReference endnoteReference commentReference annotationRef instrText delText pPr rPr rt sdtPr"
)
_LEFT_OUT = frozenset(f"{W}{name}" for name in _LEFT_OUT_NAMES.split()) | {
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
}
_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_SIGNS = {f"{W}tab": " ", f"{W}noBreakHyphen": "-", f"{W}ptab": " "}
_LINK_FIELD = re.compile(r'\s*HYPERLINK\s+"(?P<address>[^"]{1,2000})"')
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:)\S{1,2000}", re.IGNORECASE)


@dataclass(slots=True)
class Line:
    """A paragraph as read."""

    markdown: str = ""
    plain: str = ""
    bold: bool = False  # all of its text is
    boxes: list[Any] = field(default_factory=list)  # paragraphs in text boxes that hang on it


class _Reader:
    def __init__(self, links: dict[str, str], *, bold: bool) -> None:
        self._links = links
        self._bold = bold
        self._inline = Inline()
        self._plain: list[str] = []
        self._boxes: list[Any] = []
        self._shown = {"bold": False, "italic": False}
        self._all_bold = True
        self._fields: list[str] = []  # of each field that is open: "" in its instruction, then "link" or "result"
        self._instruction = ""

    def line(self, paragraph: Any) -> Line:
        for child in paragraph:
            self._element(child)
        self._show(bold=False, italic=False)
        plain = " ".join("".join(self._plain).split())
        return Line(self._inline.take(), plain, bool(plain) and self._all_bold, self._boxes)

    def _element(self, element: Any) -> None:
        tag = element.tag
        if tag in _LEFT_OUT or not isinstance(tag, str):
            return
        if tag == f"{W}r":
            self._run(element)
        elif tag == f"{W}hyperlink":
            self._link(element)
        elif tag == _MATH_TEXT:
            self._text(element.text or "", bold=False, italic=False)
        elif tag == f"{W}txbxContent":
            self._boxes += [child for child in element if child.tag == f"{W}p"]
        else:
            for child in element:
                self._element(child)

    def _link(self, element: Any) -> None:
        self._show(bold=False, italic=False)
        address = self._links.get(element.get(R_ID) or "", "")
        self._inline.open("link", "", address if _ADDRESS.fullmatch(address) else "")
        for child in element:
            self._element(child)
        self._show(bold=False, italic=False)
        self._inline.close("link")

    def _run(self, run: Any) -> None:
        properties = run.find(f"{W}rPr")
        bold, italic = self._bold, False
        if properties is not None:
            if is_on(properties.find(f"{W}vanish")):
                return
            style = (value(properties.find(f"{W}rStyle")) or "").casefold()
            own = properties.find(f"{W}b")
            bold = is_on(own) if own is not None else self._bold or style in ("strong", "intenseemphasis")
            italic = is_on(properties.find(f"{W}i")) or style == "emphasis"
        for child in run:
            tag = child.tag
            if tag == f"{W}fldChar":
                self._field(child.get(f"{W}fldCharType") or "")
            elif tag == f"{W}instrText" and self._fields and not self._fields[-1]:
                self._instruction = f"{self._instruction}{child.text or ''}"[:4_000]
            elif self._fields and not self._fields[-1]:
                continue
            elif tag == f"{W}t":
                self._text(child.text or "", bold=bold, italic=italic)
            elif tag in _SIGNS:
                self._text(_SIGNS[tag], bold=bold, italic=italic)
            elif tag in (f"{W}br", f"{W}cr"):
                self._inline.line_break()
                self._plain.append(" ")
            else:
                self._element(child)

    def _field(self, kind: str) -> None:
        """Follow a field, which shows its result: of those, links are kept."""
        if kind == "begin":
            self._fields.append("")
            self._instruction = ""
        elif kind == "separate" and self._fields:
            match = _LINK_FIELD.match(self._instruction)
            self._fields[-1] = "link" if match and _ADDRESS.fullmatch(match["address"]) else "result"
            if match and self._fields[-1] == "link":
                self._show(bold=False, italic=False)
                self._inline.open("field", "", match["address"])
        elif kind == "end" and self._fields and self._fields.pop() == "link":
            self._show(bold=False, italic=False)
            self._inline.close("field")

    def _text(self, text: str, *, bold: bool, italic: bool) -> None:
        if text.strip():
            self._all_bold = self._all_bold and bold
            self._show(bold=bold, italic=italic)
        self._inline.add(text)
        self._plain.append(text)

    def _show(self, *, bold: bool, italic: bool) -> None:
        """Begin and end marks; runs that look the same share theirs."""
        if self._shown == {"bold": bold, "italic": italic}:
            return
        for name in ("italic", "bold"):
            if self._shown[name]:
                self._inline.close(name)
        if bold:
            self._inline.open("bold", "**")
        if italic:
            self._inline.open("italic", "*")
        self._shown = {"bold": bold, "italic": italic}


def read_paragraph(paragraph: Any, links: dict[str, str], *, bold: bool) -> Line:
    """Read a paragraph.

    Args:
        paragraph: the element w:p.
        links: addresses by id.
        bold: whether its style is.
    """
    return _Reader(links, bold=bold).line(paragraph)
