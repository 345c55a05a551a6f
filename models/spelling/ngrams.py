"""How likely a Chinese text is in one knowledge base: its own runs of characters, mixed with common text."""

import heapq
import math
import re
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise

from models.spelling import hanzi
from models.text import HAN

HAN_RUN = re.compile(f"[{HAN}]+")

EDGE = "^"  # stands before and after every run
MAX_CHARS = 500_000  # of a knowledge base; more teaches nothing new, and the file would grow
_MAX_PER_TEXT = 400  # long answers should not drown the questions
_MAX_TRIGRAMS = 60_000  # the commonest; pairs are all kept, since an unseen pair is what makes a place suspicious

_OWN_SHARE = 0.5  # weight of the knowledge base against common text
_TRUST_PAIR = 2.0  # how many times a history must be seen to count as much as the next shorter one (Dirichlet prior)
_TRUST_TRIPLE = 2.0
_NONE: set[str] = set()


class CharCounter:
    """Counts the Chinese characters of a knowledge base, singly and in sequence."""

    def __init__(self) -> None:
        self._singles: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()
        self._triples: Counter[str] = Counter()
        self._room = MAX_CHARS

    @property
    def full(self) -> bool:
        """Whether no more is counted."""
        return self._room <= 0

    def add(self, text: str) -> None:
        """Count one normalised text."""
        if self.full or text.isascii():
            return
        for run in HAN_RUN.findall(text[:_MAX_PER_TEXT]):
            closed = f"{EDGE}{run}{EDGE}"
            self._room -= len(run)
            self._singles.update(closed[1:])
            self._pairs.update(map("".join, pairwise(closed)))
            self._triples.update(map("".join, zip(closed, closed[1:], closed[2:], strict=False)))

    def model(self) -> "CharModel":
        """What was counted, the rarest sequences of three left out if there are too many."""
        triples = dict(self._triples)
        if len(triples) > _MAX_TRIGRAMS:
            triples = dict(heapq.nsmallest(_MAX_TRIGRAMS, triples.items(), key=lambda item: (-item[1], item[0])))
        return CharModel(singles=self._singles, pairs=self._pairs, triples=triples)


class CharModel:
    """Character trigrams of a knowledge base, interpolated downwards and with pairs of common text.

    The estimate is that of D. MacKay and L. Peto, "A hierarchical Dirichlet language model" (1995), with fixed priors.
    """

    def __init__(self, *, singles: Mapping[str, int], pairs: Mapping[str, int], triples: Mapping[str, int]) -> None:
        self.singles = dict(singles)
        self.pairs = dict(pairs)
        self.triples = dict(triples)
        self._total = sum(self.singles.values())
        self._own_share = _OWN_SHARE if self._total else 0.0
        self._memo: dict[str, float] = {}
        self._after: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}
        for pair in self.pairs:
            self._after.setdefault(pair[0], set()).add(pair[1])
            self._before.setdefault(pair[1], set()).add(pair[0])

    @property
    def empty(self) -> bool:
        """Whether the knowledge base has no Chinese."""
        return not self._total

    def between(self, left: str, right: str) -> set[str]:
        """The characters that the knowledge base has after `left` or before `right`."""
        return self._after.get(left, _NONE) | self._before.get(right, _NONE)

    def knows(self, pair: str) -> bool:
        """Whether the knowledge base has these two characters side by side."""
        return pair in self.pairs

    def log_next(self, window: str) -> float:
        """The natural logarithm of the probability of the last of three characters after the first two."""
        found = self._memo.get(window)
        if found is None:
            found = self._log_next(window)
            if len(self._memo) > 200_000:  # keep a long-lived process small
                self._memo.clear()
            self._memo[window] = found
        return found

    def _log_next(self, window: str) -> float:
        before, char = window[1], window[2]
        common = 0.02 if char == EDGE else hanzi.follows(char, before)
        if not self._own_share:
            return math.log(common)
        own = (self.singles.get(char, 0) + 1.0 * common) / (self._total + 1.0)
        seen = self.singles.get(before, 0)
        own = (self.pairs.get(window[1:], 0) + _TRUST_PAIR * own) / (seen + _TRUST_PAIR)
        seen = self.pairs.get(window[:2], 0)
        own = (self.triples.get(window, 0) + _TRUST_TRIPLE * own) / (seen + _TRUST_TRIPLE)
        return math.log(self._own_share * own + (1 - self._own_share) * common)

    def log_likelihood(self, run: str, start: int, end: int) -> float:
        """Sum `log_next` over the characters at [start, end) of a run, whose last is the edge after it."""
        closed = f"{EDGE}{EDGE}{run}{EDGE}"
        total = 0.0
        for at in range(start, min(end, len(run) + 1)):
            window = closed[at : at + 3]
            found = self._memo.get(window)
            total += self.log_next(window) if found is None else found
        return total
