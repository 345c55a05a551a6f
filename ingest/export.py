"""Entries in the fixed form of an export: one a line, to be read by other programs or ingested again."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import orjson

from ingest.errors import IngestError
from knowledge.types import Entry


def exported(entry: Entry) -> dict[str, Any]:
    """Give an entry in the fixed form; validity dates are there only where an entry has them."""
    source = entry.sources[0] if entry.sources else None
    values: dict[str, Any] = {
        "id": entry.id,
        "question": entry.question,
        "similar_questions": list(entry.similar_questions),
        "answer": entry.answer,
        "category": entry.category,
        "lang": entry.language,
        "tags": list(entry.tags),
        "source": {"file": source.file if source else "", "place": source.place if source else ""},
    }
    for name in ("valid_from", "valid_until"):
        date = getattr(entry, name)
        if date is not None:
            values[name] = date.isoformat()
    return values


def export_lines(entries: Iterable[Entry]) -> Iterator[bytes]:
    """Write entries, each as a line of JSON in UTF-8 with its line feed."""
    for entry in entries:
        yield orjson.dumps(exported(entry), option=orjson.OPT_APPEND_NEWLINE)


def export_file(entries: Iterable[Entry], path: Path) -> int:
    """Write entries into a file, which is replaced only when all are written; give their number.

    Raises:
        IngestError: the file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{token_hex(4)}")
    count = 0
    try:
        try:
            with beside.open("wb") as file:
                for line in export_lines(entries):
                    file.write(line)
                    count += 1
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise IngestError(
            f"{os.fspath(path)} cannot be written ({error.strerror or error}); name another file"
        ) from error
    return count
