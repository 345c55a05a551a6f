"""Which column of a table holds what: found by the header's names, told by --map, or clear from what the cells hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ingest.records import RejectedField
from ingest.sources.cells import Cell, Row, column_letters
from ingest.sources.names import FIELDS, canonical, fold, weakly
from ingest.sources.questions import is_question

_LOOKED_AT = 10  # rows in which the header is looked for: titles and remarks may stand above it
_SHOWN = 8  # columns that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the fields of a table are."""

    fields: Mapping[str, tuple[int, ...]]  # field -> its columns from 0; several of answers and similar questions only
    names: tuple[str, ...]  # of the columns, as the header has them; "" where it has none
    skip: int  # rows at the front that are no entries: titles, the header
    text: str  # for a person to check: "columns: question=问题, answer=答复; not used: 备注"


def wanted_columns(mapping: Mapping[str, str]) -> Mapping[str, str]:
    """Bring the fields of --map to the names that they have here.

    Raises:
        RejectedField: there is no such field.
    """
    wanted: dict[str, str] = {}
    for name, column in mapping.items():
        field = name if name in FIELDS else canonical(name)
        if field is None:
            raise RejectedField(
                f"--map {name}={column}: there is no field {name!r}; the fields are {', '.join(FIELDS)}"
            )
        wanted[field] = column
    return wanted


def find_columns(sample: Sequence[Row], mapping: Mapping[str, str]) -> Columns:
    """Find the columns of a table by its first rows.

    Args:
        sample: rows with at least one cell that is not empty; at least one.
        mapping: field -> the name, letter or number of the column that holds it; it goes before all guesses.

    Raises:
        RejectedField: no column holds questions for sure; the message tells how to name one.
    """
    wanted = wanted_columns(mapping)
    candidates = [(_header(sample, index), index + _depth(sample, index)) for index in range(len(sample[:_LOOKED_AT]))]
    known = [(_fields(names, wanted), names, skip) for names, skip in candidates]
    for fields, names, skip in known:
        if fields is not None and {"question", "answer"} <= fields.keys() and _is_header(fields, wanted, names):
            return _columns(fields, names, skip)
    for index, (fields, names, skip) in enumerate(known):
        lone = index > 0 and len(fields or ()) == 1  # below the first row, one name may be anything
        if fields is not None and "question" in fields and not lone and _is_header(fields, wanted, names):
            return _columns(fields, names, skip)
    if wanted:
        return _by_letters(sample, wanted, [names for names, _ in candidates])
    for names, skip in candidates:
        weak = {field: (column,) for column, name in reversed(list(enumerate(names))) if (field := weakly(name))}
        if len(weak) == 2:
            others = _fields(names, {}) or {}
            return _columns({**others, **weak}, names, skip)
    return _by_content(sample)


def _header(sample: Sequence[Row], index: int) -> tuple[str, ...]:
    """Give the names that a row would give to the columns; a name merged over several columns names all of them."""
    upper = [_name(cell) for cell in sample[index].cells]
    if _depth(sample, index) == 1:
        return tuple(upper)
    lower = [_name(cell) if not (isinstance(cell, Cell) and cell.above) else "" for cell in sample[index + 1].cells]
    lower += [""] * (len(upper) - len(lower))
    upper += [""] * (len(lower) - len(upper))
    return tuple(_joined(*pair) for pair in zip(upper, lower, strict=True))


def _depth(sample: Sequence[Row], index: int) -> int:
    """Tell whether a header takes two rows: then cells of the first go on into the second."""
    if index + 1 >= len(sample) or any(isinstance(cell, Cell) and cell.above for cell in sample[index].cells):
        return 1
    return 1 + any(isinstance(cell, Cell) and cell.above and canonical(cell) for cell in sample[index + 1].cells)


def _name(cell: str) -> str:
    return " ".join((cell or (cell.left if isinstance(cell, Cell) else "")).split())[:200]


def _joined(upper: str, lower: str) -> str:
    """Name a column below two header cells: the one that says what it is, or both."""
    if not (upper and lower):
        return upper or lower
    if canonical(f"{upper} {lower}"):
        return f"{upper} {lower}"
    return lower if canonical(lower) or not canonical(upper) else upper


def _fields(names: Sequence[str], wanted: Mapping[str, str]) -> dict[str, tuple[int, ...]] | None:
    """Find the fields among the names of columns; None if one that is wanted by name is not there."""
    fields: dict[str, tuple[int, ...]] = {}
    for field, spec in wanted.items():
        columns = _resolve(spec, names, several=field == "similar_questions")
        if columns is None:
            return None
        fields[field] = columns
    taken = {column for columns in fields.values() for column in columns}
    for column, name in enumerate(names):
        found = canonical(name) if name and column not in taken else None
        if found is None or found in wanted:
            continue
        again = found == "similar_questions" or (found == "answer" and fold(name) == fold(names[column - 1]))
        if found not in fields or again:
            fields[found] = (*fields.get(found, ()), column)
    return fields


