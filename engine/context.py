"""Follow-ups: from "那信用卡呢?" to readings that stand alone, from the episode's last exchanges.

A turn is read as it stands, and, when it looks like the rest of an earlier question, together with that question. What
asks the same of another thing is read with the last whole question, in place of what leaned on it in between.
Both readings are searched; `prefer` picks. So a topic switch costs nothing: as it stands it finds its own entry.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from engine.types import Exchange, Retrieved, Turn
from models.text import normalise

_MAX_CONTEXT_CHARS = 160  # of the earlier question; a longer one would drown the new words

# Forms that ask the same of another thing: "那信用卡呢?", "and for prepaid?".
_ANOTHER_ZH = re.compile(
    r"^(那|那么|那如果|如果是|要是|还有|换成|换做|同样).*(呢|的话)[?.!~]*$|^(那|那么|那如果|要是|换成|换做|同样|还有).{1,12}$|^.{1,8}呢[?.!~]*$"
)
_ANOTHER_EN = re.compile(
    r"^(and|or|ok and|okay and|so|but) "
    r"(for|if|with|in|on|to|from|once|when|what|how|can|could|is|are|do|does|the|my|a|an)\b"
    r"|^(and|or) \S+( \S+){0,3}\??$|^(what|how) about\b|^what if\b|^(same for|also for|for) "
    r"|\b(instead|as well|too)[?.!]*$",
    re.IGNORECASE,
)
# Openers that point back at the same thing.
_SAME = re.compile(
    r"^(那|那么)?(这个|那个|它|他们|这样|之后|然后|也是)"
    r"|^(and |ok and |so |but )?(then|it|that|this|they|those|these|"
    r"(does|is|can|will|do|are) (it|that|this|the same|they|those|these))\b",
    re.IGNORECASE,
)
# Fragments that ask for one more thing about the same subject.
_BARE_ZH = re.compile(
    r"^(那|那么|然后|之后)?(要|需要)?(多久|多长时间|多少钱|多少|几天|什么时候|怎么弄|怎么办|怎么操作|怎么做|为什么|在哪|在哪里|"
    r"哪里|收费吗|免费吗|要钱吗|可以吗|能吗|行吗)[呢啊呀?!~.]*$"
)
_BARE_EN = re.compile(
    r"^((and|then|ok and|so) )?"
    r"(how long|how much|how many|when|where|why|how|who|which one|is it free|does it cost|how come)"
    r"( (does|will|would|is|do|can) (it|that|this|they|i)( take| cost| be| do it| do that)?)?[?.! ]*$",
    re.IGNORECASE,
)
_STUCK = re.compile(
    r"^(试过了|还是不|还是没|还是老样子|仍然不|仍然没|依然不|依然没|怎么还[是没不])"
    r"|^(没用|没有用|不管用|不起作用|没反应|还是没用|不行)(了|啊|呀|的|呢)?[!.?~]*$"
    r"|^(it )?still (not|doesn'?t|isn'?t|won'?t|can'?t|no|nothing|broken|failing|the same)"
    r"|^(it|that|this) (did ?n[o']?t|does ?n[o']?t|doesn't|didn't) (work|help)"
    r"|^i('ve| have)? (already )?tried (that|it|this)\b|^no luck\b|^same (error|problem|issue|thing)\b",
    re.IGNORECASE,
)
_LEANING = (_ANOTHER_ZH, _ANOTHER_EN, _SAME, _BARE_ZH, _BARE_EN, _STUCK)
_ORDINAL = re.compile(
    r"^(?:我?(?:选|要|是|问的是|想问))?(?:the )?(?:第)?\s*"
    r"(?P<ordinal>[1-3一二三两]|first|second|third|1st|2nd|3rd|last|最后)"
    r"\s*(?:个|一个|项|条|种|one|option|choice)?\s*(?:那个|please|吧)?[.!。！]*$",
    re.IGNORECASE,
)
_PLACES = {"1": 0, "一": 0, "first": 0, "1st": 0, "2": 1, "二": 1, "两": 1, "second": 1, "2nd": 1} | {
    "3": 2, "三": 2, "third": 2, "3rd": 2, "last": -1, "最后": -1
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a turn may be understood."""

    said: str  # as written, without what no encoding can write
    alone: str  # as it stands, cleaned
    in_context: str | None = None  # together with the earlier question, when it leans on one
    answered: tuple[str, ...] = ()  # answers so far, where the turn asks the same of something else: not meant again
    bare: bool = False  # names no subject of its own: as it stands it says little
    stuck: bool = False  # says that what was answered did not help
    chosen: str | None = None  # the entry picked from a list that was offered


