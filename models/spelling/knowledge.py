"""Spelling mended with what one knowledge base says: its characters, its words and their sounds."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Self

import orjson

from models.errors import ArtifactCorrupt
from models.protocols import Correction, Edit, Language
from models.spelling.chinese import ChineseMender, ChineseSettings
from models.spelling.english import EnglishSettings, EnglishSpeller, WordCounter
from models.spelling.ngrams import HAN_RUN, CharCounter, CharModel
from models.spelling.pinyin import LATIN_WORD, PinyinReader, PinyinSettings, split
from models.text import normalise

MAX_CHARS = 120  # longer texts are left alone: they have words enough to be understood with a typing error
_MAX_RUN = 60  # of Chinese characters without a break
_MAX_LATIN_WORDS = 40
_LEAST_PINYIN = 4  # letters of a word that is read as Chinese among English ones
_MAX_PER_TEXT = 2_000

_FORMAT = 1
_ALGORITHM = "spelling-3"  # to be raised with every change of rules or of general data

# Names, addresses, markup and code are not words.
_ENGLISH_WORD = re.compile(r"(?<![a-z0-9_@./+'<=$#&\\-])[a-z]+(?:'[a-z]+)?(?![a-z0-9_@/+'=(\\-]|\.[a-z0-9])")


class KnowledgeSpelling:
    """A `SpellingCorrector` that leaves alone whatever the knowledge base, or common use, has as it stands."""

    def __init__(self, *, chars: CharModel, words: dict[str, int], pairs: dict[str, int], digest: str) -> None:
        self._chars = chars
        self._words = words
        self._pairs = pairs
        self._chinese = ChineseMender(chars, ChineseSettings())
        self._english = EnglishSpeller(words=words, pairs=pairs, settings=EnglishSettings())
        self._pinyin = PinyinReader(chars, PinyinSettings())
        self._version = f"{_ALGORITHM}-{digest}"

    @classmethod
    def build(cls, texts: Iterable[str]) -> Self:
        """Learn from the texts of a knowledge base, questions first; texts beyond a bound are not looked at."""
        chinese = CharCounter()
        english = WordCounter()
        for text in texts:
            if chinese.full and english.full:
                break
            clean = normalise(text[:_MAX_PER_TEXT])
            chinese.add(clean)
            english.add(_ENGLISH_WORD.findall(clean))
        chars = chinese.model()
        words, pairs = english.commonest()
        data = _serialised(chars, words, pairs)
        return cls(chars=chars, words=words, pairs=pairs, digest=_digest(data))

    @classmethod
    def generic(cls) -> Self:
        """Make a corrector without a knowledge base; it mends only what common use makes plain."""
        return cls.build(())

    def to_json(self) -> bytes:
        """Serialise; equal knowledge gives equal bytes."""
        return _serialised(self._chars, self._words, self._pairs)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        """Read what `to_json` gave.

        Raises:
            ArtifactCorrupt: the bytes are something else.
        """
        try:
            read = orjson.loads(data)
            if read["format"] != _FORMAT:
                raise ArtifactCorrupt(f"The spelling words have format {read['format']}, not {_FORMAT}; publish again.")
            chars = CharModel(singles=read["singles"], pairs=read["pairs"], triples=read["triples"])
            return cls(chars=chars, words=read["words"], pairs=read["word_pairs"], digest=_digest(data))
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as exc:
            raise ArtifactCorrupt("The spelling words cannot be read; publish the knowledge base again.") from exc

    @property
    def version(self) -> str:
        """Changes with the knowledge and with the rules."""
        return self._version

    def correct(self, text: str, language: Language) -> Correction:
        """Correct one normalised text (`models.text.normalise`); too long a one is left alone.

        The edits do not overlap and stand in order; correcting the result changes nothing more.
        """
        if len(text) > MAX_CHARS or language is Language.OTHER:
            return Correction(text=text)
        edits = [*self._latin_edits(text, language), *self._chinese_edits(text, language)]
        if not edits:
            return Correction(text=text)
        edits.sort(key=lambda edit: edit.start)
        return Correction(text=apply(text, edits), edits=tuple(edits))

    def _chinese_edits(self, text: str, language: Language) -> Iterator[Edit]:
        if language is Language.EN or text.isascii():
            return
        for found in HAN_RUN.finditer(text):
            run = found.group()
            if 1 < len(run) <= _MAX_RUN:
                mended = self._chinese.mend(run)
                if mended != run:
                    yield from _differences(run, mended, found.start())

    def _latin_edits(self, text: str, language: Language) -> Iterator[Edit]:
        read = list(self._pinyin_edits(text)) if self._chars.singles else []
        yield from read
        done = {at for edit in read for at in range(edit.start, edit.end)}
        found = [match for match in _ENGLISH_WORD.finditer(text) if match.start() not in done][:_MAX_LATIN_WORDS]
        meant = self._english.mend([match.group() for match in found], own_only=language is Language.ZH)
        for match, mended in zip(found, meant, strict=True):
            if mended != match.group():
                yield _edit(text, match.start(), match.end(), mended)

    def _pinyin_edits(self, text: str) -> Iterator[Edit]:
        """Latin words that are Chinese: all that stand in a row together, or single ones among others."""
        for group in _neighbours(text, list(LATIN_WORD.finditer(text))[:_MAX_LATIN_WORDS]):
            words = [match.group() for match in group]
            foreign = [not self._english.is_word(word) for word in words]
            if not any(foreign):
                continue
            start, end = group[0].start(), group[-1].end()
            if all(split(word) for word in words):
                chars = self._pinyin.read(words, before=_han_before(text, start), after=_han_after(text, end))
                if chars is not None:
                    yield _edit(text, start, end, "".join(chars))
                    continue
            for match, unknown in zip(group, foreign, strict=True):
                if unknown and len(match.group()) >= _LEAST_PINYIN:
                    chars = self._pinyin.read([match.group()])
                    if chars is not None:
                        yield _edit(text, match.start(), match.end(), chars[0])


def apply(text: str, edits: Iterable[Edit]) -> str:
    """Make the changes; `edits` stand in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for edit in edits:
        pieces += (text[at : edit.start], edit.right)
        at = edit.end
    return "".join((*pieces, text[at:]))


