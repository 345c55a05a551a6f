"""Masking what identifies people or opens accounts, before it is logged or sent onward."""

import re

_E_MAIL = re.compile(r"[\w.+-]{1,64}[@＠][\w-]{1,63}(?:\.[\w-]{1,63}){1,4}", re.ASCII)
# Seven digits and more, however they are grouped: cards, phones, accounts, identity cards (which may end in an X).
# A letter or an ideograph may touch them ("电话13812345678"); digits of any script count.
_NUMBER = re.compile(r"(?<!\d)\+?\d(?:[ \t\u00a0\u3000\u200b\u2060\ufeff()（）.\-‐-―－/_·]{0,3}\d){6,}[Xx]?")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?(?![A-Za-z0-9])")
_TOKEN = re.compile(r"(?<![A-Za-z0-9])(?:[spw]k|gh[a-z]|github_pat|xox[a-z]|whsec|eyJ)[-_A-Za-z0-9.+/=]{16,}")
_BEARER = re.compile(r"\b(bearer|authorization: ?basic)\s+[-_A-Za-z0-9.+/=~]{8,}", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}@")  # https://user:password@host
_PARAMETER = re.compile(
    r"((?:token|password|passwd|secret|signature|api_?key|access_?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)[^\s&\"',;]{4,}",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}(?:[ T]\d{1,2})?")
_HEXADECIMAL = frozenset("0123456789abcdef")
_HASH_CHARS = range(12, 65)


def masked(text: str) -> str:
    """Replace e-mail addresses, long numbers, bank accounts, passwords and secret keys by what they are.

    Dates such as 2026-11-23 stay. Rather too much is masked than too little: an order number of seven digits goes too.
    """
    text = _TOKEN.sub("[key]", text)
    if " " in text:
        text = _BEARER.sub(r"\1 [key]", text)
    if ":" in text or "=" in text:
        text = _PARAMETER.sub(r"\1[key]", _PASSWORD.sub("[password]@", text))
    if "@" in text or "＠" in text:
        text = _E_MAIL.sub("[e-mail]", text)
    if _DIGIT.search(text) is None:
        return text
    return _NUMBER.sub(_number, _IBAN.sub("[account]", text))


def _number(found: re.Match[str]) -> str:
    return found[0] if _DATE.fullmatch(found[0]) or _is_of_a_hash(found) else "[number]"


def _is_of_a_hash(found: re.Match[str]) -> bool:
    """Whether the digits belong to a version or a trace id in hexadecimal, as log lines name them."""
    text, start, end = found.string, found.start(), found.end()
    most = _HASH_CHARS.stop
    while start and text[start - 1] in _HEXADECIMAL and end - start < most:
        start -= 1
    while end < len(text) and text[end] in _HEXADECIMAL and end - start < most:
        end += 1
    word, beside = text[start:end], text[max(0, start - 1) : start] + text[end : end + 1]
    whole = len(word) in _HASH_CHARS and _HEXADECIMAL.issuperset(word) and not beside.isalnum()
    return whole and sum(char in "abcdef" for char in word) >= 3
