"""CSV: the first row names the columns, in Chinese or English."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from datetime import tzinfo

from ingest.limits import Limits
from ingest.records import Record, RejectedField, Rejection
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.fields import canonical, to_record
from knowledge.types import Source

_CELL_CHARS = 16 * 1024 * 1024  # the csv module gives up on the whole file beyond this; the limits reject much earlier


def read_csv(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a CSV file in UTF-8, with or without a byte order mark.

    Rows are counted as a spreadsheet shows them: the header is row 1.
    """
    path, name, limits, zone = document.path, document.name, options.limits, options.zone
    csv.field_size_limit(_CELL_CHARS)
    # Bytes that are not UTF-8 become lone surrogates, so that only their own rows are rejected.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file)
        number = 0
        try:
            header = next(rows, [])
            columns = _columns(header, limits)
            for number, row in enumerate(rows, start=2):
                if number > limits.max_rows + 1:
                    yield _rejected(name, number, f"the file has more than {limits.max_rows} rows; split it")
                    return
                if any(cell.strip() for cell in row):
                    yield _record(row, columns, len(header), Source(file=name, place=f"row {number}"), limits, zone)
        except RejectedField as exc:
            yield Rejection(source=Source(file=name, place=""), reason=str(exc))
        except csv.Error as exc:
            yield _rejected(name, number + 1, f"the file cannot be read any further ({exc})")


def _columns(header: Sequence[str], limits: Limits) -> Mapping[str, int]:
    """Find which column holds which field; of two with the same name the first counts."""
    if not header:
        raise RejectedField("the file is empty")
    if len(header) > limits.max_columns:
        raise RejectedField(f"the header has {len(header)} columns; up to {limits.max_columns} are allowed")
    if any("\ud800" <= char <= "\udfff" or char == "\0" for cell in header for char in cell[:200]):
        raise RejectedField("the file is not UTF-8 text; save it as CSV UTF-8")
    columns: dict[str, int] = {}
    for index, cell in enumerate(header):
        field = canonical(cell[:200])
        if field is not None:
            columns.setdefault(field, index)
    if "question" not in columns:
        shown = ", ".join(repr(cell[:30]) for cell in header[:8])
        raise RejectedField(f"no column is called question or 问题; the columns are {shown}")
    return columns


def _record(
    row: Sequence[str], columns: Mapping[str, int], width: int, source: Source, limits: Limits, zone: tzinfo
) -> Record | Rejection:
    if any(cell.strip() for cell in row[width:]):
        reason = f"the row has {len(row)} cells, the header has {width}; put quotes around text that holds commas"
        return Rejection(source=source, reason=reason)
    values = {field: row[index] for field, index in columns.items() if index < len(row)}
    try:
        return to_record(values, source, limits=limits, zone=zone)
    except RejectedField as exc:
        return Rejection(source=source, reason=str(exc))


def _rejected(name: str, number: int, reason: str) -> Rejection:
    return Rejection(source=Source(file=name, place=f"row {number}"), reason=reason)
