"""A parsed web page: its text, its lines, and which parts of it no reader of the page would take for its content."""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from enum import Enum, auto
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingest.records import RejectedField

# The parser looks through all open elements at each tag, so that its time grows with the product of both: 100,000
# nested elements take a minute. Browsers give up at 512; old pages leave thousands of <font> and <b> open.
_DEEPEST = 512
_DEEPEST_INLINE = 4_000
_INLINE_NAMES = (
    "a abbr b big cite code del em font i ins kbd label nobr s samp small span strike strong sub sup tt u var"
)
_INLINE = frozenset(_INLINE_NAMES.split())
_NO_END_NAMES = (
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th thead tbody tfoot option"
    " optgroup colgroup html head body"
)
_NO_END = frozenset(_NO_END_NAMES.split())
_RAW_NAMES = "script style textarea title xmp iframe noembed noframes template svg"
_RAW = frozenset(_RAW_NAMES.split())
_TAG = re.compile(r"<(?:!--|(?P<end>/?)(?P<name>[A-Za-z][^\s/>]*))")
_LONG_TAG = 10_000  # characters
_MOST_ATTRIBUTES = 2_000
_ATTRIBUTE = re.compile(r"\s[^\s=>\"'/]{1,100}")
_COUNTED_NAMES = "h1 h2 h3 h4 h5 h6 p ul ol li dl dt dd details table tr td pre blockquote section article div button"
COUNTED = frozenset(_COUNTED_NAMES.split())  # elements that may begin a block

_DROPPED_NAMES = (
    "script style template noscript nav head iframe object embed applet canvas video audio map svg math dialog select"
    " input textarea button datalist progress meter menu footer frameset noframes"
)
_DROPPED = frozenset(_DROPPED_NAMES.split())
_DROPPED_ROLES_NAMES = (
    "navigation banner contentinfo complementary search dialog alertdialog menu menubar toolbar tablist tooltip"
)
_DROPPED_ROLES = frozenset(_DROPPED_ROLES_NAMES.split())
_HIDDEN_CLASSES_NAMES = (
    "visually-hidden visuallyhidden sr-only screen-reader-text screen-reader-only screenreader a11y-hidden d-none"
    " is-hidden element-invisible assistive-text skip-link skip-to-content headerlink anchor-link"
)
_HIDDEN_CLASSES = frozenset(_HIDDEN_CLASSES_NAMES.split())
_HIDDEN_STYLE = re.compile(
    r"(?:^|;)\s{0,9}(?:display\s{0,9}:\s{0,9}none|visibility\s{0,9}:\s{0,9}hidden)", re.IGNORECASE
)
# A folded answer is hidden until it is asked for: that is what the page is about.
_FOLDED = re.compile(r"answer|accordion|collaps|faq|panel|toggle|tab-?content|expand", re.IGNORECASE)
_COOKIES = re.compile(
    r"^(?:cookie|consent|gdpr|onetrust|cybot|cookiebot|cc-window|cmp)(?:[-_]|$)|cookie-?(?:banner|bar|notice|consent)",
    re.IGNORECASE,
)
_AROUND_NAMES = (
    "nav navbar navigation site-nav main-nav menu sidebar side-bar site-header page-header-nav site-footer page-footer"
    " footer pagination pager breadcrumb breadcrumbs share social social-share social-links related related-articles"
    " toc table-of-contents skip cookies"
)
_AROUND = frozenset(_AROUND_NAMES.split())
_CALLOUT = re.compile(r"note|tip|warn|callout|admonition|alert|info|hint|caution", re.IGNORECASE)


class Step(Enum):
    """A step of a walk through a tree."""

    ENTER = auto()
    TEXT = auto()
    LEAVE = auto()


