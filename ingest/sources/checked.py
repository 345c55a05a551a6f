"""What every reader's items go through before anybody else sees them: bounds, one line each, safe answers."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingest.clean import clean_answer
from ingest.limits import Limits
from ingest.records import Note, Record, Rejection
from ingest.sources.document import Item
from knowledge.types import Source

_LINE_CHARS = 500  # of a reason or a note
_PLACE_CHARS = 200
_NAME_CHARS = 400
_NOTES = 1_000  # per file
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


def one_line(text: str, *, chars: int = _LINE_CHARS) -> str:
    """Bring a text to one line that a terminal shows as it is: no line breaks, no control characters, not too long."""
    line = " ".join(_CONTROL.sub(" ", text[: 4 * chars]).split())
    return line if len(line) <= chars else line[: chars - 1] + "…"


def safe_name(name: str) -> str:
    """Give a file's name as it can be shown and stored; names on disk may hold anything but / and NUL."""
    name = _CONTROL.sub("\ufffd", name)
    return name if len(name) <= _NAME_CHARS else name[: _NAME_CHARS - 1] + "…"


def checked(items: Iterable[Item], limits: Limits) -> Iterator[Item]:
    """Pass on what a reader gives: not too large, not too many complaints, answers without scripts.

    Args:
        items: of one file.
        limits: for the size of records and the number of complaints.
    """
    rejections = notes = 0
    last: Rejection | None = None
    for item in items:
        match item:
            case Record():
                yield from _record(item, limits)
            case Rejection():
                rejections += 1
                last = item
                if rejections <= limits.max_complaints:
                    yield replace(item, source=_shown(item.source), reason=one_line(item.reason))
            case Note():
                notes += 1
                if notes <= _NOTES:
                    yield replace(item, source=_shown(item.source), text=one_line(item.text))
    if last is not None and rejections > limits.max_complaints:
        reason = f"{rejections - limits.max_complaints} more places of the file were rejected, this is the last of them"
        yield Rejection(source=_shown(last.source), reason=reason)


def _record(record: Record, limits: Limits) -> Iterator[Item]:
    source = _shown(record.source)
    texts = (record.question, record.answer, record.category, record.id, *record.similar_questions, *record.tags)
    size = sum(map(len, texts))
    if size * 4 > limits.max_record_bytes < sum(len(text.encode("utf-8", "surrogatepass")) for text in texts):
        reason = f"the record is longer than {limits.max_record_bytes >> 10} KB; split it into several entries"
        yield Rejection(source=source, reason=reason)
        return
    answer, removed = clean_answer(record.answer)
    if removed:
        yield Note(source=source, text=f"taken out of the answer: {', '.join(removed)}")
    yield (
        record if answer == record.answer and source is record.source else replace(record, answer=answer, source=source)
    )


def _shown(source: Source) -> Source:
    place = source.place
    return (
        source
        if len(place) < _PLACE_CHARS and place.isprintable()
        else Source(file=source.file, place=one_line(place, chars=_PLACE_CHARS))
    )
