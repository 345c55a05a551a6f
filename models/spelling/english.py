"""English words typed wrongly, mended towards the words of the knowledge base and of common English.

A noisy channel again (see `chinese`), word by word; a correction that is not likely enough on its own must stand beside
a word that it is known to stand with. The general frequencies are those of SymSpell (see `english_lists`). Its index of
deletions for them would take a second and 200 MB in every process; here a comparison of letter counts over all words
leaves a few dozen to measure, in a tenth of a millisecond.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.spelling.english_lists import common, everyday, is_common_pair, own_words, very_common
from models.text import stem

_TARGETS = 30_000  # the commonest words may be what was meant
_SHORT_SEEN = 3  # times that such a word must stand in the knowledge base
_MAX_COUNTED = 250_000  # words of a knowledge base
_MAX_WORDS = 30_000
_MAX_PAIRS = 40_000
_UNSEEN = -25.0  # log share of what is no English word
_LEAST_ERROR = 0.6  # weights of errors, see `distance`
_MISSING = 0.9
_AMERICAN = tuple(
    (re.compile(american), british)
    for american, british in (
        (r"or(?=s?$|ed$|ing$|ful|able|ite|hood)", "our"),
        (r"iz(?=e|ing|ation|able)", "is"),
        (r"yz(?=e|ing)", "ys"),
        (r"(?<=[aeiou])l(?=ed$|ing$|ers?$|ation)", "ll"),
        (r"ll(?=ments?$|ed$|ing$|ful)", "l"),
        (r"er(?=s?$|ed$|ing$)", "re"),
        (r"(?<=[aeiou])s(?=e$|es$|ed$|ing$)", "c"),
        (r"(?<=[aeiou]n)s(?=es?$)", "c"),
        (r"c(?=e$|es$|ed$|ing$)", "s"),
        (r"og(?=s?$)", "ogue"),
        (r"(?<=^)e(?=[a-z]{3})", "oe"),
        (r"e(?=di|co|ces|mia|mato|the)", "ae"),
    )
)
_ORD_A = ord("a")
_FOREIGN_LEAST = 2  # unknown words like no other of a text that is not English, if they are not outnumbered by others

_LONG = 7  # letters from which two errors in a word are believable
_MIDDLING = 5  # from which they are if both are slight and the word is the knowledge base's
_SLIGHT = 1.5  # weight of two slight errors
MAX_LETTERS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class EnglishSettings:
    """When a word is taken for another; nats, set on typed queries of our own."""

    own_share: float = 0.6  # weight of the knowledge base's words against common English
    edit_cost: float = 5.0  # of one error, see `distance`
    floor: float = -19.5  # log probability less the cost of the errors, below which a word is left alone
    floor_known: float = -12.5  # the same for a rare English word, which only a word of the knowledge base replaces
    split_cost: float = 3.0  # of a space left out
    sure: float = -14.0  # as `floor`: a word of fewer than `sure_letters` that is less likely needs a fitting neighbour
    sure_letters: int = 8  # names, which no list is ever full of, are mostly shorter


class Mended(NamedTuple):
    """What was meant by a word, and whether it is only to be believed beside a word that it is known to stand with."""

    text: str
    doubtful: bool


class WordList:
    """Words with the logarithms of their shares, to be searched by likeness."""

    def __init__(self, log_share: Mapping[str, float]) -> None:
        kept = [word for word in log_share if len(word) <= MAX_LETTERS]
        kept.sort(key=len)
        self._words = kept
        self._shares = np.fromiter((log_share[word] for word in kept), np.float32, len(kept))
        lengths = np.fromiter((len(word) for word in kept), np.int64, len(kept))
        self._starts = np.searchsorted(lengths, np.arange(MAX_LETTERS + 4)).tolist()  # by length
        self._counts = _letter_counts(kept)
        self._masks = _letter_masks(self._counts)

    def near(self, word: str, most: int, least: float) -> list[str]:
        """The words commoner than `least` (log share) that at most `most` errors may lead to `word`.

        A few too many, since the order of the letters is not looked at.
        """
        start, end = self._starts[max(0, len(word) - most)], self._starts[len(word) + most + 1]
        counts = _letter_counts([word])
        # One letter for another changes two counts, a letter more or less changes one, a swap none.
        apart = np.bitwise_count(self._masks[start:end] ^ _letter_masks(counts)[0]) <= 2 * most
        fits = np.flatnonzero(apart & (self._shares[start:end] > least)) + start
        apart = self._counts[fits] - counts[0]
        total = np.abs(apart).sum(axis=1, dtype=np.int16) + np.abs(apart.sum(axis=1, dtype=np.int16))
        fits = fits[total <= 2 * most]
        return [self._words[at] for at in fits.tolist()]


class EnglishSpeller:
    """Mends English words for one knowledge base."""

    def __init__(self, *, words: Mapping[str, int], pairs: Mapping[str, int], settings: EnglishSettings) -> None:
        self._own = dict(words)
        self._pairs = dict(pairs)
        self._settings = settings
        self._total = sum(self._own.values())
        self._near_own = WordList({word: 0.0 for word in self._own if len(word) > 2})
        self._memo: dict[tuple[str, bool], Mended] = {}

    def mend(self, words: Sequence[str], *, own_only: bool = False) -> list[str]:
        """Give for each word of a text what was meant: a word, words if a space was left out, mostly the word itself.

        Args:
            words: in their order; small letters and apostrophes.
            own_only: take only the knowledge base's words for what was meant.
        """
        likely = [self._likely(word, own_only) for word in words]
        mendable = sum(mended.text != word for mended, word in zip(likely, words, strict=True))
        unknown = sum(not self.is_word(word) for word in words)
        if unknown - mendable >= max(_FOREIGN_LEAST, mendable):
            return list(words)
        meant = [word if mended.doubtful else mended.text for word, mended in zip(words, likely, strict=True)]
        open_places = [at for at, mended in enumerate(likely) if mended.doubtful]
        while fitting := [at for at in open_places if self._fits(meant, at, likely[at].text)]:
            for at in fitting:  # it may now be the neighbour that another one needs
                meant[at] = likely[at].text
            open_places = [at for at in open_places if at not in fitting]
        return meant

    def _fits(self, words: Sequence[str], at: int, meant: str) -> bool:
        """Whether `meant` in the place `at` is known to stand beside the word before or after it, if there is one."""
        if len(words) == 1:
            return True
        before = [f"{words[at - 1].split()[-1]} {meant}"] if at else []
        after = [f"{meant} {word.split()[0]}" for word in words[at + 1 : at + 2]]
        return any(pair in self._pairs or is_common_pair(pair) for pair in before + after)

    def _likely(self, word: str, own_only: bool) -> Mended:
        key = (word, own_only)
        found = self._memo.get(key)
        if found is None:
            whole, mark, ending = word.partition("'")
            if ending == "s":
                mended, doubtful = self._mend(whole, own_only)
                found = Mended(f"{mended}{mark}{ending}", doubtful)
            else:
                found = self._mend(word, own_only)
            if len(self._memo) >= 4096:
                self._memo.clear()
            self._memo[key] = found
        return found

    def is_word(self, word: str) -> bool:
        """Whether the word is the knowledge base's own or common English."""
        if word in self._own or everyday(word):
            return True
        whole, _, ending = word.partition("'")
        if ending == "s":
            return self.is_word(whole)
        if len(word) > 4 and word[-1] == "s" != word[-2] and (word[:-1] in self._own or word[:-1] in common()):
            return True
        return any(other in self._own or other in common() for other in _british(word))

    def _mend(self, word: str, own_only: bool) -> Mended:
        as_it_is = Mended(word, doubtful=False)
        if len(word) < 3 or len(word) > MAX_LETTERS or self.is_word(word):
            return as_it_is
        rare = word in common()
        if rare and everyday(stem(word)):
            return as_it_is
        best, best_score = self._nearest(word, rare=rare, own_only=own_only or rare)
        if best == word:
            best_score = -math.inf
        split, split_score = (word, -math.inf) if rare else self._split(word, own_only)
        if split_score > max(best_score, self._settings.floor):
            return Mended(split, doubtful=False)
        weak = best_score <= self._settings.sure and len(word) < self._settings.sure_letters
        return Mended(best, doubtful=best != word and (rare or weak))

    def _nearest(self, word: str, *, rare: bool, own_only: bool) -> tuple[str, float]:
        """The likeliest single word, and how likely it is; the word itself if none is likely enough."""
        cost = self._settings.edit_cost
        best, best_score = word, self._settings.floor_known if rare else self._settings.floor
        most = 2 if len(word) >= _MIDDLING else 1
        near = set(self._near_own.near(word, most, -math.inf))
        if not own_only:
            least = best_score + _LEAST_ERROR * cost
            near.update(_targets().near(word, 2 if len(word) >= _LONG else 1, least))
        for share, other in sorted(((self._log_share(other), other) for other in near), reverse=True):
            if share - _LEAST_ERROR * cost <= best_score:
                break
            believable = _believable(word, other, rare=rare) and self._worth_three_letters(word, other)
            errors = distance(word, other, most) if believable else None
            if errors is None or (len(word) < _LONG and errors > _SLIGHT):
                continue
            if share - cost * errors > best_score:
                best, best_score = other, share - cost * errors
        return best, best_score

    def _worth_three_letters(self, typed: str, meant: str) -> bool:
        """Whether three letters, an abbreviation as often as not ("ceo"), may be meant for a word ("eco")."""
        return len(typed) > 3 or meant in very_common() or self._own.get(meant, 0) >= _SHORT_SEEN

    def _split(self, word: str, own_only: bool) -> tuple[str, float]:
        """The best two words that the word is made of, and how likely they are."""
        best, best_score = word, -math.inf
        for at in range(1, len(word)):
            one, two = word[:at], word[at:]
            if min(len(one), len(two)) == 1 and not (one in {"i", "a"} and len(two) > 2):
                continue
            if not (self.is_word(one) and self.is_word(two)):
                continue
            seen = self._pairs.get(f"{one} {two}", 0)
            if seen:
                score = math.log(seen / self._total)
            elif own_only:
                continue
            else:
                score = self._log_share(one) + self._log_share(two)
            if score - self._settings.split_cost > best_score:
                best, best_score = f"{one} {two}", score - self._settings.split_cost
        return best, best_score

    def _log_share(self, word: str) -> float:
        general = math.exp(common().get(word, _UNSEEN))
        share = self._settings.own_share if self._total else 0.0
        own = self._own.get(word, 0) / max(self._total, 1)
        return math.log(share * own + (1 - share) * general)


