"""From the elements of a page to blocks."""

import re
from collections import Counter

from selectolax.lexbor import LexborNode

from ingest.prose import width
from ingest.sources.blocks import Block, BlockKind, to_markdown
from ingest.sources.html.page import Page, Step, plain, walk
from ingest.sources.html.tables import definitions_of, elements, rows_of
from ingest.sources.markdown_inline import Inline
from ingest.sources.markdown_layout import Layout, fenced, table_markdown
from ingest.sources.questions import is_question

_MARKS = {
    **dict.fromkeys(("b", "strong"), "**"),
    **dict.fromkeys(("i", "em", "cite", "var", "dfn"), "*"),
    **dict.fromkeys(("s", "del", "strike"), "~~"),
    **dict.fromkeys(("code", "kbd", "samp", "tt"), "`"),
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_INLINE_NAMES = (
    "a span font small big sup sub u ins mark abbr acronym q time data bdi bdo ruby rb rt rp wbr label nobr img br"
    " button input"
)
_INLINE = frozenset(_INLINE_NAMES.split())
_ASKING = re.compile(
    r"(?:^|[-_])(?:question|accordion[-_]{0,2}(?:title|header|heading|button|trigger|toggle|label|summary)"
    r"|faq[-_]{0,2}(?:q|title|header|heading|item[-_]title)|toggle[-_]title|collapsible[-_]header)$",
    re.IGNORECASE,
)
_ANSWERING = re.compile(
    r"(?:^|[-_])(?:answer|accordion[-_]{0,2}(?:content|body|panel|collapse|text|description)"
    r"|faq[-_]{0,2}(?:a|content|body|text|item[-_]content)|toggle[-_]content|collapsible[-_](?:body|content)|panel"
    r"|panel[-_](?:body|collapse)|collapse)$",
    re.IGNORECASE,
)
_LONGEST_HEADING = 300
_DEEPEST_HEADING = 6
_DEFINITION = 40  # width of a text from which on a term with it is knowledge, not "Colour: red"
_LANGUAGE = re.compile(r"(?:language|lang|highlight-source)-([\w+#-]{1,30})")
_WHOLLY_BOLD = re.compile(r"\*\*[^*]+\*\*[?？:：.。!！]?")


def blocks_of(page: Page, place: str = "") -> list[Block]:
    """Give the blocks of a page's content.

    Args:
        page: all of its body is read.
        place: of all blocks, and pairs become text; "" finds the line of each, and pairs.
    """
    root = page.tree.body or page.tree.root
    return _Content(page, place).read(root) if root is not None else []


class _Content:
    """Goes through elements and collects blocks; one object reads one part of a page."""

    def __init__(self, page: Page, place: str = "") -> None:
        """Make a reader.

        Args:
            page: that the elements belong to.
            place: of all blocks; "" finds that of each, and pairs.
        """
        self._page = page
        self._fixed_place = place
        self._place = place or "line 1"
        self._pairs = not place
        self._seen: Counter[str] = Counter()
        self._inline = Inline()
        self._layout = Layout()
        self._blocks: list[Block] = []
        self._skipped: set[int] = set()
        self._heading = 0  # the level of the one that is open
        self._title: list[str] = []  # the paragraph without marks, for headings
        self._level = 0  # of the last heading
        self._broken = False  # the last thing was a line break

    def read(self, root: LexborNode) -> list[Block]:
        for step, node in walk(root, self._skipped, None if self._fixed_place else self._seen):
            if step is Step.TEXT:
                self._text(node)
            elif step is Step.ENTER:
                self._enter(node, node.tag or "")
            else:
                self._leave(node, node.tag or "")
        self._flush()
        return self._blocks

    def _text(self, node: LexborNode) -> None:
        text = node.text_lexbor()
        if text.isspace():
            self._inline.space()
            self._title.append(" ")
            return
        self._broken = False
        self._inline.add(text.replace("\n", " "))
        self._title.append(text)

    def _enter(self, node: LexborNode, tag: str) -> None:
        self._move(tag)
        if self._is_left_out(node, tag):
            self._skipped.add(node.mem_id)
            return
        if self._pairs and self._pair(node, tag):
            return
        if tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol", "li", "blockquote"):
            self._open(node, tag)
        elif tag == "table":
            self._table(node)
        elif tag == "pre":
            self._listing(node)
        elif tag == "dl":
            self._definitions(node)
        elif tag == "br":
            self._line_break()
        elif tag in _MARKS:
            if not self._heading:
                self._inline.open(tag, _MARKS[tag])
        elif tag == "a":
            self._inline.open(tag, "", self._page.address(node.attributes.get("href") or ""))
        elif tag == "img":
            self._image(node)
        elif tag not in _INLINE:
            self._flush()

    def _leave(self, node: LexborNode, tag: str) -> None:
        if tag in _MARKS or tag == "a":
            self._inline.close(tag)
        elif tag not in _INLINE:
            self._flush()
            if tag in _HEADINGS:
                self._heading = 0
            if text := self._layout.close(node.mem_id):
                self._add(Block(kind=BlockKind.TEXT, place=self._place, text=text))

    def _is_left_out(self, node: LexborNode, tag: str) -> bool:
        if node.mem_id in self._skipped or tag.startswith("-"):
            return True
        if tag == "button" and (self._heading or self._is_trigger(node)):
            return False
        return self._page.is_dropped(node)

    def _move(self, tag: str) -> None:
        """Keep the place up to date; lists are named by where they begin."""
        if not self._fixed_place and not self._layout.is_open and (line := self._page.line(tag, self._seen[tag])):
            self._place = f"line {line}"

    def _open(self, node: LexborNode, tag: str) -> None:
        self._flush()
        if node.mem_id in self._page.rich:  # headings in a list: the list is only their frame
            return
        if tag == "blockquote":
            self._layout.open_quote(node.mem_id)
        elif tag == "li":
            self._layout.open_item(node.mem_id)
        else:
            start = (node.attributes.get("start") or "1") if tag == "ol" else ""
            number = int(start) if start.isdecimal() and len(start) < 9 else 1
            self._layout.open_list(node.mem_id, start=number if tag == "ol" else None)

    def _line_break(self) -> None:
        if self._broken and not self._heading:
            self._flush()
        elif self._heading:
            self._title.append(" ")
        else:
            self._inline.line_break()
            self._broken = True

    def _image(self, node: LexborNode) -> None:
        alt = " ".join((node.attributes.get("alt") or "").split())
        address = self._page.address(node.attributes.get("src") or "")
        if address.startswith(("http://", "https://")) and not self._heading:
            self._inline.add_markdown("!")
            self._inline.open("img", "", address)
            self._inline.add(alt or "image")
            self._inline.close("img")
        elif alt:
            self._inline.add(f" {alt} ")

    def _flush(self) -> None:
        """End a paragraph."""
        self._broken = False
        text = self._inline.take()
        title, self._title = " ".join("".join(self._title).split()), []
        if not text:
            return
        if self._heading and len(text) <= _LONGEST_HEADING and not self._layout.is_open:
            level, self._heading = self._heading, 0
            self._head(title.rstrip("¶# "), level)
        elif self._layout.is_open:
            self._layout.add(text)
        else:
            bold = _WHOLLY_BOLD.fullmatch(text) is not None
            self._add(Block(kind=BlockKind.TEXT, place=self._place, text=text, bold=bold))

    def _head(self, text: str, level: int) -> None:
        if text:
            self._level = level
            self._add(Block(kind=BlockKind.HEADING, place=self._place, text=text, level=level))

    def _add(self, block: Block) -> None:
        self._blocks.append(block)

    def _show(self, block: Block) -> None:
        """Add a block as it is, within a list as a part of it."""
        self._flush()
        if self._layout.is_open:
            self._layout.add(to_markdown([block]))
        else:
            self._add(block)

    def _listing(self, node: LexborNode) -> None:
        self._skipped.add(node.mem_id)
        inner = node.css_first("code[class]")
        names = f"{node.attributes.get('class') or ''} {(inner.attributes.get('class') or '') if inner else ''}"
        language = _LANGUAGE.search(names)
        code = (node.text(deep=True) or "").strip("\n").rstrip()
        if code.strip():
            text = fenced(code, language[1] if language else "")
            self._show(Block(kind=BlockKind.TEXT, place=self._place, text=text, code=True))

    def _table(self, node: LexborNode) -> None:
        self._flush()
        if node.mem_id in self._page.rich or (node.attributes.get("role") or "") == "presentation":
            return  # a frame for other things
        self._skipped.add(node.mem_id)
        rows = rows_of(node, self._page, self._markdown)
        if len(rows) == 1 or max(map(len, rows), default=0) < 2:
            for cell in (cell for row in rows for cell in row if cell):
                self._show(Block(kind=BlockKind.TEXT, place=self._place, text=cell))
        elif rows:
            self._show(Block(kind=BlockKind.TABLE, place=self._place, text=table_markdown(rows), rows=rows))

    def _definitions(self, node: LexborNode) -> None:
        self._flush()
        if node.mem_id in self._page.rich:
            return
        self._skipped.add(node.mem_id)
        pairs = definitions_of(node, self._page, self._place, self._markdown)
        knowing = sum(is_question(pair.text) or width(pair.answer) >= _DEFINITION for pair in pairs)
        if self._pairs and pairs and 2 * knowing >= len(pairs):
            for pair in pairs:
                self._add(pair)
        elif pairs:
            lines = [f"- **{pair.text}**: {' '.join(pair.answer.split())}" for pair in pairs]
            self._show(Block(kind=BlockKind.TEXT, place=self._place, text="\n".join(lines)))

    def _markdown(self, node: LexborNode) -> str:
        """Write what is in an element, as a part of the block at this place."""
        return to_markdown(_Content(self._page, self._place).read(node))

    def _is_trigger(self, node: LexborNode) -> bool:
        return self._pairs and bool(node.attributes.get("aria-controls") or _named(node, _ASKING))

    def _pair(self, node: LexborNode, tag: str) -> bool:
        """Add the pair that an element begins; tells whether it does."""
        question: LexborNode | None = node
        answer: LexborNode | None = None
        if tag == "details":
            question = next((each for each in elements(node) if each.tag == "summary"), None)
            answer = node
        elif (node.attributes.get("itemtype") or "").rstrip("/").endswith("schema.org/Question"):
            question = node.css_first("[itemprop=name]")
            answer = node.css_first("[itemprop=acceptedAnswer] [itemprop=text]") or node.css_first("[itemprop=text]")
        elif tag in ("button", "a", "div", "span", "p", "summary", "label", "li", "dt") or tag in _HEADINGS:
            answer = self._panel(node, tag)
        if question is None or answer is None or answer.mem_id in self._skipped:
            return False
        text = plain(question, self._page, limit=2_000)
        if not text:
            return False
        self._flush()
        if answer.mem_id in self._page.folding:  # what folds open holds more of the same: a category
            self._skipped.add(question.mem_id)
            self._head(text, min(self._level + 1, _DEEPEST_HEADING))
            return True
        inner = _Content(self._page, self._place)
        if tag == "details":
            inner._skipped.add(question.mem_id)
        place, blocks = self._place, inner.read(answer)
        self._skipped |= {node.mem_id, answer.mem_id}
        self._add(Block(kind=BlockKind.PAIR, place=place, text=text, answer=to_markdown(blocks)))
        return True

    def _panel(self, node: LexborNode, tag: str) -> LexborNode | None:
        """Find what a heading or button folds open."""
        controls = node.attributes.get("aria-controls") or ""
        if not controls and tag in _HEADINGS:
            inner = node.css_first("[aria-controls]")
            controls = (inner.attributes.get("aria-controls") or "") if inner else ""
        if controls and (node.attributes.get("role") or "") != "tab":
            panel = self._page.by_id.get(controls)
            if panel is not None and self._is_shown(panel, node):
                return panel
        if _named(node, _ASKING):
            after = _element_after(node) or (_element_after(node.parent) if node.parent else None)
            if after is not None and _named(after, _ANSWERING):
                return after
        return None

    def _is_shown(self, panel: LexborNode, trigger: LexborNode) -> bool:
        """Whether a panel is in the content, and does not hold what opens it."""
        above: LexborNode | None = panel
        while above is not None and above.tag != "body":
            if above.mem_id == trigger.mem_id or (above.mem_id != panel.mem_id and self._page.is_dropped(above)):
                return False
            above = above.parent
        above = trigger.parent
        while above is not None:
            if above.mem_id == panel.mem_id:
                return False
            above = above.parent
        return not self._page.is_dropped(panel)


def _element_after(node: LexborNode) -> LexborNode | None:
    after = node.next
    while after is not None and (after.tag or "-").startswith("-"):
        if after.tag == "-text" and after.text_lexbor().strip():
            return None
        after = after.next
    return after


def _named(node: LexborNode, pattern: re.Pattern[str]) -> bool:
    return any(pattern.search(name) for name in (node.attributes.get("class") or "").split())
