"""JSONL: one object a line, with the keys that CSV columns have."""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

import orjson

from ingest.limits import Limits
from ingest.records import Record, RejectedField, Rejection
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import canonical, to_record
from knowledge.types import Source

_BOM = b"\xef\xbb\xbf"


def read_jsonl(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a file of JSON lines in UTF-8; empty lines are skipped, unknown keys ignored."""
    path, name, limits, zone = document.path, document.name, options.limits, options.zone
    anything = False
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if number == 1:
                line = line.removeprefix(_BOM)
            source = Source(file=name, place=f"line {number}")
            if number > limits.max_rows:
                yield Rejection(source=source, reason=f"the file has more than {limits.max_rows} lines; split it")
                return
            if line.strip():
                anything = True
                yield _record(line, source, limits, zone)
    if not anything:
        yield Rejection(source=Source(file=name, place=""), reason="the file is empty")


def _record(line: bytes, source: Source, limits: Limits, zone: tzinfo) -> Record | Rejection:
    try:
        values = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        return Rejection(source=source, reason=f"the line is not JSON ({exc})")
    if not isinstance(values, dict):
        return Rejection(source=source, reason='the line is not an object such as {"question": …, "answer": …}')
    fields: dict[str, Any] = {}
    for key, value in values.items():
        field = canonical(key)
        if field is not None:
            fields.setdefault(field, value)
    try:
        return to_record(fields, source, limits=limits, zone=zone)
    except RejectedField as exc:
        return Rejection(source=source, reason=str(exc))
