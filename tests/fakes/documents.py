"""Files that are written and read by the reader that their name asks for, in this process."""

from dataclasses import dataclass, field

from ingest.records import Note, Record, Rejection
from ingest.sources.document import Document, ReadOptions
from ingest.sources.registry import READERS


@dataclass
class Read:
    """What a file held, sorted by kind."""

    records: list[Record] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    @property
    def pairs(self):
        return [(record.question, record.answer) for record in self.records]

    @property
    def reasons(self):
        return [f"{each.source.place}: {each.reason}" for each in self.rejections]

    @property
    def noted(self):
        return [f"{each.source.place}: {each.text}" for each in self.notes]


def read_file(path, **options):
    """Read a file as an ingest does, but for the worker process."""
    found = Read()
    for item in READERS[path.suffix.lower()].load()(Document(path=path, name=path.name), ReadOptions(**options)):
        match item:
            case Record():
                found.records.append(item)
            case Rejection():
                found.rejections.append(item)
            case Note():
                found.notes.append(item)
    return found


def read_content(folder, name, content, **options):
    """Write a file and read it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_file(path, **options)
