"""How a document is set: which size is its text, how far apart are its lines, which words does it use."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ingest.sources.pdf.characters import is_wide, words_within
from ingest.sources.pdf.lines import Line

LARGE = 1.12  # of the body's size: set as a heading
SAME_SIZE = 0.06  # differences that the eye does not see
_USUAL_LEADING = 1.3  # of the font's size, where too few lines tell
_WIDEST_LEADING = 2.2
_MOST_WORDS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Typography:
    """How a document is set."""

    body_size: float  # of the font that most characters have
    body_bold: bool  # most of it is set in bold, which then says nothing
    leading: Callable[[Line], float]  # the usual distance of baselines, in points, of lines such as this one
    known: frozenset[str]  # words in lower case, with and without hyphens


def body_size(lines: Iterable[Line]) -> float:
    """Give the size of the font that most characters have."""
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[_rounded(line.size)] += len(line.text)
    return max(sizes, key=lambda size: (sizes[size], -size), default=10.0)


def typography(lines: Sequence[Line]) -> Typography:
    """Measure how a document is set."""
    leadings: dict[tuple[float, bool], Counter[float]] = {}
    for first, second in pairwise(lines):
        if first.flow == second.flow and first.page == second.page and same_size(first, second) and second.y > first.y:
            leadings.setdefault(_sort(first), Counter())[round((second.y - first.y) / first.size, 1)] += 1

    def leading(line: Line) -> float:
        found = leadings.get(_sort(line))
        ratio = min((r for r, n in found.items() if 4 * n >= found.total()), default=None) if found else None
        return line.size * (ratio if ratio is not None and 1.0 <= ratio <= _WIDEST_LEADING else _USUAL_LEADING)

    bold = sum(len(line.text) for line in lines if line.bold)
    return Typography(
        body_size=body_size(lines),
        body_bold=2 * bold > sum(len(line.text) for line in lines),
        leading=leading,
        known=_words(lines),
    )


def _words(lines: Sequence[Line]) -> frozenset[str]:
    """Give the words that tell whether a hyphen belongs to one, if any line ends with a hyphen."""
    known: set[str] = set()
    if any(line.text.endswith(("-", "\u2010")) for line in lines):
        for line in lines:
            known.update(words_within(line.text))
            if len(known) > _MOST_WORDS:
                break
    return frozenset(known)


def _sort(line: Line) -> tuple[float, bool]:
    """Tell what its leading depends on: another font stands in for Chinese characters, and may be set wider."""
    return _rounded(line.size), is_wide(line.text[len(line.text) // 2])


def _rounded(size: float) -> float:
    return round(size * 2) / 2


def same_size(first: Line, second: Line) -> bool:
    """Whether two lines look as if they were set in the same size."""
    return abs(first.size - second.size) <= SAME_SIZE * max(first.size, second.size)
