"""Spreadsheets: Excel (.xlsx, .xlsm, .xlsb and the old .xls) and OpenDocument (.ods).

calamine reads them: it is ten times as fast as openpyxl, reads the old binary kind too, and its memory is a small
multiple of the file's. What it does not tell, links and bold words, is taken from the workbook's own XML.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from ingest.records import Note, RejectedField, Rejection
from ingest.sources.cells import Cell, Row
from ingest.sources.csv_file import read_csv
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.table import Table, read_table
from ingest.sources.workbook import Markup, Workbook
from knowledge.types import Source

if TYPE_CHECKING:
    from python_calamine import CalamineSheet, CalamineWorkbook

_Value = int | float | str | bool | date | datetime | time | timedelta
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_REMARK: Final = "the sheet holds remarks, not a table"
_Given = TypeVar("_Given")


def read_xlsx(document: Document, options: ReadOptions) -> Iterator[Item]:
    """Read all visible sheets of a workbook that have questions; each has a header of its own.

    A text that begins with = is text; of a formula, the value that was last computed counts. Web systems save CSV under
    the name of an Excel file: it is read as what it is.
    """
    whole = Source(file=document.name, place="")
    with document.path.open("rb") as file:
        head = file.read(512)
    if not head.startswith((_ZIP, _OLE, b"\x09\x08", b"\x09\x04", b"\x09\x02")):
        yield from _no_workbook(document, options, head)
        return
    try:
        yield from _sheets(document, options)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))


def _no_workbook(document: Document, options: ReadOptions, head: bytes) -> Iterator[Item]:
    """Read text that bears the name of a workbook."""
    whole = Source(file=document.name, place="")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<meta", b"<div", b"<head", b"<style")):
        yield Rejection(source=whole, reason="the file is a web page with the name of a workbook; name it .html")
        return
    if start.startswith(b"<"):
        yield Rejection(source=whole, reason="the file is XML, not a workbook; open it in Excel and save it as .xlsx")
        return
    items = read_csv(document, options)
    first = next(items)
    if isinstance(first, Note):
        yield Note(source=whole, text="the file is text, not a workbook; read as CSV")
        yield first
        yield from items
    elif isinstance(first, Rejection) and "empty" in first.reason:
        yield first
    else:
        yield Rejection(source=whole, reason="the file is not a workbook; it may be damaged or of another kind")


def _sheets(document: Document, options: ReadOptions) -> Iterator[Item]:
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    with closing(Workbook(document.path, options.limits)) as parts, _opened(document) as workbook:
        unread: list[Rejection] = []
        tables = 0
        for index, sheet in enumerate(workbook.sheets_metadata):
            place = Source(file=document.name, place=sheet.name)
            if sheet.visible != SheetVisibleEnum.Visible:
                yield Note(source=place, text="the sheet is hidden and was not read")
                continue
            if sheet.typ != SheetTypeEnum.WorkSheet:
                continue
            items = _sheet(workbook, index, parts, document, options)
            first = next(items)
            if isinstance(first, Rejection) and first.source == place:
                unread.append(first)
            else:
                tables += 1
                yield first
                yield from items
        yield from _without_table(unread, tables, Source(file=document.name, place=""))


def _without_table(unread: Sequence[Rejection], tables: int, whole: Source) -> Iterator[Item]:
    """Reject the sheets that could not be read; beside others that could, empty sheets and remarks are only noted."""
    if not tables and not unread:
        yield Rejection(source=whole, reason="the workbook has no visible sheet")
    for rejection in unread:
        remark = "is empty" in rejection.reason or rejection.reason.startswith(_REMARK)
        if tables and remark:
            yield Note(source=rejection.source, text=rejection.reason)
        else:
            yield rejection


def _sheet(
    workbook: "CalamineWorkbook", index: int, parts: Workbook, document: Document, options: ReadOptions
) -> Iterator[Item]:
    name = workbook.sheets_metadata[index].name
    table = Table(file=document.name, sheet=name)
    try:
        markup = parts.markup(name)
        sheet = _guarded(lambda: workbook.get_sheet_by_index(index))
    except RejectedField as exc:
        yield Rejection(source=table.place(0), reason=str(exc))
        return
    if sheet.start is None:
        yield Rejection(source=table.place(0), reason="the sheet is empty")
        return
    items = read_table(_rows(sheet, markup), table, options)
    first = next(items)
    if isinstance(first, Rejection) and first.source == table.place(0) and (sheet.width == 1 or sheet.height == 1):
        first = Rejection(source=first.source, reason=f"{_REMARK} ({first.reason})")
    yield first
    yield from items


@contextmanager
def _opened(document: Document) -> Iterator["CalamineWorkbook"]:
    from python_calamine import CalamineWorkbook

    workbook = _guarded(lambda: CalamineWorkbook.from_path(document.path))
    try:
        yield workbook
    finally:
        workbook.close()


def _guarded(call: Callable[[], _Given]) -> _Given:
    """Turn whatever the library raises on damaged input into a rejection.

    A panic of its Rust code is a BaseException, whose class cannot be imported.
    """
    from python_calamine import CalamineError, PasswordError

    try:
        return call()
    except PasswordError as exc:
        raise RejectedField("the workbook is encrypted; save it without a password") from exc
    except (CalamineError, ValueError, OverflowError) as exc:
        raise RejectedField(f"the workbook is damaged ({_first_line(exc)})") from exc
    except BaseException as exc:
        if type(exc).__name__ != "PanicException":
            raise
        raise RejectedField("the workbook is damaged beyond what can be read") from exc


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _rows(sheet: "CalamineSheet", markup: Markup) -> Iterator[Row]:
    """Give the rows as a person sees them; of merged cells, those below the first repeat it and are marked."""
    left = [""] * (sheet.start or (0, 0))[
        1
    ]  # the library leaves empty columns at the left out, but not rows at the top
    merged = _Merged(sheet.merged_cell_ranges or ())
    for row, values in enumerate(sheet.iter_rows()):
        cells = [*left, *("" if value == "" else shown(value) for value in values)]
        if markup:
            cells = [markup.cell(text, row, column) if text else "" for column, text in enumerate(cells)]
        yield Row(row + 1, merged.fill(row, cells))


class _Merged:
    """Gives merged cells their text back, row by row from the top."""

    def __init__(self, ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> None:
        self._starting: dict[int, list[_Range]] = {}
        for (top, left), (bottom, right) in ranges:
            self._starting.setdefault(top, []).append(_Range(left, right, bottom))
        self._open: dict[int, _Range] = {}  # by column; of overlapping ranges, which no program writes, the last

    def fill(self, row: int, cells: list[str]) -> list[str]:
        """Fill the merged cells of a row."""
        for each in self._open.values():
            if each.left < len(cells) and not cells[each.left] and each.text:
                cells[each.left] = _merged_cell(each.text, above=True)
        for each in self._starting.pop(row, ()):
            each.text = cells[each.left] if each.left < len(cells) else ""
            for right in range(each.left + 1, min(each.right + 1, len(cells))):
                if each.text and not cells[right]:
                    cells[right] = _merged_cell("", left=each.text)
            self._open[each.left] = each
        if self._open:
            self._open = {left: each for left, each in self._open.items() if each.bottom > row}
        return cells


def _merged_cell(text: str, *, above: bool = False, left: str = "") -> Cell:
    cell = Cell(text)
    cell.above, cell.left = above, left
    return cell


@dataclass(slots=True)
class _Range:
    """A merged range, from the row on in which it starts."""

    left: int
    right: int
    bottom: int
    text: str = ""


def shown(value: _Value) -> str:
    """Write a value as a person sees it: 3, not 3.0; a date, not its number."""
    match value:
        case str():
            return value
        case bool():
            return "TRUE" if value else "FALSE"
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S" if value.second else "%Y-%m-%d %H:%M")
        case date():
            return value.isoformat()
        case time():
            return value.strftime("%H:%M:%S" if value.second else "%H:%M")
        case timedelta():
            return str(value)
        case _:
            return format(value, ".0f" if 1e15 <= abs(value) < 1e21 else ".15g")