class Page:
    """A page, its base address and its marked parts."""

    def __init__(self, html: str, base: str = "") -> None:
        """Parse a page.

        Args:
            html: without surrogates.
            base: its address, if it is known from elsewhere.

        Raises:
            RejectedField: elements are nested deeper than any page needs.
        """
        self._lines = scan(html)
        self.tree = LexborHTMLParser(html)
        self.base = base or self._base()
        self._main = self._above("h1, main, article, [role=main]")
        self.rich = self._above("h1, h2, h3, h4, h5, h6, details, table, dl, [aria-controls]", itself=False)
        self.folding = self._above("details, [aria-controls]", itself=False)
        self._controlled = {
            value
            for node in self.tree.css("[aria-controls]")
            if (value := (node.attributes.get("aria-controls") or ""))
        }
        self.by_id: dict[str, LexborNode] = {}
        if self._controlled:
            for node in self.tree.css("[id]"):
                self.by_id.setdefault(node.attributes.get("id") or "", node)

    def _base(self) -> str:
        for query, name in (
            ("base[href]", "href"),
            ("link[rel=canonical]", "href"),
            ("meta[property='og:url']", "content"),
        ):
            node = self.tree.css_first(query)
            address = (node.attributes.get(name) or "").strip() if node else ""
            if address.startswith(("http://", "https://")):
                return address
        return ""

    def _above(self, query: str, *, itself: bool = True) -> set[int]:
        """Give the nodes that hold something that the query finds."""
        found: set[int] = set()
        for node in self.tree.css(query):
            above: LexborNode | None = node if itself else node.parent
            while above is not None and above.mem_id not in found:
                found.add(above.mem_id)
                above = above.parent
        return found

    def line(self, tag: str, number: int) -> int:
        """Give the line where the numberth element of a kind begins, counted from 1; 0 if it is not known."""
        lines = self._lines.get(tag, [])
        return lines[number - 1] if 0 < number <= len(lines) else 0

    def address(self, href: str) -> str:
        """Give the address of a link as it is useful away from the page; "" if it is not."""
        href = "".join(href.split())[:2000]
        scheme = _scheme(href)
        if scheme in ("http", "https", "mailto", "tel"):
            return href
        if scheme or not href or (href.startswith("#") and not self.base):
            return ""
        try:
            return urljoin(self.base, href) if self.base else href
        except ValueError:
            return ""

    def is_dropped(self, node: LexborNode) -> bool:
        """Whether an element is hidden, or stands around the content: navigation, banners, forms, scripts."""
        tag = node.tag or ""
        if tag in _DROPPED:
            return True
        attributes = node.attributes
        if not attributes and tag not in ("header", "aside", "form"):
            return False
        holds_main = node.mem_id in self._main
        classes = (attributes.get("class") or "").split()
        if tag in ("form", "header") and not holds_main:
            return tag == "form" or not _within(node, ("article", "main", "section", "details"))
        if tag == "aside" and not holds_main:
            names = " ".join([attributes.get("role") or "", *classes])
            return not (_CALLOUT.search(names) and _within(node, ("article", "main")))
        if _is_hidden(attributes, classes):
            return not self._is_folded(attributes, classes)
        if holds_main:
            return False
        return self._is_around(attributes, classes)

    def _is_folded(self, attributes: dict[str, str | None], classes: list[str]) -> bool:
        own = attributes.get("id") or ""
        return own in self._controlled or any(_FOLDED.search(name) for name in [own, *classes])

    def _is_around(self, attributes: dict[str, str | None], classes: list[str]) -> bool:
        names = [attributes.get("id") or "", *classes]
        return (
            (attributes.get("role") or "").casefold() in _DROPPED_ROLES
            or not _AROUND.isdisjoint(name.casefold() for name in names)
            or any(_COOKIES.search(name) for name in names)
        )


def _scheme(href: str) -> str:
    try:
        return urlsplit(href).scheme.casefold()
    except ValueError:
        return "?"


def _is_hidden(attributes: dict[str, str | None], classes: list[str]) -> bool:
    if "hidden" in attributes and (attributes["hidden"] or "").casefold() != "until-found":
        return True
    if (attributes.get("aria-hidden") or "").casefold() == "true" or _HIDDEN_STYLE.search(
        attributes.get("style") or ""
    ):
        return True
    if _HIDDEN_CLASSES.isdisjoint(classes):
        return False
    return not any(name.startswith("d-") and name != "d-none" for name in classes)  # hidden on some screens only


def _within(node: LexborNode, tags: tuple[str, ...]) -> bool:
    above = node.parent
    for _ in range(_DEEPEST):
        if above is None:
            return False
        if above.tag in tags:
            return True
        above = above.parent
    return False


