"""What of a text is searched, and where in it that was found.

Words are those of `models.text`, stemmed and folded. Chinese goes in character by character and is asked for as a
phrase: segmentation cuts "转人工客服" in other places than a query for "人工", and people look for parts of words.
"""

import re
from collections.abc import Iterator

import msgspec

from models.text import HAN, has_han, normalise, tokens

_HAN_RUN = re.compile(f"([{HAN}]+)")
_WORD = re.compile(rf"[^\W_{HAN}]+(?:['’.,:-][^\W_{HAN}]+)*")
_QUERY_PARTS = 12  # more words than that narrow nothing down
_AROUND = 60  # characters of a snippet before the first find


class Snippet(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a text with what was found in it."""

    text: str
    marks: tuple[tuple[int, int], ...]  # from and to, in characters, in order, without overlap


def indexed(text: str) -> str:
    """Give what the index holds of a text: its words, each Chinese character one, between blanks."""
    return " ".join(_terms(text))


def query(text: str) -> str:
    """Give a query of FTS5 that finds texts with all words of another; "" if it has none.

    The last word counts as the beginning of one while it is being typed.
    """
    parts = [f'"{part}"' for part in _parts(text)][:_QUERY_PARTS]
    if parts and not has_han(parts[-1]) and text[-1:].isalnum():
        parts[-1] += " *"
    return " ".join(parts)


def snippet(text: str, wanted: str, *, chars: int = 200) -> Snippet:
    """Cut out the part of a text that shows what was looked for.

    Args:
        text: as it was written.
        wanted: as it was looked for.
        chars: at most.
    """
    marks = _marks(text, wanted)
    start = max(0, marks[0][0] - _AROUND) if marks and marks[0][1] > chars else 0
    cut = text[start : start + chars]
    inside = tuple(
        (at - start, min(end - start, len(cut))) for at, end in marks if at >= start and at - start < len(cut)
    )
    return Snippet(text=cut, marks=inside)


def _terms(text: str) -> Iterator[str]:
    for piece in _HAN_RUN.split(normalise(text)):
        if has_han(piece):
            yield from piece
        else:
            yield from tokens(piece)


def _parts(text: str) -> Iterator[str]:
    """Give the words, and each run of Chinese as one phrase."""
    for piece in _HAN_RUN.split(normalise(text)):
        if has_han(piece):
            yield " ".join(piece)
        else:
            yield from (token.replace('"', "") for token in tokens(piece))


def _marks(text: str, wanted: str) -> list[tuple[int, int]]:
    parts = list(_parts(wanted))
    found: list[tuple[int, int]] = []
    for part in parts:
        if has_han(part):
            found.extend(_phrase(text, part.replace(" ", "")))
    words = tuple(part for part in parts if not has_han(part))
    if words:
        spans = (match.span() for match in _WORD.finditer(text) if _begins(match[0], words))
        found.extend(spans)
    return _joined(sorted(found))


def _begins(word: str, wanted: tuple[str, ...]) -> bool:
    return any(token.startswith(wanted) for token in tokens(word))


def _phrase(text: str, phrase: str) -> Iterator[tuple[int, int]]:
    """Find a run of Chinese, character by character as both are compared."""
    for run in _HAN_RUN.finditer(text):
        plain = "".join(normalise(char)[:1] or char for char in run[0])
        at = plain.find(phrase)
        while at >= 0:
            yield run.start() + at, run.start() + at + len(phrase)
            at = plain.find(phrase, at + 1)


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
