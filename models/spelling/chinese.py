"""Chinese characters typed for others that sound or look alike, mended where the knowledge base speaks for it.

A noisy channel (M. Kernighan, K. Church, W. Gale, "A spelling correction program based on a noisy channel model",
1990): a change is made when the text becomes more likely by more than the change itself costs.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

from models.spelling import hanzi
from models.spelling.ngrams import EDGE, CharModel

_WORD_FREQUENCY = 20  # in the segmenter's dictionary; rarer entries are often no words at all
_MEMO = 50_000  # what was found out about characters, kept for the next text
_MOST_DOUBTFUL = 12  # places of a run that are looked at: a question has few errors, and time is short
_ROUNDS = 3  # a mended place may make its neighbour's error plain


# Characters that carry grammar or speech: which of them stands in a place says little about what is asked.
_GRAMMAR = frozenset(
    "的地得了着过吗嘛么呢吧啊阿呀呗哦噢哎勒啦哈嘿嗨哇哟诶额嗯是以在再那哪这他她它们就也都还而且与和于之又把被给向将"
    "不没有未非我你您咱俩仨咋啥甭很最几一两丫喵什怎"
)

# Everyday verbs of one character: where one of them is a word of its own, it seldom stands for a neighbour in sound.
_VERBS = frozenset(
    "用想要会能做坐买卖弄搞打开关看听说讲问答写读学教找拿放带戴穿脱吃喝玩睡住走跑跳飞来去回到进出上下过送寄收退换借还花赚存取付交订改"
    "删加减装拆修洗擦剪折养娶嫁爱怕笑哭骂等留变成叫算选猜试站躺停转拉推拍抢中摔骑画唱"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChineseSettings:
    """When a change is worth making; nats, set on synthetic errors in questions of our own and of public sets."""

    cost: float = 8.0  # of typing any one character wrongly
    chance_cost: float = 4.0  # more, where what would come of it stands side by side but once, and is no word
    generic_cost: float = 7.0  # more, where it is a word, but not one of the knowledge base
    alone_cost: float = 3.0  # the same without a knowledge base
    topic_gain: float = 1.8  # per nat of how often the knowledge base has the word that would come of it
    topic_most: float = 8.0
    word_cost: float = 0.8  # per nat of frequency of the dictionary word that a change would break
    verb_cost: float = 5.0  # of an everyday verb that stands alone
    loose_cost: float = 5.0  # of a change that makes no word, only a character that stands alone
    torn_cost: float = 6.0  # of a word that takes a piece of another: 给杨凯|发|短信 -> 给杨|开发|短信
    next_cost: float = 4.5  # of a second character, wrong beside the first
    plausible: float = 2.5  # how unlikely three characters are that nobody would doubt


class Change(NamedTuple):
    """Characters that should stand at a place of a run, and by how many nats the text is likelier with them."""

    start: int
    right: str
    gain: float


class ChineseMender:
    """Mends runs of Chinese characters for one knowledge base."""

    def __init__(self, model: CharModel, settings: ChineseSettings) -> None:
        self._model = model
        self._settings = settings
        self._unknown_cost = settings.alone_cost if model.empty else settings.generic_cost
        self._doubts: dict[str, float] = {}
        self._singles: dict[tuple[str, float], tuple[str, float]] = {}

    def mend(self, run: str) -> str:
        """Give a run of Chinese characters with its errors mended; of the same length."""
        mended = run
        for _ in range(_ROUNDS):
            changes = sorted(self._changes(mended), key=lambda change: (-change.gain, change.start))
            if not changes:
                return mended
            taken: set[int] = set()
            for change in changes:
                end = change.start + len(change.right)
                if taken.isdisjoint(range(change.start - 2, end + 2)):
                    mended = mended[: change.start] + change.right + mended[end:]
                    taken.update(range(change.start, end))
        return run if any(self._changes(mended)) else mended  # no rest: the evidence goes in circles

    def _changes(self, run: str) -> Iterator[Change]:
        suspicious = [self._suspicious(run, at) for at in range(len(run))]
        if not any(suspicious):
            return
        broken = [cost * self._settings.word_cost for cost in _word_weights(run)]
        for at in _standing_alone(run):
            broken[at] += self._settings.verb_cost
        closed = f"{EDGE}{EDGE}{run}{EDGE}{EDGE}"
        doubtful = [
            (self._likelihood(closed[at : at + 5]), at)
            for at in range(len(run))
            if suspicious[at] and run[at] not in _GRAMMAR
        ]
        for likelihood, at in sorted(doubtful)[:_MOST_DOUBTFUL]:
            right, gain = self._single(closed[at : at + 5], likelihood, broken[at])
            if right:
                yield from self._fitting(run, Change(at, right, gain))
            if suspicious[at + 1 : at + 2] == [True] and run[at + 1] not in _GRAMMAR:
                for change in self._double(run, at, broken[at] + broken[at + 1]):
                    yield from self._fitting(run, change)

    def _fitting(self, run: str, change: Change) -> Iterator[Change]:
        """Yield the change if it still gains when the words that it makes and the words that it tears are counted."""
        start, end = change.start, change.start + len(change.right)
        made = [word for word in _spans(run[:start] + change.right + run[end:]) if word[0] < end and word[1] > start]
        first, last = made[0][0], made[-1][1]
        gain = change.gain
        if all(stop - begin == 1 for begin, stop in made):
            gain -= self._settings.loose_cost
        if any(begin < first < stop or begin < last < stop for begin, stop in _spans(run)):
            gain -= self._settings.torn_cost
        if gain > 0:
            yield change._replace(gain=gain)

    def _suspicious(self, run: str, at: int) -> bool:
        """Whether the knowledge base has not seen the character beside a neighbour; one that stands alone is not."""
        knows = self._model.knows
        return (at > 0 and not knows(run[at - 1 : at + 1])) or (at + 1 < len(run) and not knows(run[at : at + 2]))

    def _likelihood(self, window: str) -> float:
        """The log likelihood of the middle one of five characters, and of what follows given it."""
        log_next = self._model.log_next
        found = log_next(window[:3]) + log_next(window[1:4])
        return found if window[3] == EDGE else found + log_next(window[2:])

    def _single(self, window: str, likelihood: float, penalty: float) -> tuple[str, float]:
        """What should stand in the middle of five characters, and what is gained by it; nothing if it is right."""
        needed = penalty + self._settings.cost
        most = -likelihood - needed - self._settings.plausible  # what doubt there may be at most
        if most <= -self._settings.topic_most:
            return "", 0.0
        key = (window, penalty)
        found = self._singles.get(key)
        if found is None:
            found = "", 0.0
            for char, doubt in self._candidates(window):
                if doubt < most:
                    changed = window[:2] + char + window[3:]
                    gain = self._likelihood(changed) - likelihood - needed - doubt
                    if gain > found[1]:
                        found = char, gain
            if len(self._singles) >= _MEMO:
                self._singles.clear()
            self._singles[key] = found
        return found

    def _candidates(self, window: str) -> Iterator[tuple[str, float]]:
        """What may have been meant in the middle, with what it costs and what speaks against it."""
        left, right = window[1], window[3]
        before = window[:2]
        meant = hanzi.mistaken_for(window[2])
        known = meant if self._model.empty else meant.keys() & self._model.between(left, right)
        for char in sorted(known):
            if char not in _GRAMMAR:
                cost = meant[char]
                doubt = min(self._doubt(left + char), self._doubt(char + right), self._doubt(before + char))
                if doubt < math.inf:
                    yield char, cost + doubt

    def _double(self, run: str, at: int, penalty: float) -> Iterator[Change]:
        """Two neighbours both wrong: only for words that the knowledge base has, and the very sound."""
        pair = run[at : at + 2]
        needed = self._settings.cost + self._settings.next_cost + penalty
        before = self._model.log_likelihood(run, at, at + 4)
        if -before - needed < self._settings.plausible or self._model.knows(pair) or _is_word(pair):
            return
        seconds = [other for other in _same_sound(pair[1]) if other not in _GRAMMAR]
        best = Change(at, "", 0.0)
        for one in _same_sound(pair[0]):
            if one not in self._model.singles or one in _GRAMMAR:
                continue
            for two in seconds:
                if self._model.pairs.get(one + two, 0) > 1 and _is_word(one + two):
                    changed = run[:at] + one + two + run[at + 2 :]
                    gain = self._model.log_likelihood(changed, at, at + 4) - before - needed
                    if gain > best.gain:
                        best = Change(at, one + two, gain)
        if best.right:
            yield best

    def _doubt(self, chars: str) -> float:
        """What speaks against two or three characters belonging together, in nats.

        Words of the knowledge base have less than none; without any evidence it is infinite.
        """
        found = self._doubts.get(chars)
        if found is None:
            found = self._judge(chars)
            if len(self._doubts) >= _MEMO:
                self._doubts.clear()
            self._doubts[chars] = found
        return found

    def _judge(self, chars: str) -> float:
        if EDGE in chars:
            return math.inf
        if len(chars) == 3:
            seen = self._model.triples.get(chars, 0)
            return -self._topic_gain(seen) if seen > 1 else math.inf
        seen = self._model.pairs.get(chars, 0)
        if _is_word(chars):
            return -self._topic_gain(seen) if seen else self._unknown_cost
        if seen > 1:
            return 0.0
        return self._settings.chance_cost if seen else math.inf

    def _topic_gain(self, seen: int) -> float:
        return min(self._settings.topic_gain * math.log(seen), self._settings.topic_most)


def _same_sound(char: str) -> list[str]:
    return [other for other, cost in hanzi.mistaken_for(char).items() if cost <= hanzi.OTHER_TONE]


def _is_word(chars: str) -> bool:
    import rjieba  # its dictionary is loaded when first used

    return bool(rjieba.has_word(chars)) and rjieba.suggest_freq(chars) >= _WORD_FREQUENCY


@lru_cache(maxsize=1024)
def _spans(run: str) -> tuple[tuple[int, int], ...]:
    """The words of a run as [start, end)."""
    import rjieba

    ends = tuple(accumulate(map(len, rjieba.cut(run, False)), initial=0))
    return tuple(pairwise(ends))


def _word_weights(run: str) -> list[float]:
    """For each character the log frequency of the dictionary word of several characters that it is in, else 0."""
    import rjieba

    weights: list[float] = []
    for start, end in _spans(run):
        weight = math.log(rjieba.suggest_freq(run[start:end])) if end - start > 1 else 0.0
        weights += [weight] * (end - start)
    return weights


def _standing_alone(run: str) -> list[int]:
    """Where an everyday verb is a word of its own."""
    return [start for start, end in _spans(run) if run[start:end] in _VERBS]
