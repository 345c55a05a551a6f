"""What looks like a question, and the marks (Q:, 问：, numbers) that people put before questions and answers."""

import re

from ingest.split import plain_text

# white space is bounded, as two unbounded runs next to each other take quadratic time on a line of nothing else
_MARK = (
    r"^\s{0,3}(?:[-*+]\s{1,4})?(?P<bold>\*\*|__)?\s{0,4}(?:%s)\s{0,4}\d{0,4}\s{0,4}[:：]\s{0,4}(?P<closed>\*\*|__)?\s*"
)
Q_MARK = re.compile(_MARK % "Q|Question|问|问题|提问", re.IGNORECASE)
A_MARK = re.compile(_MARK % "A|Answer|答|答案|回答", re.IGNORECASE)
_ALSO = re.compile(r"^\s*(?:Also asked|Similar questions|也可以问|相似问|相似问题)\s*[:：]\s*", re.IGNORECASE)
# "1.", "1)", "（1）", "3、", "一、", "Q1.", "问题2："; a bare number ("24 hours?") is none
_NUMBER = re.compile(
    r"^\s{0,8}(?:(?:Q|问|问题)?\s{0,2}\d{1,3}\s{0,2}[.)、．）](?!\d)"
    r"|[(（]\s{0,2}(?:\d{1,3}|[一二三四五六七八九十]{1,3})\s{0,2}[)）]|[一二三四五六七八九十]{1,3}\s{0,2}[、.．]"
    r"|Q\s{0,2}\d{1,3}\b|第[一二三四五六七八九十\d]{1,3}[问条]\s{0,2}[、:：.]?)\s*",
    re.IGNORECASE,
)
_ASKING_EN = re.compile(
    r"(?:how|what|when|where|why|who|whom|whose|which)(?:['’]\w+)?\b"
    r"|(?:can|could|may|might|should|shall|must|will|would|do|does|did|am|are|is|was|were|have|has)(?:n['’]t)? "
    r"(?:i|you|we|they|it|he|she|there|this|that|my|your|our|the|an?)\b",
    re.IGNORECASE,
)
_ASKING_ZH = re.compile(
    "怎么|怎样|怎么样|如何|为什么|为何|为啥|什么|哪[些里个种儿位家款天]|谁|何时|何处|几[天个次时点]|多久|多少|多长|多大|多远"
    "|能不能|能否|可否|可不可以|是否|是不是|有没有|要不要|会不会|需不需要|咋"
)
_BEHIND = " \t\n\u3000\"'”’」』）)]*_"  # may follow a question mark
_ASKING_LENGTH = 80  # characters; what is longer and has no question mark is a statement


def is_question(text: str) -> bool:
    """Whether a heading or a line of plain text asks something, with a question mark or without."""
    bare = text.rstrip(_BEHIND)
    if bare.endswith(("?", "？")):
        return True
    if not bare or len(bare) > _ASKING_LENGTH or bare[-1] in ".。!！;；:：":
        return False
    unnumbered = without_number(bare)
    return bare[-1] in "吗呢么" or bool(_ASKING_EN.match(unnumbered) or _ASKING_ZH.search(unnumbered))


def ends_as_question(text: str) -> bool:
    """Whether a line of plain text is one question and nothing else, by its question mark."""
    bare = text.rstrip(_BEHIND)
    return bare.endswith(("?", "？")) and not re.search(r"[。！!]|\.\s", without_number(bare))


def is_numbered(text: str) -> bool:
    """Whether a line begins with a number as of a list: "1.", "（2）", "三、"."""
    return _NUMBER.match(text) is not None


def without_number(text: str) -> str:
    """Take the number or mark off the front of a question, unless nothing else is left."""
    return Q_MARK.sub("", _NUMBER.sub("", text, count=1), count=1).strip() or text.strip()


def after_mark(line: str, match: re.Match[str]) -> str:
    """Give what follows Q: or A: on a line; of **A: text** the second pair of asterisks goes too."""
    rest = line[match.end() :]
    if (mark := match["bold"]) and not match["closed"] and rest.count(mark) % 2:
        rest = rest.replace(mark, "", 1)
    return rest


def also_asked(answer: str) -> tuple[tuple[str, ...], str]:
    """Take the line of similar questions, `Also asked: one | another`, off the front of an answer."""
    first, _, rest = answer.partition("\n")
    match = _ALSO.match(first)
    if match is None:
        return (), answer
    return tuple(plain_text(each) for each in first[match.end() :].split("|") if each.strip()), rest.strip("\n")
