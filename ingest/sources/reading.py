"""Which files are read, by which reader."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ingest.records import Rejection
from ingest.sources.csv_file import read_csv
from ingest.sources.document import Document, Item, Reader, ReadOptions
from ingest.sources.jsonl_file import read_jsonl
from ingest.sources.markdown_file import read_markdown
from knowledge.types import Source

READERS: Mapping[str, Reader] = {
    ".csv": read_csv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".md": read_markdown,
    ".markdown": read_markdown,
}


def read_all(paths: Sequence[Path], options: ReadOptions) -> Iterator[Item]:
    """Read files, and all files of known kinds below folders, in order.

    A file that cannot be read, or is of a kind that cannot, is a rejection; the others are read all the same.
    """
    for path in paths:
        if path.is_dir():
            for file in _files_below(path):
                yield from _read(file, file.relative_to(path).as_posix(), options)
        else:
            yield from _read(path, path.name, options)


def _files_below(folder: Path) -> Iterator[Path]:
    """Give the files of known kinds, sorted; hidden ones and links out of the folder are left alone."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(parent, name)
            if file.suffix.lower() in READERS and not name.startswith(".") and not file.is_symlink():
                yield file


def _read(path: Path, name: str, options: ReadOptions) -> Iterator[Item]:
    whole = Source(file=name, place="")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        kinds = ", ".join(READERS)
        yield Rejection(source=whole, reason=f"files of the kind {path.suffix!r} are not read; those of {kinds} are")
        return
    try:
        size, allowed = path.stat().st_size, options.limits.max_file_bytes
        if size > allowed:
            yield Rejection(
                source=whole,
                reason=f"the file has {size >> 20} MB; up to {allowed >> 20} MB are allowed, split it",
            )
            return
        yield from reader(Document(path=path, name=name), options)
    except OSError as exc:
        yield Rejection(source=whole, reason=f"the file cannot be read ({exc.strerror or exc})")
