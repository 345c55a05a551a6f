"""CSV and its relatives: text in columns, whatever separates them and however it is encoded."""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, TextIO

from ingest.records import RejectedField, Rejection
from ingest.sources.cells import Row
from ingest.sources.columns import wanted_columns
from ingest.sources.decoding import Encoding, detect, open_text
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.markdown_file import read_markdown
from ingest.sources.names import canonical, fold
from ingest.sources.table import Table, read_table
from knowledge.types import Source

_CELL_CHARS: Final = 4 * 1024 * 1024  # a longer cell costs its row; the limits reject much shorter ones
_LINE_CHARS: Final = 8 * 1024 * 1024  # the same for a line
_HEAD_CHARS: Final = 64 * 1024  # by which the separator is found
_RECOVERIES: Final = 100  # quotes without end in one file, before the rest is given up
_SEPARATORS: Final[Mapping[str, str]] = {
    ",": "commas",
    "\t": "tabs",
    ";": "semicolons",
    "|": "bars",
    "，": "Chinese commas",
    "；": "Chinese semicolons",
}
_EXCEL_HINT = re.compile(r"sep=(.)\r?\n?")  # the first line of some files, for Excel


def read_csv(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a file of separated values in UTF-8, UTF-16, GB18030 (GBK) or Big5.

    Rows are counted as a spreadsheet shows them: a header in the first row is row 1.
    """
    try:
        encoding = detect(document.path)
        head = _head(document.path, encoding)
        separator, start = _separator(head, options)
    except RejectedField as exc:
        yield Rejection(source=Source(file=document.name, place=""), reason=str(exc))
        return
    noted = [f"read as {encoding.label}"] if encoding.label != "UTF-8" else []
    if separator != ",":
        noted.append(f"separated by {_SEPARATORS.get(separator, repr(separator))}")
    table = Table(file=document.name, noted=tuple(noted), encoding=encoding.label)
    with open_text(document.path, encoding) as file:
        yield from read_table(_rows(file, separator, start), table, options)


def read_text_file(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read a .txt file: a table if its first line names columns, else headings, Q: and A:, or prose."""
    try:
        encoding = detect(document.path)
        head = _head(document.path, encoding)
        table = any(_knows(row, {}) > 1 for separator in _SEPARATORS for row in islice(_parse(head, separator), 3))
    except RejectedField:
        table = True  # the CSV reader tells why it cannot be read
    yield from (read_csv if table else read_markdown)(document, options)


def _head(path: Path, encoding: Encoding) -> str:
    with open_text(path, encoding) as file:
        return file.read(_HEAD_CHARS)


def _separator(head: str, options: ReadOptions) -> tuple[str, int]:
    """Find what separates the columns, and how many lines at the front are not part of the table.

    The one with which a row has the names of most fields; else the one that most rows have equally often.
    """
    if hint := _EXCEL_HINT.match(head):
        return hint[1], 1
    wanted = wanted_columns(options.columns)
    best, score = ",", (0, 0.0, 0)
    for separator in _SEPARATORS:
        rows = list(islice((row for row in _parse(head, separator) if any(row)), 30))
        if not rows:
            break
        named = max(_knows(row, wanted) for row in rows[:10])
        width, times = Counter(map(len, rows)).most_common(1)[0]
        even = times / len(rows) if width > 1 and (separator in ",\t;" or named > 1) else 0.0
        mine = (named, even if even > 0.7 else 0.0, min(width, 20))
        if mine > score and (named > 1 or even > 0.7):
            best, score = separator, mine
    return best, 0


def _knows(row: list[str], wanted: Mapping[str, str]) -> int:
    """Count the fields that a row of names would give."""
    names = {fold(column) for column in wanted.values()}
    return len(
        {canonical(cell) or fold(cell) for cell in row[:200] if cell and (canonical(cell) or fold(cell) in names)}
    )


def _parse(head: str, separator: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(head.splitlines(keepends=True), delimiter=separator)
    except csv.Error:
        return


def _rows(file: TextIO, separator: str, skip: int) -> Iterator[Row]:
    """Give the rows of a file; after one that cannot be parsed, reading goes on with the line after its first."""
    csv.field_size_limit(_CELL_CHARS)
    lines = _Lines(file)
    for _ in islice(lines, skip):
        pass
    number = skip
    for _ in range(_RECOVERIES):
        lines.done()
        reason = ""
        try:
            for cells in csv.reader(lines, delimiter=separator):
                number += 1
                if lines.ended:
                    reason = "a quotation mark is opened and never closed; close it or double it"
                    break
                yield Row(number, cells)
                lines.done()
        except csv.Error as exc:
            number += 1
            reason = f"the row cannot be read ({exc})"
        if not reason:
            return
        yield Row(number, (), reason)
        lines.again()
    yield Row(number + 1, (), "the file cannot be read any further; too many of its rows are damaged")


class _Lines:
    """The lines of a file, for csv.reader; those of a row that turns out to be damaged can be read again."""

    def __init__(self, file: TextIO) -> None:
        self.ended = False  # more lines were wanted than there are
        self._file = file
        self._taken: list[str] = []  # for the row that is being read
        self._waiting: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._waiting.popleft() if self._waiting else self._file.readline(_LINE_CHARS)
        if not line:
            self.ended = True
            raise StopIteration
        self._taken.append(line)
        if len(line) == _LINE_CHARS and line[-1] not in "\r\n":
            self._taken[-1] = ""  # nothing of it is worth reading again
            while (rest := self._file.readline(_LINE_CHARS)) and rest[-1] not in "\r\n":
                pass
            raise csv.Error(f"a line is longer than {_LINE_CHARS >> 20} million characters")
        return line

    def done(self) -> None:
        """Forget the lines of a row that was read."""
        self._taken.clear()

    def again(self) -> None:
        """Read the lines of the row again, all but the first."""
        self._waiting.extendleft(reversed(self._taken[1:]))
        self._taken.clear()
        self.ended = False
