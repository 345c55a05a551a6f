"""Cutting running text into passages that are small enough to be quoted as an answer."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ingest.split import plain_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ProseSettings:
    """How long a passage is. Ideographs count as two, as they say about twice as much as a letter."""

    max_width: int = 600  # 100 English words or 300 Chinese characters: three sentences to six, no scrolling in a chat
    hard_chars: int = 4_000  # of a listing, a row or a sentence that has no place to be cut at

    def __post_init__(self) -> None:
        """Validate."""
        if self.max_width < 100 or self.hard_chars < self.max_width:
            raise ValueError(f"max_width must be at least 100 and not above hard_chars; got {self}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of Markdown and where it stands."""

    text: str
    place: str
    tight: bool = False  # no empty line stands before it


@dataclass(frozen=True, slots=True)
class _Unit:
    """What is better not cut: a paragraph, an item of a list, a table, a listing."""

    text: str
    place: str
    tight: bool
    width: int


_WORD = re.compile(r"\w")  # rulers and runs of punctuation have none
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r" {0,3}(?:[-*+]|\d{1,9}[.)])[ \t]")
# A sentence ends at Chinese punctuation, at Latin punctuation before a space and no lower-case letter, at a line break
# that was meant. The end of a line is none: it may be wrapped anywhere.
_END = re.compile(r"[。！？…；]+[”』」’\"'）)\]]*\s*|[.!?]+[”\"'’)\]]*\s+(?![a-z\s])|  \n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Za-z]|Dr|Mr|Mrs|Ms|Prof|St|No|Nr|Fig|vs|etc|approx|ca|incl|e\.g|i\.e|\d{1,2}))\.\s+$"
)
_COMMA = re.compile(r"[，、,]\s*|\s+")


def width(text: str) -> int:
    """Count characters, ideographs and full-width forms as two."""
    return len(text) if text.isascii() else len(text) + sum(1 for _ in _WIDE.finditer(text))


