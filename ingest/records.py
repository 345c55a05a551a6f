"""What readers give: records with their origin, or the reason why there is none."""

from dataclasses import dataclass
from datetime import datetime

from knowledge.types import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One question with its answer, as one place of a file has it."""

    question: str
    source: Source
    answer: str = ""
    similar_questions: tuple[str, ...] = ()
    category: str = ""
    language: str = ""  # as the file says; empty when it does not
    tags: tuple[str, ...] = ()
    id: str = ""  # as the file says; empty when it does not
    valid_from: datetime | None = None  # aware
    valid_until: datetime | None = None  # aware; exclusive
    half_of: str = ""  # names the entry of which the record is one half, its questions or its answer; "" of whole ones
    prose: bool = False  # a passage of running text: the question is the headings above it, which others may share


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Something that was guessed or left out and that a person may want to check: an encoding, columns, a sheet."""

    source: Source  # place is "" when the whole file is meant
    text: str  # "read as GB18030", "columns: question=问题, answer=答复; not used: 备注"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A place of a file that gave no record, and why; the file's other records are kept."""

    source: Source  # place is "" when the whole file is meant
    reason: str  # one sentence with what to mend


class RejectedField(ValueError):
    """A value that cannot become part of a record; the message is the reason of the rejection."""
