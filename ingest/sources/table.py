"""Tables: rows with a header become records, whatever kind of file they are from."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from ingest.records import Note, Record, RejectedField, Rejection
from ingest.sources.cells import Cell, Row
from ingest.sources.columns import Columns, find_columns
from ingest.sources.document import Item, ReadOptions
from ingest.sources.fields import to_record
from knowledge.types import Source

_SAMPLE = 50  # rows by which the columns are found


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Where rows are from."""

    file: str
    sheet: str = ""  # its name; "" where a file is one table
    noted: tuple[str, ...] = ()  # what else was guessed: "read as GB18030", "separated by ;"
    encoding: str = "UTF-8"  # for reasons of rejections

    @property
    def kind(self) -> str:
        """What a person calls it."""
        return "sheet" if self.sheet else "file"

    def place(self, number: int) -> Source:
        """Name a row; 0 is the whole table."""
        row = f"row {number}" if number else ""
        return Source(file=self.file, place=", ".join(part for part in (self.sheet, row) if part))


@dataclass(slots=True)
class _Entry:
    """A row that starts an entry, and what the rows below added to it."""

    number: int
    values: dict[str, Any]
    reason: str = ""  # why the row cannot be read, if it cannot


def read_table(rows: Iterator[Row], table: Table, options: ReadOptions) -> Iterator[Item]:
    """Give the records of a table, in constant memory.

    Cells below a question that are merged with it, or rows that repeat it or leave it empty and give another similar
    question, belong to its entry. An answer below an empty cell does not: nobody can tell which question it answers.
    """
    filled = (row for row in rows if row.reason or any(cell and not cell.isspace() for cell in row.cells))
    sample = list(islice(filled, _SAMPLE))
    most = options.limits.max_columns  # a row beyond it is no header, and says nothing of the columns below one
    readable = [row for place, row in enumerate(sample) if not row.reason and (not place or len(row.cells) <= most)]
    try:
        columns = _columns(readable, table, options)
    except RejectedField as exc:
        yield Rejection(source=table.place(0), reason=str(exc))
        return
    yield Note(source=table.place(0), text="; ".join((*table.noted, columns.text)))
    header = readable[columns.skip - 1].number if columns.skip else 0
    below = (row for row in chain(sample, filled) if row.number > header or row.reason)
    for entry in _entries(below, columns):
        if entry.number > header + options.limits.max_rows:
            reason = f"the {table.kind} has more than {options.limits.max_rows} rows; split it"
            yield Rejection(source=table.place(entry.number), reason=reason)
            return
        yield _item(entry, table, options)


def _columns(sample: Sequence[Row], table: Table, options: ReadOptions) -> Columns:
    if not sample:
        raise RejectedField(f"the {table.kind} is empty")
    width = len(sample[0].cells)
    if width > options.limits.max_columns:
        raise RejectedField(f"the header has {width} columns; up to {options.limits.max_columns} are allowed")
    if any("\ud800" <= char <= "\udfff" or char == "\0" for cell in sample[0].cells for char in cell[:200]):
        raise RejectedField("the file is not UTF-8 text; save it as CSV UTF-8")
    return find_columns(sample, options.columns)


def _entries(rows: Iterable[Row], columns: Columns) -> Iterator[_Entry]:
    """Join the rows that belong to one entry."""
    pending: _Entry | None = None
    for row in rows:
        entry = _entry(row, columns)
        if pending is not None and _goes_on(pending, entry):
            _extend(pending.values, entry.values)
            continue
        if pending is not None:
            yield pending
        pending = entry
    if pending is not None:
        yield pending


def _entry(row: Row, columns: Columns) -> _Entry:
    if row.reason:
        return _Entry(row.number, {}, row.reason)
    cells, width = row.cells, len(columns.names)
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        reason = f"the row has {len(cells)} cells, the header has {width}; put quotes around text that holds commas"
        return _Entry(row.number, {}, reason)
    values: dict[str, Any] = {}
    for name, places in columns.fields.items():
        found = [cells[place] for place in places if place < len(cells)]
        if name == "similar_questions" and len(places) > 1:
            values[name] = [part for cell in found for part in cell.replace("\r", "\n").split("\n")]
        elif len(found) > 1:
            values[name] = "\n\n".join(cell for cell in map(_marked, found) if cell)
        elif found:
            values[name] = found[0]
    return _Entry(row.number, values)


def _goes_on(pending: _Entry, entry: _Entry) -> bool:
    """Tell whether a row belongs to the entry of the row above."""
    if pending.reason or entry.reason:
        return False
    question, answer = entry.values.get("question", ""), entry.values.get("answer", "")
    if isinstance(question, Cell) and question.above:
        return True
    same = not question.strip() or question == pending.values.get("question")
    shared = not answer.strip() or answer == pending.values.get("answer")
    return same and shared and any(cell.strip() for cell in _list(entry.values.get("similar_questions")))


def _extend(values: dict[str, Any], more: dict[str, Any]) -> None:
    values["similar_questions"] = [*_list(values.get("similar_questions")), *_list(more.get("similar_questions"))]
    answer = more.get("answer", "")
    if answer.strip() and answer != values.get("answer"):
        values["answer"] = "\n\n".join(filter(str.strip, (_marked(values.get("answer", "")), _marked(answer))))


def _list(value: str | list[str] | None) -> list[str]:
    if isinstance(value, str):
        return re.split(r"[|｜\r\n]", value)
    return value or []


def _marked(cell: str) -> str:
    return (isinstance(cell, Cell) and cell.markdown) or str(cell)


def _item(entry: _Entry, table: Table, options: ReadOptions) -> Record | Rejection:
    source = table.place(entry.number)
    if entry.reason:
        return Rejection(source=source, reason=entry.reason)
    values = entry.values
    if isinstance(answer := values.get("answer"), Cell):
        values["answer"] = _marked(answer)
    try:
        return to_record(values, source, limits=options.limits, zone=options.zone)
    except RejectedField as exc:
        return Rejection(source=source, reason=str(exc).replace("not valid UTF-8", f"not valid {table.encoding}"))