def _neighbours(text: str, found: list[re.Match[str]]) -> list[list[re.Match[str]]]:
    """Latin words in groups that only a space parts."""
    groups: list[list[re.Match[str]]] = []
    for match in found:
        if groups and text[groups[-1][-1].end() : match.start()] == " ":
            groups[-1].append(match)
        else:
            groups.append([match])
    return groups


def _han_before(text: str, end: int) -> str:
    near = text[max(0, end - 3) : end].rstrip()
    runs = HAN_RUN.findall(near)
    return runs[-1] if runs and near.endswith(runs[-1]) else ""


def _han_after(text: str, start: int) -> str:
    found = HAN_RUN.match(text[start : start + 3].lstrip())
    return found.group() if found else ""


def _differences(run: str, mended: str, offset: int) -> Iterator[Edit]:
    """The stretches in which two runs of one length differ."""
    start: int | None = None
    for at in range(len(run) + 1):
        same = at == len(run) or run[at] == mended[at]
        if not same and start is None:
            start = at
        elif same and start is not None:
            yield Edit(start=offset + start, end=offset + at, wrong=run[start:at], right=mended[start:at])
            start = None


def _edit(text: str, start: int, end: int, right: str) -> Edit:
    return Edit(start=start, end=end, wrong=text[start:end], right=right)


def _serialised(chars: CharModel, words: dict[str, int], pairs: dict[str, int]) -> bytes:
    return orjson.dumps(
        {
            "format": _FORMAT,
            "singles": chars.singles,
            "pairs": chars.pairs,
            "triples": chars.triples,
            "words": words,
            "word_pairs": pairs,
        },
        option=orjson.OPT_SORT_KEYS,
    )


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]
