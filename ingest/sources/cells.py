"""Rows of cells, as every kind of table gives them."""

from collections.abc import Sequence
from typing import NamedTuple


class Cell(str):
    """A cell of a spreadsheet that is more than its text; cells of other tables are plain strings."""

    markdown: str = ""  # the text with its bold words and links; "" if it has none
    above: bool = False  # merged with the cell above, whose text it has
    left: str = ""  # of an empty cell: the text of the one to the left that it is merged with


class Row(NamedTuple):
    """One row of a table: a tuple, because there are a million of them."""

    number: int  # as a spreadsheet shows it, from 1
    cells: Sequence[str]
    reason: str = ""  # why it cannot be read, if it cannot


def column_letters(count: int) -> list[str]:
    """Name columns as spreadsheets do: A, B … Z, AA, AB and so on."""
    return [_letters(index) for index in range(count)]


def _letters(index: int) -> str:
    text = ""
    while index >= 0:
        index, rest = divmod(index, 26)
        text = chr(ord("A") + rest) + text
        index -= 1
    return text
