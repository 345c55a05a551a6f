"""JSON lines: one object a line, with the keys that CSV columns have."""

from collections.abc import Iterator
from typing import Final

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.decoding import detect, open_text
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.json_file import decode_json, skip_space
from ingest.sources.nested import Entries
from knowledge.types import Source

_LINE_CHARS: Final = 8 * 1024 * 1024  # a longer line is rejected unread


def read_jsonl(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a file of JSON lines in constant memory; empty lines are skipped, unknown keys noted."""
    whole = Source(file=document.name, place="")
    try:
        encoding = detect(document.path)
        entries = Entries(document, options)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))
        return
    if encoding.label != "UTF-8":
        yield Note(source=whole, text=f"read as {encoding.label}")
    number = found = 0
    with open_text(document.path, encoding) as file:
        while line := file.readline(_LINE_CHARS):
            number += 1
            source = Source(file=document.name, place=f"line {number}")
            if number > options.limits.max_rows:
                reason = f"the file has more than {options.limits.max_rows} lines; split it"
                yield Rejection(source=source, reason=reason)
                break
            if len(line) == _LINE_CHARS and line[-1] not in "\r\n":
                while (rest := file.readline(_LINE_CHARS)) and rest[-1] not in "\r\n":
                    pass
                yield Rejection(source=source, reason=f"the line is longer than {_LINE_CHARS >> 20} million characters")
            elif not line.isspace():
                found += 1
                for item in _line(line, source, entries):
                    found += not isinstance(item, Rejection)
                    yield item
    if not found:
        yield Rejection(source=whole, reason="the file is empty")
    else:
        yield from entries.close()


def _line(line: str, source: Source, entries: Entries) -> Iterator[Item]:
    try:
        line = line.rstrip()
        value, end = decode_json(line, skip_space(line, 0))
        if skip_space(line, end) < len(line):
            raise RejectedField("there is more than one value")
    except RejectedField as exc:
        yield Rejection(source=source, reason=str(exc).replace("not JSON at line 1,", "the line is not JSON at"))
        return
    if not isinstance(value, dict):
        yield Rejection(source=source, reason='the line is not an object such as {"question": …, "answer": …}')
        return
    yield from entries.within(value, source.place, expected=True)
