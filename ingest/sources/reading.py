"""Which files are read, by which reader: given ones, those below folders, and those in archives."""

import logging
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ingest.records import Note, Rejection
from ingest.sources.checked import checked, one_line, safe_name
from ingest.sources.document import Document, Item, ReadOptions
from ingest.sources.registry import READERS, Format
from ingest.sources.sandbox import Sandbox
from ingest.sources.scratch import scratch_folder
from ingest.sources.zip_file import Budget, members
from knowledge.types import Source

__all__ = ["READERS", "SourceReader", "read_all"]

log = logging.getLogger(__name__)

_ARCHIVE: Final = ".zip"
_OTHER_KINDS: Final = {  # what to do with files that many companies have and that are not read
    **dict.fromkeys((".doc", ".odt", ".rtf", ".wps", ".pages"), "save it as .docx"),
    **dict.fromkeys((".ods", ".et", ".numbers", ".xlsb"), "save it as .xlsx or .csv"),
    **dict.fromkeys((".ppt", ".pptx", ".key"), "save it as .pdf"),
    **dict.fromkeys(
        (".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"), "unpack it and give the folder, or make a .zip"
    ),
}
_SPECIAL: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_KINDS_SHOWN = 8


def read_all(paths: Sequence[Path], options: ReadOptions) -> Iterator[Item]:
    """Read files, all files of known kinds below folders, and all of those in archives, in order.

    A file that cannot be read, or is of a kind that cannot, is a rejection; the others are read all the same.
    """
    with SourceReader(options) as reader:
        for path in paths:
            yield from reader.read(path)


