"""One HTML tag that is kept: with the attributes that it may have, and no others."""

import re
from dataclasses import dataclass

from knowledge.markup_policy import ATTRIBUTES, HANDLER, URL_ATTRIBUTES, complaint

_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]++)(?:\s*+=\s*+(\"[^\"]*+\"|'[^']*+'|[^\s\"'<>`=]++))?+")
_PLAIN = re.compile(r"(?:[ \t]+[A-Za-z]+(?:=(?:\"[^\"<>`\r\n\\]*\"|'[^'<>`\r\n\\]*'|[A-Za-z0-9/:._%#?-]+))?)*[ \t]*/?")


@dataclass(frozen=True, slots=True)
class Tag:
    """An opening tag as it may be written."""

    text: str  # "" if it is of no use any more
    removed: frozenset[str]


def rewrite(name: str, rest: str, raw: str) -> Tag:
    """Write a tag without what it must not have; one that is fine stays as it is.

    Args:
        name: in lower case; one that is allowed.
        rest: what follows the name, without the closing bracket.
        raw: all of it.
    """
    allowed = ATTRIBUTES.get(name, frozenset())
    kept: dict[str, str] = {}
    removed: set[str] = set()
    lost = False
    for found in _ATTRIBUTE.finditer(rest):
        key, value = found[1].lower(), _unquoted(found[2] or "")
        why = _refusal(key, value, allowed)
        if why is None and key not in kept:
            kept[key] = value
            continue
        lost = True
        if why:
            removed.add(why)
    if name == "img" and "src" not in kept:
        return Tag("", frozenset(removed))
    if not lost and _PLAIN.fullmatch(rest):
        return Tag(raw, frozenset())
    written = "".join(f' {key}="{_quotable(value)}"' for key, value in kept.items())
    return Tag(f"<{name}{written}>", frozenset(removed))


def _refusal(key: str, value: str, allowed: frozenset[str]) -> str | None:
    """Say why an attribute goes: "" if nobody needs to be told, None if it stays."""
    if key.startswith("on"):
        return HANDLER
    if key not in allowed:
        return complaint(value, surely_link=False)
    if key in URL_ATTRIBUTES:
        return complaint(value) or None
    return None


def _unquoted(value: str) -> str:
    return value[1:-1] if value[:1] in ("'", '"') else value


def _quotable(value: str) -> str:
    """Give a value that no program takes for anything but a value: without quotes, tags, code or line breaks."""
    value = " ".join(value.split()).replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
    return value.replace("`", "&#96;").replace("\\", "&#92;")