def read(turn: Turn, *, limit: int) -> Reading:
    """Read a turn against the exchanges before it: cleaned, at most `limit` characters of it. Pure."""
    said = readable(turn.text)
    text = _cleaned(said[: limit * 2], limit)
    if turn.chosen:
        return Reading(said=said, alone=text, chosen=turn.chosen)
    last = turn.history[-1] if turn.history else None
    if last is None:
        return Reading(said=said, alone=text)
    chosen = _pick(text, last)
    if chosen is not None:
        return Reading(said=said, alone=text, chosen=chosen)
    asked = _since_last_question(turn.history) if leans(text) else ()
    if not asked:
        return Reading(said=said, alone=text)
    another = _asks_of_another(text)  # takes the place of what was named last; more of the same adds to it
    topic = asked[0 if another else -1].question[-_MAX_CONTEXT_CHARS:]
    answers = (entry_id for exchange in asked if exchange.decision == "answer" for entry_id in exchange.entry_ids)
    return Reading(
        said=said,
        alone=text,
        in_context=f"{topic} {text}",
        answered=tuple(answers) if another else (),
        bare=any(pattern.search(text) for pattern in (_BARE_ZH, _BARE_EN)),
        stuck=_STUCK.search(text) is not None,
    )


def readable(text: str) -> str:
    """Replace what no encoding can write: halves of characters that a client cut in two."""
    return text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=1024)  # visitors ask the same things: a question from the evidence cache is mostly in this one, too
def _cleaned(text: str, limit: int) -> str:
    return normalise(text)[:limit]


def leans(text: str) -> bool:
    """Whether a text looks like the rest of an earlier question."""
    if _length(text) > 12:
        return False
    return any(pattern.search(text) for pattern in _LEANING)


def _asks_of_another(text: str) -> bool:
    """Whether the turn names another thing ("那信用卡呢?") rather than asking more of the same ("要多久?")."""
    names = any(pattern.search(text) for pattern in (_ANOTHER_ZH, _ANOTHER_EN))
    return names and not any(pattern.search(text) for pattern in (_SAME, _BARE_ZH, _BARE_EN))


def prefer(alone: Retrieved, in_context: Retrieved, *, bare: bool = False) -> bool:
    """Whether the reading in context explains the turn better than the turn as it stands.

    The surer one does; of two as sure, the one in context. A bare "how much?" must be twice as sure to stand alone.
    """
    least = alone.confidence / 2 if bare else alone.confidence
    return bool(in_context.candidates) and in_context.confidence >= least


def _pick(text: str, last: Exchange) -> str | None:
    if last.decision != "clarify" or not last.entry_ids:
        return None
    ordinal = _ORDINAL.match(text)
    if ordinal is None:
        return None
    place = _PLACES[ordinal["ordinal"].lower()]
    return last.entry_ids[place] if place < len(last.entry_ids) else None


def _since_last_question(history: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
    """Give the last whole question and what leaned on it; small talk and the like are left out."""
    asked = tuple(exchange for exchange in history if exchange.decision in ("answer", "clarify", "unknown"))
    whole = (place for place in reversed(range(len(asked))) if not leans(normalise(asked[place].text)))
    return asked[next(whole, 0) :]


def _length(text: str) -> int:
    """Words of a spaced script, or half the characters of an unspaced one."""
    han = sum("\u4e00" <= letter <= "\u9fff" for letter in text)
    return max(len(text.split()), (han + 1) // 2 if han else 0)
