"""Tables in formatted documents whose rows are questions with their answers."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from ingest.records import RejectedField, Rejection
from ingest.sources.blocks import Block
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import to_record
from ingest.sources.names import canonical
from ingest.sources.questions import ends_as_question, without_number
from ingest.split import plain_text
from knowledge.types import Source


def holds_records(block: Block, columns: Mapping[str, str]) -> bool:
    """Whether a table has a column of questions and one of answers: by their names, or as all of the first ask.

    Args:
        block: a table.
        columns: by field, the names of columns that the user gave.
    """
    return bool(_fields(block, columns))


def table_records(
    block: Block, document: Document, options: ReadOptions, defaults: Mapping[str, Any]
) -> Iterator[Item]:
    """Give the record of each row; the header is row 1.

    Args:
        block: a table that holds records.
        document: whose name the sources carry.
        options: limits and columns.
        defaults: values of fields that the table does not have, or that a row leaves empty.
    """
    fields = _fields(block, options.columns)
    headless = ends_as_question(plain_text(block.rows[0][0]))
    for number, row in enumerate(block.rows, start=1):
        if (number == 1 and not headless) or not any(cell.strip() for cell in row):
            continue
        source = Source(file=document.name, place=f"{block.place}, row {number}")
        try:
            yield to_record({**defaults, **_values(fields, row)}, source, limits=options.limits, zone=options.zone)
        except RejectedField as exc:
            yield Rejection(source=source, reason=str(exc))


def _fields(block: Block, columns: Mapping[str, str]) -> dict[int, str]:
    """Tell which field each column is; {} if the table holds no questions with answers."""
    if not block.rows or max(map(len, block.rows)) < 2:
        return {}
    given = {_folded(column): name for name, column in columns.items()}
    names: dict[int, str] = {}
    for index, cell in enumerate(block.rows[0]):
        plain = plain_text(cell)
        name = given.get(_folded(plain)) or canonical(plain)
        if name and name not in names.values():
            names[index] = name
    if {"question", "answer"} <= set(names.values()):
        return names
    first = [plain_text(row[0]) for row in block.rows if row]
    body = first if ends_as_question(first[0]) else first[1:]
    if len(body) > 1 and all(map(ends_as_question, body)):
        return {index: "question" if index == 0 else "answer" for index in range(max(map(len, block.rows)))}
    return {}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _values(fields: Mapping[int, str], row: tuple[str, ...]) -> dict[str, str]:
    values: dict[str, str] = {}
    for index, name in fields.items():
        cell = row[index].strip() if index < len(row) else ""
        if not cell:
            continue
        if name == "answer":
            values[name] = f"{values[name]}\n\n{cell}" if name in values else cell
        elif name == "question":
            values[name] = without_number(plain_text(cell).replace("\n", " "))
        else:
            values[name] = plain_text(cell)
    return values
