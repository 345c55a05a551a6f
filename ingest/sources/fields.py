"""How the values of an entry, as documents have them, become a record."""

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any

from ingest.clean import clean_block, clean_line
from ingest.limits import Limits
from ingest.records import Record, RejectedField
from knowledge.types import Source

_LANGUAGES = {"中文": "zh", "汉语": "zh", "chinese": "zh", "英文": "en", "英语": "en", "english": "en"}
_KNOWN_LANGUAGES = frozenset({"zh", "en", "mixed", "other"})
_SEVERAL = re.compile(r"[|｜\n]")
_SEVERAL_TAGS = re.compile(r"[|｜\n,，、;；]")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?")


def to_record(values: Mapping[str, Any], source: Source, *, limits: Limits, zone: tzinfo) -> Record:
    """Make a record of raw values.

    Args:
        values: by canonical name; text, or for several values a list of texts.
        source: where they were read.
        limits: for the length of fields.
        zone: of dates that name none.

    Raises:
        RejectedField: there is no question, or a value is of the wrong kind, too long or not text.
    """
    question = _line(values, "question", limits)
    if not question:
        raise RejectedField("there is no question; every entry needs one")
    similar = _several(values, "similar_questions", _SEVERAL, limits)
    if len(similar) > limits.max_similar:
        raise RejectedField(f"there are {len(similar)} similar questions; up to {limits.max_similar} are allowed")
    return Record(
        question=question,
        source=source,
        answer=clean_block(_text(values, "answer"), field="answer", max_bytes=limits.max_field_bytes),
        similar_questions=tuple(text for text in dict.fromkeys(similar) if text != question),
        category=_line(values, "category", limits),
        language=_language(_line(values, "language", limits)),
        tags=tuple(dict.fromkeys(_several(values, "tags", _SEVERAL_TAGS, limits))),
        id=_id(values, limits),
        valid_from=_date(values, "valid_from", zone, limits, end_of_day=False),
        valid_until=_date(values, "valid_until", zone, limits, end_of_day=True),
    )


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RejectedField(f"{name} is {_kind(value)}; text is wanted")
    return value


def _kind(value: object) -> str:
    names = {bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)


def _line(values: Mapping[str, Any], name: str, limits: Limits) -> str:
    text = _text(values, name)
    return clean_line(text, field=name, max_bytes=limits.max_field_bytes) if text else ""


def _several(values: Mapping[str, Any], name: str, separator: re.Pattern[str], limits: Limits) -> list[str]:
    """Give the items of a list, or of a text in which they are separated."""
    value = values.get(name)
    if not value:
        return []
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            raise RejectedField(f"{name} holds something that is not text")
        items = value
    else:
        items = separator.split(_text(values, name).replace("\r", "\n"))
    cleaned = (clean_line(item, field=name, max_bytes=limits.max_field_bytes) for item in items)
    return [item for item in cleaned if item]


def _id(values: Mapping[str, Any], limits: Limits) -> str:
    value = values.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    entry_id = _line(values, "id", limits)
    if len(entry_id) > 200:
        raise RejectedField("the id is longer than 200 characters")
    return entry_id


def _language(text: str) -> str:
    """Bring "zh-CN", "EN" or "中文" to zh, en, mixed or other; nothing stays nothing."""
    if not text:
        return ""
    folded = text.casefold()
    code = _LANGUAGES.get(folded, re.split(r"[-_]", folded)[0])
    return code if code in _KNOWN_LANGUAGES else "other"


def _date(values: Mapping[str, Any], name: str, zone: tzinfo, limits: Limits, *, end_of_day: bool) -> datetime | None:
    """Read a date or a date with a time. "Until the 31st" means that the 31st is still included."""
    text = _line(values, name, limits)
    if not text:
        return None
    try:
        if whole_day := _DATE.fullmatch(text):
            day = date(*(int(part) for part in whole_day.groups()))
            return datetime.combine(day + timedelta(days=1 if end_of_day else 0), time(), zone)
        moment = datetime.fromisoformat(_DATE.sub(_iso, text, count=1))
    except (ValueError, OverflowError) as exc:
        raise RejectedField(f"{name} is {text[:40]!r}; a date is written 2026-01-31 or 2026-01-31 18:00") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _iso(match: re.Match[str]) -> str:
    year, month, day = match.groups()
    return f"{year}-{int(month):02}-{int(day):02}"