class SourceReader:
    """Reads path after path, each file once, with one worker for all that must be read apart. For one thread."""

    def __init__(self, options: ReadOptions, *, scratch: Path | None = None) -> None:
        """Take the options.

        Args:
            options: of reading.
            scratch: where archives are unpacked; by default where the system keeps temporary files.
        """
        self._options = options
        self._scratch = scratch
        self._stack = ExitStack()
        self._sandbox = self._stack.enter_context(Sandbox())
        self._folder: Path | None = None
        self._seen: set[Path] = set()

    def __enter__(self) -> Self:
        """Give the reader."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the worker and remove what was unpacked."""
        self._stack.close()

    def read(self, path: Path) -> Iterator[Item]:
        """Read a file, or all below a folder."""
        if path.is_dir():
            yield from self._folder_items(path)
        else:
            yield from self._file(Document(path=path, name=safe_name(path.name)))

    def _folder_items(self, folder: Path) -> Iterator[Item]:
        left, links = Counter[str](), 0
        for found in _below(folder):
            if isinstance(found, Rejection):
                yield found
            elif found.is_symlink():
                links += 1
            elif found.suffix.lower() in READERS or found.suffix.lower() == _ARCHIVE:
                name = safe_name(found.relative_to(folder).as_posix())
                yield from self._file(Document(path=found, name=name))
            else:
                left[safe_name(found.suffix.lower()[:16] or found.name[:40])] += 1
        if left or links:
            name = f"{safe_name(folder.resolve().name)}/"
            yield Note(source=Source(file=name, place=""), text=_left_out(left, links))

    def _file(self, document: Document) -> Iterator[Item]:
        """Read one file on disk, once, and only if it is an ordinary one that nobody changes meanwhile."""
        whole = Source(file=document.name, place="")
        try:
            before = document.path.stat()
            kind = stat.S_IFMT(before.st_mode)
            if kind != stat.S_IFREG:
                reason = f"it is {_SPECIAL.get(kind, 'no file')}, not an ordinary file; save what it gives as a file"
                yield Rejection(source=whole, reason=reason)
                return
            real = document.path.resolve()
            if real in self._seen:
                yield Note(source=whole, text="it was given twice and read once")
                return
            self._seen.add(real)
            yield from self._items(document, before.st_size, depth=0, budget=None)
            after = document.path.stat()
            if (before.st_mtime_ns, before.st_size, before.st_ino) != (after.st_mtime_ns, after.st_size, after.st_ino):
                yield Rejection(source=whole, reason="the file was changed while it was read; read it again")
        except OSError as exc:
            yield Rejection(source=whole, reason=f"the file cannot be read ({exc.strerror or exc})")

    def _items(self, document: Document, size: int, *, depth: int, budget: Budget | None) -> Iterator[Item]:
        """Read a file by its kind; an archive, member by member."""
        whole = Source(file=document.name, place="")
        suffix = document.path.suffix.lower()
        form, allowed = READERS.get(suffix), self._options.limits.max_file_bytes
        if form is None and suffix != _ARCHIVE:
            yield Rejection(source=whole, reason=_unknown(suffix))
        elif size > allowed:
            reason = f"the file has {size >> 20} MB; up to {allowed >> 20} MB are allowed, split it"
            yield Rejection(source=whole, reason=reason)
        elif form is None:
            yield from self._archive(document, depth=depth + 1, budget=budget)
        elif form.apart:
            yield from self._sandbox.read(document, self._options, form)
        else:
            yield from self._here(document, form)

    def _here(self, document: Document, form: Format) -> Iterator[Item]:
        try:
            yield from checked(form.load()(document, self._options), self._options.limits)
        except (MemoryError, OSError):
            raise
        except Exception as exc:  # the edge: a defect of one reader must not cost the other files
            log.exception("the reader of %s failed", document.name)
            reason = one_line(f"the reader failed ({type(exc).__name__}: {exc}); mend the file or save it anew")
            yield Rejection(source=Source(file=document.name, place=""), reason=reason)

    def _archive(self, archive: Document, *, depth: int, budget: Budget | None) -> Iterator[Item]:
        limits = self._options.limits
        if depth > limits.max_archive_depth:
            reason = f"archives are read up to {limits.max_archive_depth} deep; unpack the outer ones"
            yield Rejection(source=Source(file=archive.name, place=""), reason=reason)
            return
        if self._folder is None:
            self._folder = self._stack.enter_context(scratch_folder(self._scratch))
        budget = budget or Budget.of(archive.path, limits)
        left, found = Counter[str](), False
        for member in members(archive, self._folder, limits, budget):
            found = True
            if not isinstance(member, Document):
                yield member
                continue
            suffix = member.path.suffix
            if suffix in READERS or suffix == _ARCHIVE:
                yield from self._items(member, member.path.stat().st_size, depth=depth, budget=budget)
            else:
                left[suffix or member.name.rpartition("/")[2][:40]] += 1
        if left:
            yield Note(source=Source(file=archive.name, place=""), text=_left_out(left, 0))
        if not found:
            yield Rejection(source=Source(file=archive.name, place=""), reason="the archive holds no files")


def _below(folder: Path) -> Iterator[Path | Rejection]:
    """Give the files below a folder, sorted, and the folders that cannot be read; hidden ones are left alone."""
    unreadable: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)
        yield from (Path(parent, name) for name in folders if Path(parent, name).is_symlink())
    for exc in unreadable:
        name = safe_name(Path(str(exc.filename)).relative_to(folder).as_posix())
        reason = f"the folder cannot be read ({exc.strerror or exc})"
        yield Rejection(source=Source(file=f"{name}/", place=""), reason=reason)


def _unknown(suffix: str) -> str:
    what = f"files of the kind {safe_name(suffix)!r}" if suffix else "files without a kind in their name"
    known = ", ".join((*READERS, _ARCHIVE))
    return f"{what} are not read; {_OTHER_KINDS.get(suffix) or f'those of {known} are'}"


def _left_out(left: Counter[str], links: int) -> str:
    parts = []
    if left:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in sorted(left.items())[:_KINDS_SHOWN])
        more = ", …" if len(left) > _KINDS_SHOWN else ""
        parts.append(f"files of other kinds were left out: {kinds}{more}")
    if links:
        parts.append(f"links were not followed: {links}")
    return "; ".join(parts)
