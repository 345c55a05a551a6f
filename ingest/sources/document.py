"""What a reader is given and what it gives; every format has one reader of this shape."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path

from ingest.limits import Limits
from ingest.records import Note, Record, Rejection


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file to be read."""

    path: Path  # where its bytes are; of a file from an archive, a temporary copy
    name: str  # how it is called in sources and reports: "faq.csv", "help/returns.html", "export.zip/faq.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How documents are read; the same for all of one ingest."""

    limits: Limits = field(default_factory=Limits)
    zone: tzinfo = UTC  # of dates that name none
    columns: Mapping[str, str] = field(default_factory=dict)  # field -> the column or key that holds it: --map


Item = Record | Rejection | Note

# Gives what a document holds, in its order; raises OSError if the file cannot be read. What else a library raises on
# damaged input is the reader's own business: it gives a Rejection that names the place.
Reader = Callable[[Document, ReadOptions], Iterator[Item]]