def walk(root: LexborNode, skipped: set[int], seen: Counter[str] | None = None) -> Iterator[tuple[Step, LexborNode]]:
    """Go through what is below a node, in order, without recursion.

    Args:
        root: is not given itself.
        skipped: what is in it on return from ENTER is gone through without a word. The caller adds to it.
        seen: if given, elements are counted here by their tags, those that are skipped included.
    """
    node = root.first_child
    silent: int | None = None
    while node is not None:
        tag = node.tag or ""
        if seen is not None:
            seen[tag] += 1
        if silent is None:
            yield (Step.TEXT if tag == "-text" else Step.ENTER), node
            if node.mem_id in skipped:
                silent = node.mem_id
        child = node.first_child if silent is None or seen is not None else None
        while child is None:
            if silent is None and node.tag != "-text":
                yield Step.LEAVE, node
            if silent == node.mem_id:
                silent = None
            child = node.next
            if child is None:
                above = node.parent
                if above is None or above.mem_id == root.mem_id:
                    return
                node = above
        node = child


def plain(root: LexborNode, page: Page, *, limit: int = 70_000) -> str:
    """Give the text below a node that is shown, on one line."""
    pieces: list[str] = []
    skipped: set[int] = set()
    size = 0
    for step, node in walk(root, skipped):
        if step is Step.TEXT:
            pieces.append(node.text_lexbor())
            size += len(pieces[-1])
            if size > limit:
                break
        elif step is Step.ENTER:
            tag = node.tag or ""
            if tag.startswith("-") or (page.is_dropped(node) and tag != "button"):
                skipped.add(node.mem_id)
            elif tag == "br" or tag in COUNTED:
                pieces.append(" ")
    return " ".join("".join(pieces).split()).rstrip("¶# ").strip()


def scan(html: str) -> dict[str, list[int]]:
    """Find the line of each element that may become a block.

    Raises:
        RejectedField: elements are nested deeper than any page needs.
    """
    lines: dict[str, list[int]] = {tag: [] for tag in COUNTED}
    depth = inline = at = line = counted = 0
    while match := _TAG.search(html, at):
        at = match.end()
        name = (match["name"] or "").casefold()
        if not name:
            end = html.find("-->", match.start() + 2)
            at = len(html) if end < 0 else end
            continue
        if name in _RAW and not match["end"]:
            closing = re.compile(f"</{re.escape(name)}", re.IGNORECASE).search(html, at)
            at = len(html) if closing is None else closing.end()
            continue
        if not match["end"] and name in lines:
            line += html.count("\n", counted, match.start())
            counted = match.start()
            lines[name].append(line + 1)
        at = _end_of_tag(html, at)
        if name in _NO_END:
            continue
        step = -1 if match["end"] else 1
        depth, inline = (depth, max(inline + step, 0)) if name in _INLINE else (max(depth + step, 0), inline)
        if depth > _DEEPEST or inline > _DEEPEST_INLINE:
            raise RejectedField(
                f"elements are nested more than {_DEEPEST if depth > _DEEPEST else _DEEPEST_INLINE} deep"
                f" at line {html.count(chr(10), 0, match.start()) + 1}; the page is damaged, or made to do harm"
            )
    return lines


def _end_of_tag(html: str, start: int) -> int:
    """Find the end of a tag, and refuse what has too many attributes: the parser compares all names with each other."""
    end = html.find(">", start)
    end = len(html) if end < 0 else end
    if end - start > _LONG_TAG and len(_ATTRIBUTE.findall(html, start, end)) > _MOST_ATTRIBUTES:
        line = html.count("\n", 0, start) + 1
        raise RejectedField(f"a tag at line {line} has more than {_MOST_ATTRIBUTES} attributes; the page is damaged")
    return end


def declared_encoding(head: bytes) -> str | None:
    """Give the codec that a page names in its first bytes, as browsers understand the names; None if it names none."""
    match = re.search(
        rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s{0,3}=\s{0,3}[\"']?\s{0,3}([\w.:-]{2,40})",
        head,
        re.IGNORECASE,
    )
    if match is None:
        return None
    name = match[1].decode("ascii", "ignore").casefold()
    try:
        codec = codecs.lookup(name).name
    except LookupError:
        return None
    wider = {"gb2312": "gb18030", "gbk": "gb18030", "big5": "cp950", "iso8859-1": "cp1252", "ascii": "cp1252"}
    return "utf-8" if codec.startswith("utf-16") else wider.get(codec, codec)
