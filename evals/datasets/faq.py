"""faq.jsonl: the entries that queries are held against."""

from collections.abc import Sequence
from pathlib import Path

from evals.datasets.jsonl import read_lines
from evals.errors import DatasetError
from knowledge.types import Entry, Source


def read_faq(path: Path) -> list[Entry]:
    """Entries in the file's order; an answer may be empty here.

    A line holds "id" and "question", and may hold "answer", "similar_questions", "category", "lang" (or "language")
    and "tags".

    Raises:
        DatasetError: a field is missing or of the wrong type, or an id occurs twice.
    """
    entries: dict[str, Entry] = {}
    for line in read_lines(path):
        entry = Entry(
            id=line.label("id"),
            question=line.text("question"),
            answer=line.text("answer", default=""),
            similar_questions=line.texts("similar_questions", optional=True),
            category=line.text("category", default=""),
            language=line.text("lang", default=line.text("language", default="")),
            tags=line.texts("tags", optional=True),
            sources=(Source(file=path.name, place=f"line {line.number}"),),
        )
        if entry.id in entries:
            raise DatasetError(path, f"{entry.id!r} occurs a second time", line=line.number, field="id")
        entries[entry.id] = entry
    return list(entries.values())


def missing_ids(wanted: Sequence[tuple[str, ...]], entries: Sequence[Entry]) -> list[str]:
    """The relevant ids that no entry has: a query that needs one can never be right, which is worth a warning."""
    known = {entry.id for entry in entries}
    return sorted({i for ids in wanted for i in ids if i not in known})
