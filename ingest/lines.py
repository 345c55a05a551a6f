"""Files of one JSON value a line: examples to learn from, questions to answer."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line, and where a person finds it."""

    row: Any
    place: str  # "intents.jsonl, line 2"


def read_lines(path: Path, error: Callable[[str], Exception]) -> Iterator[Line]:
    """Read the lines of a file; empty ones are passed over.

    Args:
        path: UTF-8, with or without a byte order mark.
        error: makes the exception to raise from a sentence that says what is wrong where: the file cannot be read, or
            a line is not JSON.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # not splitlines(): U+2028 may stand inside a JSON text
    except (OSError, UnicodeDecodeError) as cause:
        raise error(f"{path} cannot be read: {cause}") from cause
    for number, line in enumerate(lines, 1):
        place = f"{path.name}, line {number}"
        if line.strip():
            try:
                yield Line(row=json.loads(line), place=place)
            except ValueError as cause:
                raise error(f"{place}: not JSON ({cause})") from cause
