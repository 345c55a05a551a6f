"""What is common English: words with their frequencies, pairs of neighbours, and a list of our own.

The frequencies are those of SymSpell (W. Garbe; MIT) as the package `symspellpy` carries them.
"""

import importlib.util
import math
from functools import cache
from itertools import islice
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_OWN_WORDS = Path(__file__).parents[1] / "data" / "english_words.txt"
_EVERYDAY = 12_000  # words as common as these are never taken for misspelled ones
_SHORT_TARGETS = 2_000  # the commonest words may be what three letters were meant to be, and the knowledge base's own
_OWN_LOG_SHARE = math.log(2e-6)  # of our own list's words, about the 12,000th word's


def everyday(word: str) -> bool:
    """Whether this is a common English word, an abbreviation of chat or a well-known name."""
    return word in _left_alone()


@cache
def common() -> dict[str, float]:
    """Log shares of English words, commonest first but for our own, which stand at the end."""
    fields = _symspell("frequency_dictionary_en_82_765.txt").decode("utf-8-sig").split()
    counts = [int(count) for count in fields[1::2]]
    total = math.log(sum(counts))
    shares = {word: math.log(count) - total for word, count in zip(fields[::2], counts, strict=True)}
    for word in own_words()[0]:
        shares[word] = max(shares.pop(word, -math.inf), _OWN_LOG_SHARE)
    return shares


@cache
def very_common() -> frozenset[str]:
    """The words that even three letters may be meant for."""
    return frozenset(islice(common(), _SHORT_TARGETS))


def is_common_pair(pair: str) -> bool:
    """Whether "one two" is among the quarter of a million commonest pairs of English words."""
    known = _common_pairs()
    code = crc32(pair.encode())
    at = int(np.searchsorted(known, np.uint32(code)))
    return at < len(known) and int(known[at]) == code


@cache
def own_words() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Our own list: words that may be meant, and others that are left alone."""
    lines = _OWN_WORDS.read_text(encoding="utf-8").splitlines()
    text = " ".join(line for line in lines if not line.startswith("#"))
    mendable, _, others = text.partition("---")
    return tuple(mendable.split()), tuple(others.split())


@cache
def _left_alone() -> frozenset[str]:
    mendable, others = own_words()
    return frozenset((*islice(common(), _EVERYDAY), *mendable, *others))


@cache
def _common_pairs() -> NDArray[np.uint32]:
    """Checksums of the pairs, sorted: 1 MB; one pair in 18,000 that is not among them is taken for one of them."""
    lines = _symspell("frequency_bigramdictionary_en_243_342.txt").removeprefix(b"\xef\xbb\xbf").splitlines()
    return np.sort(np.fromiter((crc32(line[: line.rfind(b" ")]) for line in lines), np.uint32, len(lines)))


def _symspell(name: str) -> bytes:
    """Read a list that the package carries."""
    spec = importlib.util.find_spec("symspellpy")
    if spec is None or spec.origin is None:
        raise ImportError("symspellpy is missing; `pip install kefu` again.")
    return (Path(spec.origin).parent / name).read_bytes()
