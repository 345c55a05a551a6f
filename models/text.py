"""The one cleaning and the one tokeniser: texts are treated the same at ingest, at training and at query time."""

import importlib.util
import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path

HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"  # for a regex class: [{HAN}]

_HAN_CHAR = re.compile(f"[{HAN}]")
# Control and format characters, variation selectors and blank fillers: nothing a reader sees. The two Arabic ligatures
# (U+FDFA, U+FDFB) are the only characters that NFKC grows more than sixfold.
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufdfa\ufdfb\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U00013438\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]"
)
_HAN_RUN = re.compile(f"[{HAN}]+")
_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u3002": "."})
_WORD = re.compile(rf"[{HAN}]+|\d+(?:[.,:]\d+)*|[^\W\d_{HAN}]+(?:'[^\W\d_{HAN}]+)?")
_CONTRACTED = {
    "can't": ("can", "not"),
    "cannot": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "let's": ("let", "us"),
}
_ENDINGS = {"re": "are", "ve": "have", "ll": "will", "d": "would", "m": "am", "s": ""}

ANALYSIS_VERSION = 1  # grows with every change that gives some text other tokens or terms

_TRIGRAM_WEIGHT = 0.05
_CHAR_WEIGHT = 1.0
_PAIR_WEIGHT = 1.0
_FUNCTION_WEIGHT = 0.5  # words that carry the form of a question, not its subject


def has_han(text: str) -> bool:
    """Whether any character of the text is Chinese script."""
    return not text.isascii() and _HAN_CHAR.search(text) is not None


def normalise(text: str) -> str:
    """Bring a text into the form in which it is compared; for matching only, never for showing.

    Unicode compatibility forms are folded (NFKC: full width, ligatures), as are case, curly quotes, runs of white
    space and traditional script (to simplified, character by character); what cannot be seen is dropped. Doing it
    twice changes nothing more, and the result has at most eighteen times the characters.
    """
    if text.isascii():
        clean = text if text.isprintable() else _UNSEEN.sub("", text)
        return " ".join(clean.lower().split())
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).casefold()
    folded = unicodedata.normalize("NFKC", folded).translate(_QUOTES)
    if _HAN_CHAR.search(folded):
        folded = folded.translate(_traditional_to_simplified())
    return " ".join(_UNSEEN.sub("", folded).split())


def tokens(text: str) -> list[str]:
    """The words of a text, in order: English ones stemmed lightly, contractions spelled out, Chinese ones segmented.

    The text need not be normalised before.
    """
    return _words(normalise(text))


def _words(clean: str) -> list[str]:
    words: list[str] = []
    for word in _WORD.findall(clean):
        first = word[0]
        if first.isascii():
            words.extend(_english(word))
        elif _HAN_CHAR.match(first):
            words.extend(_segment(word))
        else:
            words.append(word)
    return words


def terms(text: str) -> dict[str, float]:
    """Describe a text as search by words sees it: each term with its weight times how often it occurs.

    Terms are the words of `tokens`, the single characters and pairs of characters of Chinese (segmentation errs and
    differs between two wordings), and letter trigrams of other words, which survive a typing error.
    """
    clean = normalise(text)
    found: dict[str, float] = {}
    for word in _words(clean):
        for term, weight in _word_terms(word):
            found[term] = found.get(term, 0.0) + weight
    if not clean.isascii():
        for run in _HAN_RUN.findall(clean):
            for char in run:
                found[f"{char}*"] = found.get(f"{char}*", 0.0) + _CHAR_WEIGHT
            for first, second in pairwise(run):
                pair = f"{first}{second}*"
                found[pair] = found.get(pair, 0.0) + _PAIR_WEIGHT
    return found


@lru_cache(maxsize=20_000)
def _word_terms(word: str) -> tuple[tuple[str, float], ...]:
    weight = _FUNCTION_WEIGHT if word in _FUNCTION_WORDS else 1.0
    if not word.isascii() or len(word) <= 3 or word[0].isdigit():
        return ((word, weight),)
    bounded = f"^{word}"
    trigrams = (f"{bounded[start : start + 3]}*" for start in range(len(bounded) - 2))
    return ((word, weight), *((trigram, _TRIGRAM_WEIGHT * weight) for trigram in trigrams))


def _segment(run: str) -> list[str]:
    if len(run) == 1:
        return [run]
    import rjieba  # its dictionary is loaded when first used: `kefu --help` should not wait for it

    return list(rjieba.cut(run))


@lru_cache(maxsize=20_000)
def _english(word: str) -> tuple[str, ...]:
    if word[0].isdigit():
        return (word.replace(",", ""),)
    if "'" not in word:
        return _CONTRACTED.get(word) or (stem(word),)
    if word in _CONTRACTED:
        return _CONTRACTED[word]
    head, _, tail = word.partition("'")
    if tail == "t" and head.endswith("n"):
        return (stem(head[:-1]), "not")
    rest = _ENDINGS.get(tail, tail)
    return (stem(head), rest) if rest else (stem(head),)


def stem(word: str) -> str:
    """Take off the ending of an English word where that is nearly always safe.

    The plural rules are those of D. Harman, "How effective is suffixing?" (1991); -ing, -ed and -ly go where a stem
    of three letters with a vowel remains, and a doubled consonant or a final "e" goes with them, so that "cancel",
    "cancelled" and "cancelling", or "change" and "changing", meet. Stems need not be words.
    """
    if len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed", "ly"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) >= 3 and any(letter in "aeiouy" for letter in rest):
            if ending != "ly" and rest[-1] == rest[-2] and rest[-1] not in "aeiou":
                rest = rest[:-1]
            word = rest
            break
    if len(word) > 3 and word.endswith("e"):
        word = word[:-1]
    if len(word) > 3 and word.endswith("ll"):
        word = word[:-1]
    return word[:-1] + "i" if len(word) > 3 and word.endswith("y") else word


_FUNCTION_WORDS = frozenset(
    stem(word)
    for line in (
        "a an the i me my mine we us our you your he she it its they them their this that these those is are am be",
        "been was were do does did can could will would shall should may might must have has had to of in on at by",
        "for from with as and or but so if then than there here just please want need like know tell get",
        "我 你 您 他 她 它 我们 你们 他们 咱 的 了 吗 呢 吧 啊 呀 哦 哈 嘛 是 在 有 和 与 跟 就 都",
        "也 还 又 把 被 给 对 这 那 这个 那个 请 请问 麻烦 想 要 一下 下",
        "谢谢 你好 您好 亲 知道 想问 问 各位 大家 急",
    )
    for word in line.split()
)


@cache
def _traditional_to_simplified() -> dict[int, int]:
    """Map single characters, after the tables of OpenCC (Apache-2.0) in the package `opencc-python-reimplemented`."""
    spec = importlib.util.find_spec("opencc")
    if spec is None or spec.origin is None:
        raise ImportError("opencc-python-reimplemented is missing; `pip install kefu` again.")
    table: dict[int, int] = {}
    lines = (Path(spec.origin).parent / "dictionary" / "TSCharacters.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        old, _, new = line.partition("\t")
        choice = new.split(" ")[0]
        if len(old) == 1 and len(choice) == 1:
            table[ord(old)] = ord(choice)
    for old_char, new_char in table.items():  # a chain of two steps becomes one, so that doing it twice changes nothing
        table[old_char] = table.get(new_char, new_char)
    return table
