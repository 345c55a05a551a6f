"""What is known of Chinese characters in general: how they sound, which are mistaken for which, which follow which."""

import importlib.util
import json
import math
import string
import unicodedata
from collections import defaultdict
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

_BIGRAMS = Path(__file__).parents[1] / "data" / "hanzi_bigrams.txt"
_LETTERS = string.ascii_letters  # the n-th is a surprise of n half bits
_HALF_BIT = math.log(2) / 2

_TONES = {"\u0304": 1, "\u0301": 2, "\u030c": 3, "\u0300": 4}
# Characters with two readings in daily use; the further readings of all others are those of names and classics.
_TWO_READINGS = frozenset(
    "行长重还率乐藏差调朝都发分干好和会间觉空量落没弄强切少什数说为系相校应载占涨中种转着曾传弹倒单当卷宿处得的地了更划几假降角教结解尽"
    "据卡看累露模难宁排铺曲塞散扫色省盛似提挑帖吐血压要晕扎炸折正只钻作薄便别参称冲大待"
)
_COMMON = 19 * 2  # half bits; some 4,000 characters are commoner: others are not what somebody meant to type
_NOT_TYPED = frozenset({"m", "n", "ng", "hm", "hng", "o", "ê", "yo", "lo"})

# Costs in nats of one character typed for another, beyond that of typing wrongly at all: pinyin input gives the same
# syllable whatever the tone; speakers of southern varieties merge some sounds; handwriting and OCR confuse shapes.
_SAME_SOUND = 0.0
OTHER_TONE = 0.4
_MERGED_SOUND = 1.6
_ALIKE_SHAPE = 1.0
_OTHER_KEY = 5.0  # one letter of the syllable hit wrongly

_MERGED_INITIALS = (("zh", "z"), ("ch", "c"), ("sh", "s"), ("n", "l"), ("h", "f"), ("r", "l"))
_MERGED_FINALS = (("ang", "an"), ("eng", "en"), ("ing", "in"))

# Characters that look alike, of our own collection; every two of a group are taken for each other.
_ALIKE = """
卷券 贷货 侍待 己已巳 末未 拔拨 侯候 析折拆 晴睛 竟竞 徒徙 梢稍 杨扬 千干 土士 天夭 曰日 太大犬 今令 住往注 免兔
辨辩瓣 暖暧 快块 抱包 账帐 戴带 象像 既即 很狠 消销 清请情 经径 挂桂 付代 无元 接按 提堤 找我 甲申由 退追 使便 优忧
级极 密蜜 绩积 续读 充允 值植 流硫 量童 订钉 额颜 改攻政 络路 收攸 坏怀 损捐 漏陋 掉棹 手毛 来未 人入八 刀力 王玉
目且 问间同 闭闲 开井 柜框筐 底低抵 师帅 乌鸟岛 享亨 拾抬 冈网 货贺 保呆 副幅 复夏 历厉 购构 钥钓 税锐 优扰 满瞒
渠集 申审 绑邦
"""


class Sound(NamedTuple):
    """A reading of a character: the syllable without its tone (ü as v), and the tone, 0 for none."""

    syllable: str
    tone: int


@lru_cache(maxsize=8192)
def sounds(char: str) -> tuple[Sound, ...]:
    """The readings of a character, commonest first; none for what is not Chinese."""
    readings = _readings().get(str(ord(char)), "").split(",")
    return tuple(
        dict.fromkeys(_parsed(reading) for reading in readings[: 2 if char in _TWO_READINGS else 1] if reading)
    )


@cache
def syllables() -> frozenset[str]:
    """The syllables that somebody may type in Latin letters."""
    return frozenset(_by_syllable())


@lru_cache(maxsize=4096)
def mistaken_for(char: str) -> dict[str, float]:
    """The common characters that may have been meant where `char` was typed, each with its cost in nats."""
    found: dict[str, float] = {}
    for sound in sounds(char):
        for syllable, cost in _merged(sound.syllable).items():
            for other, tone in _by_syllable().get(syllable, ()):
                total = cost + (_SAME_SOUND if sound.tone == tone else OTHER_TONE)
                if total < found.get(other, math.inf):
                    found[other] = total
    for other in _alike().get(char, ()):
        found[other] = min(found.get(other, math.inf), _ALIKE_SHAPE)
    found.pop(char, None)
    return found