def passages(parts: Iterable[Part], settings: ProseSettings) -> Iterator[Part]:
    """Cut what stands below one heading into passages.

    Paragraphs share a passage while they fit, and passages are about equally long. A cut falls between paragraphs,
    items or rows of a table (whose head is repeated); only what is too long for one passage is cut at the end of a
    sentence. A line that introduces a list stays with it. Nothing but white space and
    punctuation that stands alone is lost.
    """
    units = [unit for part in parts for unit in _units(part, settings) if _WORD.search(unit.text)]
    total = sum(unit.width for unit in units)
    count = max(-(-total // settings.max_width), 1)
    goal = min(settings.max_width, int(total / count * 1.15) + 1)
    current: list[_Unit] = []
    size = 0
    for unit in units:
        if current and size + unit.width > goal and not (size < goal // 4 and size + unit.width <= settings.max_width):
            kept = [current.pop()] if len(current) > 1 and current[-1].text.rstrip().endswith((":", "：")) else []
            yield _passage(current)
            current, size = kept, sum(each.width for each in kept)
        current.append(unit)
        size += unit.width
    if current:
        yield _passage(current)


def _passage(units: list[_Unit]) -> Part:
    texts = [units[0].text]
    for unit in units[1:]:
        texts += ("\n" if unit.tight else "\n\n", unit.text)
    return Part(text="".join(texts).strip("\n"), place=units[0].place)


def _units(part: Part, settings: ProseSettings) -> Iterator[_Unit]:
    tight = part.tight
    for group in _groups(part.text):
        if not group:
            tight = False
            continue
        for piece in _pieces(group, settings):
            yield _Unit(piece, part.place, tight, width(piece))
        tight = True


def _groups(text: str) -> Iterator[list[str]]:
    """Take Markdown apart into paragraphs, items, tables and listings; an empty group is an empty line between."""
    group: list[str] = []
    fence = ""
    for line in text.split("\n"):
        if fence:
            group.append(line)
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        opening = _FENCE.match(line)
        if not line.strip():
            if group:
                yield group
            group = []
            yield []
        elif opening or _starts_group(line, group):
            if group:
                yield group
            group = [line]
            fence = opening[1] if opening else ""
        else:
            group.append(line)
    if group:
        yield group


def _starts_group(line: str, group: list[str]) -> bool:
    if not group:
        return False
    in_table, row = group[-1].lstrip().startswith("|"), line.lstrip().startswith("|")
    return _ITEM.match(line) is not None or row != in_table


def _pieces(lines: list[str], settings: ProseSettings) -> Iterator[str]:
    text = "\n".join(lines).rstrip()
    if width(text) <= settings.max_width:
        yield text
    elif _FENCE.match(lines[0]):
        yield from _listing(lines, settings)
    elif lines[0].lstrip().startswith("|") and len(lines) > 2:
        yield from _rows(lines, settings)
    else:
        yield from sentences(text, settings)


def _rows(lines: list[str], settings: ProseSettings) -> Iterator[str]:
    """Cut a table between rows, with its head on top of each piece."""
    head = lines[:2]
    head_width = sum(map(width, head))
    current: list[str] = []
    size = head_width
    for line in lines[2:]:
        if current and size + width(line) > settings.max_width:
            yield "\n".join(head + current)
            current, size = [], head_width
        current.append(line)
        size += width(line)
    yield "\n".join(head + current)


def _listing(lines: list[str], settings: ProseSettings) -> Iterator[str]:
    """Cut a listing only where it is far too long, between lines, each piece fenced again."""
    opening = _FENCE.match(lines[0])
    fence = opening[1] if opening else "```"
    closed = len(lines) > 1 and lines[-1].strip().startswith(fence)
    current: list[str] = []
    size = 0
    for line in lines[1 : -1 if closed else None]:
        for piece in (line[at : at + settings.hard_chars] for at in range(0, max(len(line), 1), settings.hard_chars)):
            if current and size + len(piece) > settings.hard_chars:
                yield "\n".join([lines[0], *current, fence])
                current, size = [], 0
            current.append(piece)
            size += len(piece) + 1
    if current:
        yield "\n".join([lines[0], *current, fence])


def sentences(text: str, settings: ProseSettings) -> Iterator[str]:
    """Cut a text at the ends of sentences into pieces of at most `max_width`, longer only where marks are open."""
    current: list[str] = []
    size = 0
    for sentence in _whole_sentences(text, settings):
        if current and size + width(sentence) > settings.max_width:
            yield "".join(current).strip()
            current, size = [], 0
        current.append(sentence)
        size += width(sentence)
    if last := "".join(current).strip():
        yield last


def _whole_sentences(text: str, settings: ProseSettings) -> Iterator[str]:
    """Give sentences with the space behind them; none ends inside a link, a code span or bold text."""
    start = 0
    for match in _END.finditer(text):
        candidate = text[start : match.end()]
        if len(candidate) < 2 * settings.max_width and (_is_open(candidate) or _abbreviated(candidate)):
            continue
        yield from _bounded(candidate, settings)
        start = match.end()
    if start < len(text):
        yield from _bounded(text[start:], settings)


def _is_open(text: str) -> bool:
    return text.count("[") > text.count("]") or bool(text.count("`") % 2) or bool(text.count("**") % 2)


def _abbreviated(text: str) -> bool:
    return _ABBREVIATION.search(text[-16:]) is not None


def _bounded(sentence: str, settings: ProseSettings) -> Iterator[str]:
    """Cut a sentence that is longer than a passage at a comma or a space in its second half."""
    longest = settings.max_width if len(sentence) == width(sentence) else settings.max_width // 2
    start = 0
    while len(sentence) - start > longest:
        cuts = [match.end() for match in _COMMA.finditer(sentence, start + longest // 2, start + longest)]
        whole = (cut for cut in reversed(cuts) if not _is_open(sentence[start:cut]))
        cut = next(whole, cuts[-1] if cuts else start + longest)
        yield sentence[start:cut]
        start = cut
    yield sentence[start:]


def says_something(markdown: str) -> bool:
    """Whether a text is more than a greeting: it has a figure, a link or at least twelve letters."""
    plain = plain_text(markdown)
    return any(char.isdigit() for char in plain) or "](" in markdown or width("".join(filter(str.isalnum, plain))) >= 12
