"""Entries whose questions and answer are in different files, as the bots Rasa and Dialogflow keep them."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from ingest.records import Note, Record, RejectedField, Rejection
from ingest.sources.document import Item, ReadOptions
from ingest.sources.fields import to_record
from knowledge.types import Source

_SHOWN = 8


def half(half_of: str, values: dict[str, Any], source: Source, options: ReadOptions) -> Record | Rejection:
    """Make a half of an entry from its raw values, which have a question, an answer, or neither."""
    try:
        record = to_record({"question": "?", **values}, source, limits=options.limits, zone=options.zone)
    except RejectedField as exc:
        return Rejection(source=source, reason=str(exc))
    return replace(record, question=record.question if "question" in values else "", half_of=half_of)


def join_halves(items: Iterable[Item]) -> Iterator[Item]:
    """Join the halves of entries once all items have passed; whatever is whole passes at once.

    A half is a record with `half_of`: with a question it is the questions of an entry; with an answer, the answer;
    with neither, its id names the half that has the answer. Halves without the other are noted, as bots have many: an
    intent that starts a form, a response to what was not understood. A bot of which nothing fits together is rejected.
    """
    asked: list[Record] = []
    answers: dict[str, Record] = {}
    links: dict[str, str] = {}
    for item in items:
        if not isinstance(item, Record) or not item.half_of:
            yield item
        elif item.question:
            asked.append(item)
        elif item.answer:
            answers.setdefault(item.half_of, item)
        else:
            links.setdefault(item.half_of, item.id)
    used: set[str] = set()
    alone: list[Record] = []
    for record in asked:
        name = record.half_of if record.half_of in answers else links.get(record.half_of, "")
        if answer := answers.get(name):
            used.add(name)
            yield replace(record, answer=answer.answer, id=record.id or answer.id, half_of="")
        else:
            alone.append(record)
    yield from _left_over(alone, "questions have no answer", "give the file with the answers too", bool(used))
    rest = [record for name, record in answers.items() if name not in used]
    yield from _left_over(rest, "answers have no question", "give the file with the questions too", bool(used))


def _left_over(records: list[Record], what: str, remedy: str, anything: bool) -> Iterator[Item]:
    """Tell of the halves that are left over, once for each file."""
    by_file: dict[str, list[Record]] = {}
    for record in records:
        by_file.setdefault(record.source.file, []).append(record)
    for halves in by_file.values():
        source = replace(halves[0].source, place="")
        names = ", ".join(record.half_of.partition("'s ")[2] for record in halves[:_SHOWN])
        more = f" and {len(halves) - _SHOWN} more" if len(halves) > _SHOWN else ""
        if anything:
            yield Note(source=source, text=f"{len(halves)} {what} and are left out: {names}{more}")
        else:
            yield Rejection(source=source, reason=f"{len(halves)} {what} ({names}{more}); {remedy}")