def log_share(char: str) -> float:
    """The natural logarithm of a character's share among all characters of common text."""
    line = _lines().get(char)
    return -_HALF_BIT * (_LETTERS.index(line[0]) if line else len(_LETTERS))


@lru_cache(maxsize=65536)
def follows(char: str, before: str) -> float:
    """The probability that `char` comes after `before` in common text, smoothed; `before` may be any character."""
    own = 0.04 * math.exp(log_share(char))
    line = _lines().get(before)
    at = line.find(char, 1) if line else -1
    if line is None or at < 0:
        return own
    return own + 0.96 * math.exp(-_HALF_BIT * _LETTERS.index(line[at + 1]))


def _parsed(reading: str) -> Sound:
    tone = 0
    letters: list[str] = []
    for mark in unicodedata.normalize("NFD", reading):
        if mark in _TONES:
            tone = _TONES[mark]
        elif mark == "\u0308":
            letters[-1] = "v"
        else:
            letters.append(mark)
    return Sound("".join(letters), tone)


@lru_cache(maxsize=512)
def _merged(syllable: str) -> dict[str, float]:
    """The syllables that some speakers do not tell from this one, and itself, with their costs."""
    found = {syllable: 0.0}
    for pairs, ends in ((_MERGED_INITIALS, False), (_MERGED_FINALS, True)):
        for one, other in (*pairs, *((b, a) for a, b in pairs)):
            for known, cost in list(found.items()):
                swapped = _swap(known, one, other, at_end=ends)
                if swapped in syllables() and swapped not in found and cost < _MERGED_SOUND:
                    found[swapped] = cost + _MERGED_SOUND
    for other in _one_key_off(syllable):
        found.setdefault(other, _OTHER_KEY)
    return found


def _one_key_off(syllable: str) -> list[str]:
    """Syllables of four letters or more that differ from this one in a letter other than the first."""
    if len(syllable) < 4:
        return []
    return sorted(
        other
        for other in syllables()
        if len(other) == len(syllable)
        and other[0] == syllable[0]
        and sum(one != two for one, two in zip(syllable, other, strict=True)) == 1
    )


def _swap(syllable: str, one: str, other: str, *, at_end: bool) -> str:
    if at_end:
        return syllable[: -len(one)] + other if syllable.endswith(one) else syllable
    if not syllable.startswith(one) or (len(one) == 1 and syllable[1:2] == "h"):
        return syllable
    return other + syllable[len(one) :]


@cache
def _readings() -> dict[str, str]:
    """Readings by code point, from pypinyin's data (MIT); importing its code would load all its phrases too."""
    spec = importlib.util.find_spec("pypinyin")
    if spec is None or spec.origin is None:
        raise ImportError("pypinyin is missing; `pip install kefu` again.")
    text = (Path(spec.origin).parent / "pinyin_dict.json").read_text(encoding="utf-8")
    every: dict[str, str] = json.loads(text)
    known = _lines()
    return {code: readings for code, readings in every.items() if chr(int(code)) in known}


@cache
def _by_syllable() -> dict[str, tuple[tuple[str, int], ...]]:
    """The common characters that are read so, each with the tone it then has, commonest first."""
    found: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for char, line in _lines().items():  # commonest first
        if _LETTERS.index(line[0]) <= _COMMON:
            for sound in sounds(char):
                if sound.syllable not in _NOT_TYPED:
                    found[sound.syllable].append((char, sound.tone))
    return {syllable: tuple(chars) for syllable, chars in found.items()}


@cache
def _alike() -> dict[str, str]:
    found: dict[str, str] = defaultdict(str)
    for group in _ALIKE.split():
        for char in group:
            found[char] += group.replace(char, "")
    return found


@cache
def _lines() -> dict[str, str]:
    """By character: its own surprise and then its followers with theirs, in a string: small, and quick to search."""
    rows = _BIGRAMS.read_text(encoding="utf-8").splitlines()
    return {row[0]: row[1:] for row in rows if not row.startswith("#")}
