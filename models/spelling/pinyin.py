"""Chinese typed in Latin letters, read as the words that the knowledge base has for those sounds."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from models.spelling import hanzi
from models.spelling.ngrams import EDGE, CharModel

MAX_LETTERS = 30  # of one word; longer ones are not typed pinyin
_BEAM = 12
_MAX_SPLITS = 4

# Characters that any question may have, whatever the knowledge base is about.
_EVERYDAY = frozenset(
    "我你您他的了吗呢吧么什怎样多少几可以要想能不会在哪里有没是为啥请问和到时间天个月年钱人好这那去来用给对还都也就被把把下上开打看找做办"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinyinSettings:
    """When letters are read as Chinese; nats per syllable, set on typed queries of our own."""

    sure: float = -4.6  # mean log probability of the characters, from which a reading is believed
    sure_single: float = -3.6  # the same for one syllable beside Chinese characters


@lru_cache(maxsize=4096)
def split(word: str) -> tuple[tuple[str, ...], ...]:
    """The ways to cut a word into syllables, fewest first, at most four; none if it is not pinyin throughout."""
    if not 1 < len(word) <= MAX_LETTERS:
        return ()
    ways: list[list[tuple[str, ...]]] = [[] for _ in range(len(word) + 1)]
    ways[len(word)] = [()]
    known = hanzi.syllables()
    for start in range(len(word) - 1, -1, -1):
        found = [
            (word[start:end], *rest)
            for end in range(start + 1, min(start + 6, len(word)) + 1)
            if word[start:end].replace("ü", "v") in known
            for rest in ways[end]
        ]
        ways[start] = sorted(found, key=len)[:_MAX_SPLITS]
    return tuple(ways[0])


class PinyinReader:
    """Reads syllables as characters of one knowledge base."""

    def __init__(self, model: CharModel, settings: PinyinSettings) -> None:
        self._model = model
        self._settings = settings
        self._chars = _by_sound([char for char in model.singles if char != EDGE]) if model.singles else {}

    def read(self, words: Collection[str], *, before: str = "", after: str = "") -> list[str] | None:
        """Give the characters of each word, or None if the knowledge base does not make one reading likely.

        Args:
            words: neighbouring words in small Latin letters.
            before: the Chinese run right before the first word, if any.
            after: the one right after the last word.
        """
        if not self._chars:
            return None
        best: tuple[float, str, tuple[int, ...]] | None = None
        for syllables, lengths in _joined(words):
            read = self._best(syllables, before, after)
            if read is not None and (best is None or read[0] > best[0]):
                best = (read[0], read[1], lengths)
        if best is None or not self._believed(best[0], best[1], before, after):
            return None
        pieces: list[str] = []
        at = 0
        for length in best[2]:
            pieces.append(best[1][at : at + length])
            at += length
        return pieces

    def _best(self, syllables: tuple[str, ...], before: str, after: str) -> tuple[float, str] | None:
        """The likeliest characters and their mean log probability, by beam search."""
        start = f"{EDGE}{EDGE}{before}"[-2:]
        beam: list[tuple[float, str]] = [(0.0, start)]
        for syllable in syllables:
            chars = self._chars.get(syllable)
            if not chars:
                return None
            grown = [
                (score + self._model.log_next(text[-2:] + char), text + char) for score, text in beam for char in chars
            ]
            beam = sorted(grown, reverse=True)[:_BEAM]
        closing = (after + EDGE)[:2] if after else ""
        closed = [(score + self._tail(text, closing), text) for score, text in beam]
        score, text = max(closed)
        return score / (len(syllables) + len(closing)), text[2:]

    def _tail(self, text: str, closing: str) -> float:
        total = 0.0
        for char in closing:
            total += self._model.log_next(text[-2:] + char)
            text += char
        return total

    def _believed(self, mean: float, chars: str, before: str, after: str) -> bool:
        """At least half of the neighbouring pairs must be the knowledge base's own."""
        pairs = ["".join(pair) for pair in pairwise(f"{before[-1:]}{chars}{after[:1]}")]
        known = sum(self._model.knows(pair) for pair in pairs)
        sure = self._settings.sure if len(chars) > 1 else self._settings.sure_single
        return bool(pairs) and known * 2 >= len(pairs) and mean >= sure


def _joined(words: Collection[str]) -> list[tuple[tuple[str, ...], tuple[int, ...]]]:
    """The ways to cut words that stand in a row: all syllables, and how many of them each word has."""
    ways: list[tuple[tuple[str, ...], tuple[int, ...]]] = [((), ())]
    for word in words:
        ways = [((*done, *way), (*lengths, len(way))) for done, lengths in ways for way in split(word)]
        ways = sorted(ways, key=lambda way: len(way[0]))[:_MAX_SPLITS]
    return ways


def _by_sound(chars: Collection[str]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for char in sorted({*chars, *_EVERYDAY}):
        for sound in hanzi.sounds(char):
            found.setdefault(sound.syllable, []).append(char)
    return {syllable: tuple(same) for syllable, same in found.items()}


LATIN_WORD = re.compile(r"(?<![a-z0-9@._/+'-])[a-z]+(?![a-z0-9@_/+'-]|\.[a-z0-9])")
