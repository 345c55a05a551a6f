"""What a page says about itself for search engines: questions and answers (schema.org FAQPage), breadcrumbs, title."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.records import RejectedField
from ingest.sources.blocks import About, Block, BlockKind, to_markdown
from ingest.sources.html.content import blocks_of
from ingest.sources.html.page import Page, plain
from ingest.sources.questions import is_question
from ingest.split import plain_text

_MOST_NODES = 200_000  # of all JSON-LD of a page
_LONGEST = 70_000  # characters of a question that are looked at; longer ones are rejected later
_COMMA = re.compile(r",(?=\s{0,200}[}\]])")
_TITLE_END = re.compile(r"\s+[|–—·»:_-]+\s+|\s*[|｜»]\s*|[_-](?=[^\s_-]{2,20}$)")
_HOME = frozenset(
    {"home", "start", "首页", "主页", "网站首页", "help", "help center", "help centre", "support", "帮助中心"}
)
_LIKE = 0.8  # share of the structured answer from which on the visible one is taken, as it is formatted


@dataclass(frozen=True, slots=True, kw_only=True)
class Structured:
    """What was found."""

    pairs: tuple[Block, ...]
    about: About
    broken: tuple[str, ...]  # why a part could not be read, with its number


def structured(page: Page) -> Structured:
    """Read the JSON-LD of a page, its breadcrumbs and its title."""
    pairs: list[Block] = []
    broken: list[str] = []
    trail: list[str] = []
    for number, node in enumerate(page.tree.css('script[type*="ld+json" i]'), start=1):
        try:
            data = _load(node.text(deep=True) or "")
        except (ValueError, RecursionError) as exc:
            broken.append(f"the structured data (JSON-LD) number {number} is broken and was left out: {str(exc)[:100]}")
            continue
        for item in _objects(data):
            kinds = _kinds(item)
            if "Question" in kinds and (pair := _pair(item, page, f"structured data {number}")):
                pairs.append(pair)
            elif "BreadcrumbList" in kinds and not trail:
                trail = _trail(item)
    title = _title(page)
    category = _category(trail or _visible_trail(page), page) or ("" if is_question(title) else title)
    return Structured(pairs=tuple(pairs), about=About(title=title, category=category), broken=tuple(broken))


def _load(text: str) -> Any:
    """Read JSON as pages have it: in comments, with line breaks in texts, commas too many."""
    text = text.strip().removeprefix("<!--").removesuffix("-->").strip()
    text = (
        text.removeprefix("//").strip().removeprefix("<![CDATA[").removesuffix("]]>").strip().removesuffix("//").strip()
    )
    text = text.removesuffix("]]>").strip().rstrip(";")
    try:
        return json.loads(text, strict=False)
    except ValueError:
        return json.loads(_COMMA.sub("", text), strict=False)


def _objects(data: Any) -> Iterator[Mapping[str, Any]]:
    """Give all objects, outer ones first, in the order of the text."""
    stack, seen = [data], 0
    while stack and seen < _MOST_NODES:
        item = stack.pop()
        seen += 1
        if isinstance(item, dict):
            yield item
            stack += [value for value in reversed(item.values()) if isinstance(value, dict | list)]
        elif isinstance(item, list):
            stack += reversed(item)


def _kinds(item: Mapping[str, Any]) -> set[str]:
    kind = item.get("@type")
    names = kind if isinstance(kind, list) else [kind]
    return {name.rsplit("/", 1)[-1].rsplit(":", 1)[-1] for name in names if isinstance(name, str)}


def _pair(item: Mapping[str, Any], page: Page, place: str) -> Block | None:
    question = _first_text(item.get("name")) or _first_text(item.get("text"))
    answer = item.get("acceptedAnswer") or item.get("suggestedAnswer")
    while isinstance(answer, list):
        answer = answer[0] if answer else None
    text = _first_text(answer.get("text") if isinstance(answer, dict) else answer)
    if not question or not text:
        return None
    try:
        heading = _line(question[:_LONGEST], page)
        answer_text = _markdown(text, page, place)
    except RejectedField:
        return None
    return Block(kind=BlockKind.PAIR, place=place, text=heading, answer=answer_text)


def _line(html: str, page: Page) -> str:
    """Take marks out of a question: "Do you ship to <b>AT&amp;T</b>?"."""
    body = Page(html).tree.body if "<" in html or "&" in html else None
    return plain(body, page) if body else " ".join(html.split())


def _first_text(value: Any) -> str:
    while isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, dict):
        value = value.get("@value") or value.get("text") or ""
    return value.strip() if isinstance(value, str) else ""


def _markdown(html: str, page: Page, place: str) -> str:
    """Write an answer, which may hold HTML, as Markdown."""
    if not re.search(r"<[a-zA-Z/]", html):
        html = html.replace("\r\n", "\n").replace("\n", "<br>")
    return to_markdown(blocks_of(Page(html, page.base), place))


def _trail(item: Mapping[str, Any]) -> list[str]:
    names = []
    elements = item.get("itemListElement")
    for element in elements if isinstance(elements, list) else []:
        if isinstance(element, dict):
            inner = element.get("item")
            names.append(
                _first_text(element.get("name")) or _first_text(inner.get("name") if isinstance(inner, dict) else "")
            )
    return [name for name in names if name]


def _visible_trail(page: Page) -> list[str]:
    node = page.tree.css_first(
        '[itemtype*="BreadcrumbList"], [aria-label*="breadcrumb" i], [class*="breadcrumb" i], [id*="breadcrumb" i]'
    )
    return [" ".join((link.text(deep=True) or "").split()) for link in node.css("a")[:20]] if node else []


def _category(trail: Sequence[str], page: Page) -> str:
    """Give the last of the breadcrumbs that is neither the page itself nor the start."""
    first = page.tree.css_first("h1")
    own = {squash(_title(page)), squash(plain(first, page)) if first else ""}
    fitting = [
        name for name in trail if name.casefold() not in _HOME and squash(name) not in own and not is_question(name)
    ]
    return fitting[-1][:200] if fitting else ""


def _title(page: Page) -> str:
    node = page.tree.css_first("title")
    whole = " ".join((node.text(deep=True) or "").split())[:300] if node else ""
    return _TITLE_END.split(whole, maxsplit=1)[0] or whole


def squash(markdown: str) -> str:
    """Bring a text to what two renderings of it share: its letters and digits."""
    return re.sub(r"[\W_]+", "", plain_text(markdown)).casefold()


def merged(pairs: Sequence[Block], blocks: Sequence[Block]) -> list[Block]:
    """Bring pairs that a page has as structured data together with those that it shows, one for each question.

    The page's own is taken, with its links and lists, unless the other says clearly more. What the page does not show
    as a pair, heading or line comes first.
    """
    known: dict[str, Block] = {}
    for pair in pairs:
        known.setdefault(squash(pair.text), pair)
    known.pop("", None)
    shown: list[Block] = []
    used: set[str] = set()
    at = 0
    while at < len(blocks):
        block = blocks[at]
        key = squash(block.text) if len(block.text) <= 1_000 and block.kind is not BlockKind.TABLE else ""
        at += 1
        if key not in known:
            shown.append(block)
            continue
        count, pair = _with_answer(block, blocks[at : at + 200], known[key])
        if key not in used or pair is block:
            shown.append(pair)
        used.add(key)
        at += count
    return [*(pair for key, pair in known.items() if key not in used), *shown]


def _with_answer(block: Block, following: Sequence[Block], known: Block) -> tuple[int, Block]:
    """Give how many of the following blocks are the answer to a question that is shown, and the pair of both."""
    wanted = squash(known.answer)
    if block.kind is BlockKind.PAIR:
        return 0, replace(block, answer=_richer(block.answer, known.answer, wanted))
    count = 0
    while count < len(following) and following[count].kind is not BlockKind.PAIR:
        part = squash(to_markdown([following[count]]))
        if not part or part not in wanted:
            break
        count += 1
    if count == 0 and block.kind is BlockKind.HEADING:
        until = next((n for n, each in enumerate(following) if each.kind is not BlockKind.TEXT), len(following))
        if 2 * len(squash(to_markdown(list(following[:until])))) >= len(wanted):
            return 0, block  # the page says it in other words
        count = until
    answer = _richer(to_markdown(list(following[:count])), known.answer, wanted)
    return count, replace(known, place=block.place, answer=answer)


def _richer(visible: str, other: str, wanted: str) -> str:
    return visible if len(squash(visible)) >= _LIKE * len(wanted) else other