def distance(typed: str, meant: str, most: int) -> float | None:
    """Weigh the errors that lead from one word to another, or None for more than `most` of them.

    Optimal string alignment (a swap of neighbours is one error); slips that are easily made weigh less than one: a
    letter doubled or not, neighbours swapped, a vowel for a vowel, a neighbouring key. A wrong first letter weighs
    more.
    """
    rows, columns = len(typed), len(meant)
    if abs(rows - columns) > most:
        return None
    before_last: list[float] = []
    last = [_MISSING * column for column in range(columns + 1)]
    for row in range(1, rows + 1):
        char = typed[row - 1]
        now = [float(row)]
        for column in range(1, columns + 1):
            other = meant[column - 1]
            extra = _LEAST_ERROR if row > 1 and typed[row - 2] == char else 1.0
            missing = _LEAST_ERROR if column > 1 and meant[column - 2] == other else _MISSING
            changed = last[column - 1] + (0.0 if char == other else _swap_cost(char, other))
            cost = min(changed, last[column] + extra, now[column - 1] + missing)
            if row > 1 and column > 1 and char == meant[column - 2] and typed[row - 2] == other:
                cost = min(cost, before_last[column - 2] + _LEAST_ERROR)
            now.append(cost)
        if min(now) > most:
            return None
        before_last, last = last, now
    found = last[columns]
    if found > most:
        return None
    if meant == typed + "g" and typed.endswith("in"):  # as it is spoken
        return _LEAST_ERROR
    return found + (0.5 if typed[0] != meant[0] and typed[:2] != meant[1::-1] else 0.0)


