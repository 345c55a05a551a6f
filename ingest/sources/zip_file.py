"""ZIP: its members, unpacked one by one, without trusting anything that the archive says about itself."""

import io
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from ingest.limits import Limits
from ingest.records import Note, RejectedField, Rejection
from ingest.sources.checked import safe_name
from ingest.sources.document import Document
from knowledge.types import Source

_CHUNK: Final = 256 * 1024
_DIRECTORY_BYTES: Final = 4 * 1024 * 1024  # of names at the end of an archive: ten thousand long ones are half of it
_ALWAYS_BYTES: Final = 8 * 1024 * 1024  # a member may unpack to, however small it is packed
_ALWAYS_TOTAL: Final = 64 * 1024 * 1024  # the same for an archive
_METHODS: Final = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others have no bound on the memory that they take
_ENCRYPTED, _UTF8 = 0x1, 0x800  # of a member's flags
_DRIVE = re.compile(r"[A-Za-z]:")
_KINDS: Final = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


@dataclass(slots=True)
class Budget:
    """What an archive may still unpack to, with all the archives in it."""

    left_bytes: int
    left_members: int
    taken: int = field(default=0)  # files made so far: their names

    @classmethod
    def of(cls, path: Path, limits: Limits) -> "Budget":
        """Give the budget of an outermost archive, by its real size."""
        most = max(_ALWAYS_TOTAL, limits.max_archive_ratio * path.stat().st_size)
        return cls(min(most, limits.max_archive_bytes), limits.max_archive_members)


def members(archive: Document, folder: Path, limits: Limits, budget: Budget) -> Iterator[Document | Rejection | Note]:
    """Unpack the files of an archive one by one, in the order of their names.

    Hidden files and those that macOS adds are skipped without a word. A member that is encrypted, is no ordinary file,
    leads out of the archive, or is suspiciously large is a rejection, and the others are given all the same.

    Args:
        archive: the ZIP file.
        folder: where each is put; it is removed when the next is asked for.
        limits: of sizes.
        budget: of the outermost archive; what is unpacked is taken from it.

    Raises:
        OSError: the archive cannot be read, or there is no room to unpack.
    """
    whole = Source(file=archive.name, place="")
    try:
        with _Careful(archive.path) as raw, zipfile.ZipFile(raw) as opened:
            yield from _each(opened, archive, folder, limits, budget)
    except RejectedField as exc:
        yield Rejection(source=whole, reason=str(exc))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, ValueError, EOFError) as exc:
        reason = f"the archive is damaged or not a ZIP file ({exc or type(exc).__name__}); pack it again"
        yield Rejection(source=whole, reason=reason)


def _each(
    opened: zipfile.ZipFile, archive: Document, folder: Path, limits: Limits, budget: Budget
) -> Iterator[Document | Rejection | Note]:
    infos = sorted(((_name(info), info) for info in opened.infolist() if not info.is_dir()), key=lambda pair: pair[0])
    if any(not info.flag_bits & _UTF8 and not info.orig_filename.isascii() for _, info in infos):
        yield Note(
            source=Source(file=archive.name, place=""), text="the names in the archive were read as UTF-8 or GBK"
        )
    seen: set[str] = set()
    for name, info in infos:
        if _is_litter(name):
            continue
        if budget.left_members <= 0:
            reason = (
                f"an archive may hold up to {limits.max_archive_members} files; those from {name!r} on are not read"
            )
            yield Rejection(source=Source(file=archive.name, place=""), reason=reason)
            return
        budget.left_members -= 1
        why = "it occurs twice in the archive; only the first is read" if name in seen else _refusal(name, info)
        seen.add(name)
        if why:
            yield Rejection(source=Source(file=archive.name, place=safe_name(name)), reason=why)
            continue
        yield from _unpacked(
            opened, info, Document(path=archive.path, name=f"{archive.name}/{name}"), folder, limits, budget
        )
        if budget.left_bytes <= 0:
            reason = f"it unpacks to too much for its size, as only a zip bomb does; nothing behind {name!r} is read"
            yield Rejection(source=Source(file=archive.name, place=""), reason=reason)
            return


def _unpacked(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, member: Document, folder: Path, limits: Limits, budget: Budget
) -> Iterator[Document | Rejection]:
    """Give one member as a file of its own, for as long as the caller looks at it."""
    budget.taken += 1
    name = safe_name(member.name)
    path = folder / f"{budget.taken}{PurePosixPath(member.name).suffix.lower()[:16]}"
    try:
        _unpack(opened, info, path, min(info.compress_size, member.path.stat().st_size), limits, budget)
        yield Document(path=path, name=name)
    except RejectedField as exc:
        yield Rejection(source=Source(file=name, place=""), reason=str(exc))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError) as exc:
        reason = f"it cannot be unpacked ({exc or type(exc).__name__}); pack the archive again"
        yield Rejection(source=Source(file=name, place=""), reason=reason)
    finally:
        path.unlink(missing_ok=True)


def _unpack(
    opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, packed: int, limits: Limits, budget: Budget
) -> None:
    most = min(max(_ALWAYS_BYTES, limits.max_archive_ratio * packed), limits.max_file_bytes)
    written = 0
    with opened.open(info) as packed_file, path.open("xb") as file:
        while chunk := packed_file.read(_CHUNK):
            written += len(chunk)
            budget.left_bytes -= len(chunk)
            if written > limits.max_file_bytes:
                raise RejectedField(f"it unpacks to more than {limits.max_file_bytes >> 20} MB; split it")
            if written > most:
                raise RejectedField(
                    f"it unpacks to more than {most >> 20} MB from {packed >> 10} KB, as only a zip bomb does"
                )
            if budget.left_bytes <= 0:
                raise RejectedField("the archive unpacks to too much for its size, as only a zip bomb does")
            file.write(chunk)


def _name(info: zipfile.ZipInfo) -> str:
    """Give a member's name: UTF-8 if it says so, else UTF-8 or GBK, whichever it is; never a path to be used."""
    name = info.orig_filename
    if not info.flag_bits & _UTF8:
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return name.split("\0")[0].replace("\\", "/")


def _is_litter(name: str) -> bool:
    """Tell whether a file is there for a program, not for a reader: .DS_Store, __MACOSX/…, Thumbs.db."""
    parts = name.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
    return hidden or "__MACOSX" in parts or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _refusal(name: str, info: zipfile.ZipInfo) -> str:
    """Say why a member is not unpacked, "" if it is."""
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == 3 else 0
    if kind not in (0, stat.S_IFREG):
        return f"it is {_KINDS.get(kind, 'a device')}, not a file; pack the file itself"
    if ".." in name.split("/") or name.startswith("/") or _DRIVE.match(name):
        return "its name leads out of the archive; pack it again with plain names"
    if not name or name.endswith("/"):
        return "it has no name"
    if info.flag_bits & _ENCRYPTED:
        return "it is encrypted; pack it without a password"
    if info.compress_type not in _METHODS:
        return "it is packed in a way that is not read; pack it as an ordinary ZIP (deflate)"
    return ""


class _Careful(io.BufferedReader):
    """A file that refuses to be read in large pieces: `zipfile` reads the list of members in one."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._size - self.tell() if size is None or size < 0 else size
        if wanted > _DIRECTORY_BYTES:
            raise RejectedField(f"its list of files is longer than {_DIRECTORY_BYTES >> 20} MB; pack fewer files")
        return super().read(size)
