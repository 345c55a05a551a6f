"""Markdown: headings with text below them, lines that start with Q: and A: (问：, 答：), tables, lists of questions."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.common.utils import normalizeReference
from markdown_it.token import Token

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.blocks import About, Block, BlockKind
from ingest.sources.decoding import read_text
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.names import canonical
from ingest.sources.outline import NOTHING_FOUND, records
from ingest.sources.questions import Q_MARK
from ingest.split import plain_text
from knowledge.types import Source

_ID = re.compile(r"[ \t]*\{#(?P<id>[^\s{}]{1,128})\}[ \t]*$")
_ALL_BOLD = re.compile(r"(\*\*|__)(?=\S)(?:(?!\1).){1,300}\1[ \t]*[:：]?[ \t]*")
_FRONT = re.compile(r"---[ \t]*\n(?P<yaml>(?:.{0,2000}\n){1,200}?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_COMMENT = re.compile(r"\s*<!--(?:(?!-->).)*-->\s*", re.DOTALL)
_REFERENCE = re.compile(r"(?<![\\\]])\[(?P<text>[^\[\]]{1,500})\](?:\[(?P<label>[^\[\]]{0,200})\])?(?![\[(:])")
_DEEPEST = 100


def read_markdown(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a Markdown file in UTF-8.

    What headings, lists and tables become is said in `outline` and `disguised`. A heading may end with an id,
    `## Question {#id}` (Pandoc's notation), and the first line below it may give similar questions:
    `Also asked: one | another` (也可以问：…). Title, category, tags and language may stand in front matter, as YAML
    between two lines of ---.
    """
    whole = Source(file=document.name, place="")
    try:
        text, encoding = read_text(document.path, max_bytes=options.limits.max_file_bytes)
    except RejectedField as exc:
        empty = document.path.stat().st_size == 0
        yield Rejection(source=whole, reason=NOTHING_FOUND if empty else str(exc))
        return
    if "\0" in text:
        reason = "the file holds NUL characters; it may be damaged or not be text"
        yield Rejection(source=whole, reason=reason)
        return
    if encoding.label != "UTF-8":
        yield Note(source=whole, text=f"read as {encoding.label}")
    about, text = _front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = text.split("\n")
    for number in _too_deep(lines):
        lines[number] = ""
        reason = f"quotations or lists are nested more than {_DEEPEST} deep; the line is left out"
        yield Rejection(source=Source(file=document.name, place=f"line {number + 1}"), reason=reason)
    yield from records(markdown_blocks("\n".join(lines)), document, options, about)


def _too_deep(lines: Sequence[str]) -> list[int]:
    """Find lines that begin with more marks of quotations and lists than anybody writes; a ruler is none."""
    found = []
    for number, line in enumerate(lines):
        if len(line) > _DEEPEST and line[0] in " \t>-*+":
            rest = line.lstrip(" \t>-*+")
            marks = line[: len(line) - len(rest)]
            if (rest or ">" in marks) and len(marks) - marks.count(" ") - marks.count("\t") > _DEEPEST:
                found.append(number)
    return found


def markdown_blocks(text: str, place: Callable[[int], str] = "line {}".format) -> Iterator[Block]:
    """Take Markdown apart into blocks; their text is as written, but for links by reference, which become direct.

    Args:
        text: with line feeds only.
        place: names a line, counted from 1.
    """
    lines = text.split("\n")
    environment: dict[str, Any] = {}
    # what stands within lines is kept as it is, so that it needs no parsing
    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
    tokens = parser.parse(text, environment)
    references = environment.get("references", {})
    for index, token in enumerate(tokens):
        if token.level == 0 and token.map and token.nesting >= 0:
            for block in _blocks(token, index, tokens, lines, place):
                yield _resolved(block, references) if references else block