@cache
def _swap_cost(one: str, other: str) -> float:
    if one in "aeiouy" and other in "aeiouy":
        return 0.7
    return 0.8 if other in _NEIGHBOURS.get(one, "") else 1.0


_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    char: "".join(
        other
        for number, line in enumerate(_ROWS)
        for place, other in enumerate(line)
        if abs(number - row) <= 1 and abs(place - column) <= 1 and other != char
    )
    for row, keys in enumerate(_ROWS)
    for column, char in enumerate(keys)
}


def _believable(typed: str, meant: str, *, rare: bool) -> bool:
    """Rule out what likeness alone would take for an error.

    Short words are mostly abbreviations: only a letter left out or a swap makes another word of them. A rare word that
    differs by its ending is a form of the other.
    """
    if len(typed) == 3 and len(meant) <= 3:
        return sorted(typed) == sorted(meant)
    return not (rare and (typed.startswith(meant) or meant.startswith(typed) or stem(typed) == stem(meant)))


def _british(word: str) -> list[str]:
    """What an American spelling would be in British English, as the frequency list is; most are no words at all."""
    found = [re.sub(pattern, british, word, count=1) for pattern, british in _AMERICAN]
    return [other for other in found if other != word]


class WordCounter:
    """Counts the English words of a knowledge base, and neighbours as "one two"."""

    def __init__(self) -> None:
        self._words: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()
        self._room = _MAX_COUNTED

    @property
    def full(self) -> bool:
        """Whether no more is counted: it would teach little, and the file would grow."""
        return self._room <= 0

    def add(self, words: Sequence[str]) -> None:
        """Count the words of one text, in their order."""
        if not self.full:
            self._room -= len(words)
            self._words.update(words)
            self._pairs.update(map(" ".join, pairwise(words)))

    def commonest(self) -> tuple[dict[str, int], dict[str, int]]:
        """What is kept of words and of pairs, commonest first."""
        return _commonest(self._words, _MAX_WORDS), _commonest(self._pairs, _MAX_PAIRS)


def _commonest(counts: Mapping[str, int], most: int) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:most])


@cache
def _targets() -> WordList:
    shares = common()
    commonest = chain(islice(shares, _TARGETS), own_words()[0])
    return WordList({word: shares[word] for word in commonest if len(word) > 2})


def _letter_counts(words: Sequence[str]) -> NDArray[np.int8]:
    """(n, 27): how often each letter occurs, and all else together."""
    joined = "".join(words).encode("ascii", "replace")
    letters = np.frombuffer(joined, np.uint8).astype(np.int16) - _ORD_A
    letters[(letters < 0) | (letters > 25)] = 26
    rows = np.repeat(np.arange(len(words)), [len(word) for word in words])
    flat = np.bincount(rows * 27 + letters, minlength=len(words) * 27)
    return flat.astype(np.int8).reshape(len(words), 27)


def _letter_masks(counts: NDArray[np.int8]) -> NDArray[np.uint32]:
    """(n,): a bit for each letter that occurs."""
    return ((counts > 0) @ (1 << np.arange(27))).astype(np.uint32)
