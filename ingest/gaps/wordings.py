"""What visitors asked in vain, without what is personal in it, each wording once."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from knowledge.catalog import UnknownQuestion
from models.text import HAN, normalise

NUMBER, MAIL = "[number]", "[e-mail]"  # what is shown in their place

# What stands around an at sign, but for Chinese characters, which may touch an address without a space.
_MAIL_CHAR = rf"(?:(?![{HAN}])[\w.+%-])"
_MAIL = re.compile(rf"{_MAIL_CHAR}{{1,64}}[@＠]{_MAIL_CHAR}{{1,253}}")
# Seven digits or more, in groups or not: telephone, card and identity numbers (whose last character may be X), orders.
_NUMBER = re.compile(r"[+＋]?(?:\d[ \t\-–.·/()（）]{0,2}){6,40}\d(?:[ \-]?[XxＸｘ](?![A-Za-z]))?")
_BETWEEN_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """One way in which a question was asked."""

    text: str  # masked, on one line
    key: str  # equal for wordings that differ in case, punctuation and white space only
    count: int  # how often it was asked, 1 at least
    last_asked: datetime  # aware


def masked(text: str) -> str:
    """Put a text on one line and take out what may name a person: e-mail addresses and long numbers."""
    return " ".join(_NUMBER.sub(NUMBER, _MAIL.sub(MAIL, text)).split())


def wordings(questions: Iterable[UnknownQuestion]) -> list[Wording]:
    """Count what was asked in the same words; by key, so that the order of the questions does not matter."""
    texts: dict[str, Counter[str]] = {}
    last: dict[str, datetime] = {}
    for question in questions:
        text = masked(question.text)
        key = _key(text)
        texts.setdefault(key, Counter())[text] += 1
        last[key] = max(last.get(key, question.asked_at), question.asked_at)
    return [
        Wording(
            text=min(found, key=lambda text: (-found[text], text)),
            key=key,
            count=found.total(),
            last_asked=last[key],
        )
        for key, found in sorted(texts.items())
    ]


def without_masks(text: str) -> str:
    """Give what is left to be understood; all of it, if nothing else is."""
    return " ".join(text.replace(NUMBER, " ").replace(MAIL, " ").split()) or text


def _key(text: str) -> str:
    """What two texts share that are the same wording; punctuation counts only where there is nothing else."""
    folded = normalise(text)
    return _BETWEEN_WORDS.sub(" ", folded).strip() or folded