def _blocks(
    token: Token, index: int, tokens: Sequence[Token], lines: Sequence[str], place: Callable[[int], str]
) -> Iterator[Block]:
    assert token.map is not None
    start, end = token.map
    while end > start and not lines[end - 1].strip():
        end -= 1
    text = "\n".join(lines[start:end])
    tight = start > 0 and bool(lines[start - 1].strip())
    block = Block(kind=BlockKind.TEXT, place=place(start + 1), text=text, tight=tight)
    match token.type:
        case "heading_open":
            title = tokens[index + 1].content
            given = _ID.search(title)
            plain, level = plain_text(_ID.sub("", title)).replace("\n", " "), int(token.tag[1])
            heading = replace(block, kind=BlockKind.HEADING, text=plain, level=level, written=text)
            yield replace(heading, id=given["id"] if given else "")
        case "table_open":
            yield replace(block, kind=BlockKind.TABLE, rows=_rows(tokens, index))
        case "fence" | "code_block":
            yield replace(block, code=True)
        case "html_block" if _COMMENT.fullmatch(text):
            return
        case "hr":
            if index + 1 < len(tokens) and tokens[index + 1].type != "heading_open":
                yield block
        case "paragraph_open" | "bullet_list_open" | "ordered_list_open":
            yield from _at_marks(replace(block, bold=_ALL_BOLD.fullmatch(text) is not None), lines, start, end, place)
        case _:
            yield block


def _at_marks(block: Block, lines: Sequence[str], start: int, end: int, place: Callable[[int], str]) -> Iterator[Block]:
    """Cut a block before each line with Q:, so that each pair has its own place."""
    cuts = [number for number in range(start + 1, end) if Q_MARK.match(lines[number])]
    if not cuts:
        yield block
        return
    for first, last in zip([start, *cuts], [*cuts, end], strict=True):
        text = "\n".join(lines[first:last]).rstrip()
        yield replace(block, text=text, place=place(first + 1), tight=block.tight or first > start)


def _rows(tokens: Sequence[Token], index: int) -> tuple[tuple[str, ...], ...]:
    rows: list[list[str]] = []
    for token in tokens[index + 1 :]:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(token.content)
    return tuple(map(tuple, rows))


def _resolved(block: Block, references: Mapping[str, Mapping[str, str]]) -> Block:
    """Write links by reference, [text][label], with their addresses: the list of these stays behind."""
    if block.code or "[" not in block.text or block.kind is BlockKind.HEADING:
        return block

    def direct(match: re.Match[str]) -> str:
        known = references.get(normalizeReference(match["label"] or match["text"]))
        return f"[{match['text']}]({known['href']})" if known else match[0]

    rows = tuple(tuple(_REFERENCE.sub(direct, cell) for cell in row) for row in block.rows)
    return replace(block, text=_REFERENCE.sub(direct, block.text), rows=rows)


def _front_matter(text: str) -> tuple[About, str]:
    """Take the front matter off a document; its lines are left empty, so that lines keep their numbers."""
    match = _FRONT.match(text)
    if match is None:
        return About(), text
    try:
        values = yaml.safe_load(match["yaml"])
    except (yaml.YAMLError, RecursionError, ValueError):
        return About(), text
    if not isinstance(values, dict):
        return About(), text
    return _about(values), "\n" * match[0].count("\n") + text[match.end() :]


def _about(values: Mapping[Any, Any]) -> About:
    found: dict[str, list[str]] = {}
    for key, value in values.items():
        name = "category" if str(key) == "categories" else canonical(str(key)) or str(key).casefold()
        items = value if isinstance(value, list) else [value]
        found[name] = [str(item)[:200] for item in items[:50] if isinstance(item, str | int | float)]
    tags = found.get("tags", [])
    if len(tags) == 1:
        tags = [tag.strip() for tag in re.split("[,，、]", tags[0]) if tag.strip()]
    first = {name: items[0] for name, items in found.items() if items}
    return About(
        title=first.get("title", first.get("标题", "")),
        category=first.get("category", ""),
        tags=tuple(tags),
        language=first.get("language", ""),
    )
