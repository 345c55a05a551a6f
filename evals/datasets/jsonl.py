"""JSON lines with typed, checked access to their fields."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evals.errors import DatasetError


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file, which knows where it stands."""

    path: Path
    number: int  # from 1
    fields: dict[str, object]

    def text(self, field: str, *, default: str | None = None) -> str:
        """A string field; absent or null gives the default, where there is one.

        Raises:
            DatasetError: it is missing, or no string.
        """
        value = self.fields.get(field)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise self._error(field, "is missing" if field not in self.fields else f"a string is needed, not {value!r}")
        return value

    def label(self, field: str) -> str:
        """A string field that is not blank."""
        value = self.text(field)
        if not value.strip():
            raise self._error(field, "is empty")
        return value

    def texts(self, field: str, *, optional: bool = False) -> tuple[str, ...]:
        """A field that is a list of strings; an optional one may be absent."""
        value = self.fields.get(field)
        if value is None and optional:
            return ()
        if not isinstance(value, list) or not all(isinstance(x, str) for x in value):
            missing = field not in self.fields
            raise self._error(field, "is missing" if missing else f"a list of strings is needed, not {value!r}")
        return tuple(value)

    def flag(self, field: str) -> bool:
        """A field that is true or false."""
        value = self.fields.get(field)
        if not isinstance(value, bool):
            missing = field not in self.fields
            raise self._error(field, "is missing" if missing else f"true or false is needed, not {value!r}")
        return value

    def binary(self, field: str) -> bool:
        """A field that is 0 or 1 (or a boolean)."""
        value = self.fields.get(field)
        if value not in (0, 1):
            missing = field not in self.fields
            raise self._error(field, "is missing" if missing else f"0 or 1 is needed, not {value!r}")
        return bool(value)

    def children(self, field: str) -> "tuple[Line, ...]":
        """A field that is a list of objects, each as a line of its own at the same place."""
        value = self.fields.get(field)
        if not isinstance(value, list) or not all(isinstance(x, dict) for x in value):
            missing = field not in self.fields
            raise self._error(field, "is missing" if missing else f"a list of objects is needed, not {value!r}")
        return tuple(Line(self.path, self.number, child) for child in value)

    def _error(self, field: str, problem: str) -> DatasetError:
        return DatasetError(self.path, problem, line=self.number, field=field)


def read_lines(path: Path) -> list[Line]:
    """All rows of a UTF-8 file; blank lines are skipped, a byte order mark is allowed.

    Raises:
        DatasetError: no such file, no rows, bad UTF-8, or a line that is no JSON object.
    """
    lines = list(_parse(path))
    if not lines:
        raise DatasetError(path, "the file has no rows")
    return lines


def _parse(path: Path) -> Iterator[Line]:
    if not path.is_file():
        raise DatasetError(path, "there is no such file")
    # Split at \n alone: a text may hold U+2028, which str.splitlines would take for the end of a line.
    for number, raw in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            value = json.loads(text) if text else None
        except UnicodeDecodeError as exc:
            raise DatasetError(path, f"not UTF-8 (byte {exc.start} of the line)", line=number) from exc
        except json.JSONDecodeError as exc:
            raise DatasetError(path, f"no JSON: {exc.msg} at column {exc.colno}", line=number) from exc
        if not text:
            continue
        if not isinstance(value, dict):
            raise DatasetError(path, "a JSON object is needed", line=number)
        yield Line(path, number, value)
