"""Entries as JSON, one form for the catalog, for published versions and for what is exported."""

import hashlib
from datetime import datetime
from typing import Any

import orjson

from knowledge.types import Entry, Source


def entry_to_json(entry: Entry) -> str:
    """Write an entry on one line; the same entry always gives the same text."""
    return orjson.dumps(_to_dict(entry)).decode()


def entry_from_json(text: str | bytes) -> Entry:
    """Read what `entry_to_json` wrote.

    Raises:
        ValueError: the text is not such a line.
    """
    try:
        return _from_dict(orjson.loads(text))
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise ValueError(f"This is no entry ({type(exc).__name__}: {exc}): {text[:80]!r}") from exc


def content_hash(entry: Entry) -> str:
    """Fingerprint what an entry says; not its id and not where it was read, which change without a new meaning."""
    content = _to_dict(entry)
    del content["id"], content["sources"]
    content.pop("edited", None)
    return hashlib.sha256(orjson.dumps(content)).hexdigest()[:32]


def _to_dict(entry: Entry) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": entry.id,
        "question": entry.question,
        "similar_questions": list(entry.similar_questions),
        "answer": entry.answer,
        "category": entry.category,
        "language": entry.language,
        "tags": list(entry.tags),
        "valid_from": entry.valid_from and entry.valid_from.isoformat(),
        "valid_until": entry.valid_until and entry.valid_until.isoformat(),
        "sources": [[source.file, source.place] for source in entry.sources],
    }
    if entry.edited:
        values["edited"] = True
    return values


def _from_dict(values: dict[str, Any]) -> Entry:
    return Entry(
        id=values["id"],
        question=values["question"],
        similar_questions=tuple(values["similar_questions"]),
        answer=values["answer"],
        category=values["category"],
        language=values["language"],
        tags=tuple(values["tags"]),
        valid_from=_date(values["valid_from"]),
        valid_until=_date(values["valid_until"]),
        sources=tuple([Source(file=file, place=place) for file, place in values["sources"]]),
        edited=values.get("edited", False),
    )


def _date(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
