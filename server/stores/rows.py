"""Many rows in one statement.

The interpreter is let go at each step of a statement and has to be won back after it, against an event loop that may be
busy: with a statement for each row, a commit of 500 appends waits for that 2,000 times.
"""

import sqlite3
from collections.abc import Sequence

_MOST = 512  # rows; times the columns it stays far below SQLite's 32,766 parameters


class ManyRows:
    """A statement around `VALUES (?, …), (?, …), …`, run for any number of rows.

    Only powers of two are written at once, so that the connection keeps few statements, and keeps them prepared.
    """

    def __init__(self, before: str, columns: int, after: str = "") -> None:
        """Take what stands before and after the rows, and how many values a row has."""
        row = f"({','.join('?' * columns)})"
        self._sql = {1 << power: f"{before} {row}{f',{row}' * ((1 << power) - 1)} {after}" for power in range(10)}

    def run(self, db: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> int:
        """Run the statement for all rows, in their order; give how many rows of the database it changed."""
        changed, at = 0, 0
        while at < len(rows):
            count = min(_MOST, 1 << (len(rows) - at).bit_length() - 1)
            values = [value for row in rows[at : at + count] for value in row]
            changed += db.execute(self._sql[count], values).rowcount
            at += count
        return changed