def _resolve(spec: str, names: Sequence[str], *, several: bool) -> tuple[int, ...] | None:
    """Find the column that is named, by its name, letter or number; of several, one after the other."""
    folded = fold(spec)
    for column, name in enumerate(names):
        if name and fold(name) == folded:
            return (column,)
    number = spec.strip()
    if number.isascii() and number.isdigit():
        return (int(number) - 1,) if 0 < int(number) <= len(names) else None
    if number.isascii() and number.isalpha() and len(number) <= 3:
        letters = column_letters(len(names))
        return (letters.index(number.upper()),) if number.upper() in letters else None
    if several and any(mark in spec for mark in ",，|"):
        parts = [_resolve(part, names, several=False) for part in spec.replace("，", ",").replace("|", ",").split(",")]
        return tuple(column for part in parts for column in part or ()) if all(parts) else None
    return None


def _is_header(fields: Mapping[str, tuple[int, ...]], wanted: Mapping[str, str], names: Sequence[str]) -> bool:
    """Tell whether a row names columns: by a known name, or by one that --map gives."""
    given = {fold(spec) for spec in wanted.values()}
    columns = [column for columns in fields.values() for column in columns if column < len(names)]
    return any(fold(names[column]) in given or canonical(names[column]) is not None for column in columns)


def _by_letters(sample: Sequence[Row], wanted: Mapping[str, str], headers: Sequence[Sequence[str]]) -> Columns:
    """Take columns that --map gives by letter or number where there is no header that is known."""
    width = max(len(row.cells) for row in sample)
    blank = [""] * width
    for field, spec in wanted.items():
        if _resolve(spec, blank, several=field == "similar_questions") is None:
            shown = max(headers, key=lambda names: (sum(map(bool, names)) > 1, -headers.index(names)))
            raise RejectedField(f"--map {field}={spec}: there is no such column; the columns are {_shown(shown)}")
    fields = _fields(blank, wanted) or {}
    if "question" not in fields:
        raise RejectedField(f"{_NO_QUESTION}; {_help(headers[0])}")
    questions = [_cell(row, fields["question"][0]) for row in sample]
    titled = not is_question(questions[0]) and sum(map(is_question, questions[1:])) * 2 >= len(questions) > 1
    return _columns(fields, headers[0] if titled else blank, 1 if titled else 0)


_NO_QUESTION = "no column is called question or 问题"


def _by_content(sample: Sequence[Row]) -> Columns:
    """Take a table of two columns without known names if one clearly holds questions and the other does not."""
    used = sorted({column for row in sample for column, cell in enumerate(row.cells) if cell.strip()})
    header = _header(sample, 0)
    if len(used) == 2 and len(sample) > 1:
        shares = [sum(is_question(_cell(row, column)) for row in sample[1:]) / (len(sample) - 1) for column in used]
        question, answer = used if shares[0] >= shares[1] else used[::-1]
        full = all(_cell(row, column).strip() for row in sample for column in used)
        if full and max(shares) >= 0.8 and min(shares) <= 0.2:
            titled = not is_question(_cell(sample[0], question))
            names = header if titled else [""] * len(header)
            if not titled or len(sample) > 3:
                return _columns({"question": (question,), "answer": (answer,)}, names, int(titled), guessed=True)
    raise RejectedField(f"{_NO_QUESTION}; {_help(header)}")


def _help(header: Sequence[str]) -> str:
    first = next((name for name in header if name), "A")
    return f"the columns are {_shown(header)}; name the right one with --map question={first[:30]}"


def _columns(
    fields: Mapping[str, tuple[int, ...]], names: Sequence[str], skip: int, *, guessed: bool = False
) -> Columns:
    letters = column_letters(max([len(names), *(column + 1 for columns in fields.values() for column in columns)]))
    padded = [*names, *[""] * (len(letters) - len(names))]

    def shown(column: int) -> str:
        return padded[column][:40] or f"column {letters[column]}"

    used = {column for columns in fields.values() for column in columns}
    text = "columns: " + ", ".join(f"{field}={' + '.join(map(shown, columns))}" for field, columns in fields.items())
    unused = [shown(column) for column, name in enumerate(names) if name and column not in used]
    if unused:
        more = f" and {len(unused) - _SHOWN} more" if len(unused) > _SHOWN else ""
        text += f"; not used: {', '.join(unused[:_SHOWN])}{more}"
    if not any(names):
        text += "; the first row is read as an entry"
    if guessed:
        text += "; guessed by what they hold"
    return Columns(fields=dict(fields), names=tuple(padded), skip=skip, text=text)


def _shown(names: Sequence[str]) -> str:
    letters = column_letters(len(names))
    listed = [f"{letter} {name[:30]!r}" for letter, name in zip(letters, names, strict=True) if name]
    return ", ".join(listed[:_SHOWN]) + (f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else "")


def _cell(row: Row, column: int) -> str:
    return row.cells[column] if column < len(row.cells) else ""
