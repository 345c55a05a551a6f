"""What the styles and lists of a Word document mean for its text."""

import re
from dataclasses import dataclass, field
from typing import Any

from ingest.sources.word.package import Package, W

TITLE = -1  # the level of the title of the document
_HEADING = re.compile(r"(?:heading|标题|標題|见出し|見出し|überschrift|titre|titolo|título)\s{0,3}([1-9])")
_TITLES = frozenset({"title", "标题", "標題"})
_QUESTION = re.compile(r"question|问题|提问|問題")
_QUESTION_LEVEL = 6
_DEEPEST = 20  # styles that are based on each other
_LISTS = re.compile(r"list (bullet|number)(?: ([2-5]))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A style of paragraphs or characters."""

    name: str = ""  # in lower case
    based_on: str = ""
    level: int = 0  # of headings, from 1; 0 is text
    bold: bool = False
    listed: tuple[str, int] | None = None  # list and depth


@dataclass(slots=True)
class Styles:
    """The styles by their ids, and the kinds of lists."""

    by_id: dict[str, Style] = field(default_factory=dict)
    bullets: dict[tuple[str, int], bool] = field(default_factory=dict)  # by list and depth: whether it has no numbers

    def level(self, style_id: str) -> int:
        """Give the level of a heading, `TITLE`, or 0."""
        return next((style.level for style in self._chain(style_id) if style.level), 0)

    def is_bold(self, style_id: str) -> bool:
        """Whether text in a style is bold."""
        return any(style.bold for style in self._chain(style_id))

    def listed(self, style_id: str) -> tuple[str, int] | None:
        """Give the list and depth of paragraphs in a style."""
        return next((style.listed for style in self._chain(style_id) if style.listed), None)

    def is_contents(self, style_id: str) -> bool:
        """Whether a style is of a line in a table of contents."""
        return any(style.name.startswith(("toc ", "目录", "table of ")) for style in self._chain(style_id))

    def _chain(self, style_id: str) -> list[Style]:
        chain: list[Style] = []
        while style_id in self.by_id and len(chain) < _DEEPEST:
            chain.append(self.by_id[style_id])
            style_id = chain[-1].based_on
        return chain


def styles_of(package: Package) -> Styles:
    """Read styles.xml and numbering.xml, which may be missing."""
    styles = Styles()
    root = package.beside("styles.xml")
    for element in root.iter(f"{W}style") if root is not None else ():
        styles.by_id[element.get(f"{W}styleId") or ""] = _style(element)
    styles.bullets = _bullets(package.beside("numbering.xml"))
    return styles


def _style(element: Any) -> Style:
    name = (value(element.find(f"{W}name")) or "").casefold()
    heading = _HEADING.fullmatch(name)
    level = int(heading[1]) if heading else TITLE if name in _TITLES else 0
    if not level and _QUESTION.search(name):
        level = _QUESTION_LEVEL
    properties = element.find(f"{W}pPr")
    level = level or outline_level(properties)
    listed = numbered(properties)
    if match := _LISTS.fullmatch(name):  # "List Bullet 2" has a list of its own, at depth 0 of which it stands
        listed = (match[1], int(match[2] or 1) - 1)
    bold = is_on(element.find(f"{W}rPr/{W}b"))
    return Style(name=name, based_on=value(element.find(f"{W}basedOn")) or "", level=level, bold=bold, listed=listed)


def outline_level(properties: Any) -> int:
    """Give the level that a paragraph has in the outline, from 1; 0 if none."""
    text = value(properties.find(f"{W}outlineLvl")) if properties is not None else None
    return int(text) + 1 if text and text.isdecimal() and int(text) < 9 else 0


def numbered(properties: Any) -> tuple[str, int] | None:
    """Give the list and depth of a paragraph."""
    number = properties.find(f"{W}numPr") if properties is not None else None
    if number is None:
        return None
    name, depth = value(number.find(f"{W}numId")), value(number.find(f"{W}ilvl")) or "0"
    return (name or "0", min(int(depth), 8) if depth.isdecimal() else 0)


def value(element: Any) -> str | None:
    """Give w:val of an element that may be missing."""
    found = element.get(f"{W}val") if element is not None else None
    return str(found) if found is not None else None


def is_on(element: Any) -> bool:
    """Whether a property that can be on and off is on."""
    return element is not None and (value(element) or "true").casefold() not in ("0", "false", "off", "none")


def _bullets(root: Any) -> dict[tuple[str, int], bool]:
    if root is None:
        return {("bullet", depth): True for depth in range(5)}
    kinds: dict[str, dict[int, bool]] = {}
    for abstract in root.iter(f"{W}abstractNum"):
        depths = kinds.setdefault(abstract.get(f"{W}abstractNumId") or "", {})
        for level in abstract.iter(f"{W}lvl"):
            depth = level.get(f"{W}ilvl") or ""
            if depth.isdecimal():
                depths[int(depth)] = value(level.find(f"{W}numFmt")) in ("bullet", "none")
    found = {("bullet", depth): True for depth in range(5)}
    for number in root.iter(f"{W}num"):
        name = number.get(f"{W}numId") or ""
        for depth, bullet in kinds.get(value(number.find(f"{W}abstractNumId")) or "", {}).items():
            found[name, depth] = bullet
    return found
