"""What SQLite asks of the disk, written down; and what a disk may hold after the power went at any moment of it.

The recorder stands between SQLite and its own access to files (a VFS, https://www.sqlite.org/vfs.html), for all
connections of this process that are opened meanwhile: whatever runs above it is what runs in production. A cut keeps
what was synchronised, and of what was not any part: nothing, all of it, or some of the writes, the last of them torn
between two sectors. That is what files may look like after a crash of the system (Pillai et al. 2014, "All File
Systems Are Not Created Equal"). A file that was made or deleted is so for good when its folder was synchronised, too.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

SECTOR = 512  # bytes, which a disk writes wholly or not at all


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at an offset."""

    path: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """The file ends here."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """All that was written to the file before is on the disk now."""

    path: str


@dataclass(frozen=True, slots=True)
class Delete:
    """The file is not in its folder any more."""

    path: str


@dataclass(frozen=True, slots=True)
class SyncFolder:
    """Which files there are in the folder is on the disk now."""

    path: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that the program said, such as an acknowledgement."""

    what: Any


Step = Write | Truncate | Sync | Delete | SyncFolder | Mark
Trace = list[Step]


# -- recording


class _Methods(ctypes.Structure):  # sqlite3_io_methods, https://www.sqlite.org/c3ref/io_methods.html
    _fields_ = (
        ("version", ctypes.c_int),
        *((name, ctypes.c_void_p) for name in ("close", "read", "write", "truncate", "sync", *map(str, range(13)))),
    )


class _File(ctypes.Structure):  # sqlite3_file
    _fields_ = (("methods", ctypes.POINTER(_Methods)),)


class _Vfs(ctypes.Structure):  # sqlite3_vfs, https://www.sqlite.org/c3ref/vfs.html
    _fields_ = (
        ("version", ctypes.c_int),
        ("file_size", ctypes.c_int),
        ("path_size", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("name", ctypes.c_char_p),
        ("data", ctypes.c_void_p),
        ("open", ctypes.c_void_p),
        ("delete", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in map(str, range(11))),
        ("set_system_call", ctypes.c_void_p),
        ("get_system_call", ctypes.c_void_p),
        ("next_system_call", ctypes.c_void_p),
    )


_FILE, _VFS = ctypes.POINTER(_File), ctypes.POINTER(_Vfs)
# The path is a bare address: SQLite keeps it, and what it lies before must be its own.
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _VFS, ctypes.c_void_p, _FILE, ctypes.c_int, ctypes.POINTER(ctypes.c_int))
_DELETE = ctypes.CFUNCTYPE(ctypes.c_int, _VFS, ctypes.c_char_p, ctypes.c_int)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _FILE, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _FILE, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _FILE, ctypes.c_int)
_OPEN_FOLDER = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(ctypes.c_int))
_SET_CALL = ctypes.CFUNCTYPE(ctypes.c_int, _VFS, ctypes.c_char_p, ctypes.c_void_p)
_GET_CALL = ctypes.CFUNCTYPE(ctypes.c_void_p, _VFS, ctypes.c_char_p)
_FOLDER = b"openDirectory"  # SQLite opens a folder for one reason: to synchronise it


class _Recorder:
    def __init__(self, library: ctypes.CDLL, trace: Trace) -> None:
        self._trace = trace
        self._find = library.sqlite3_vfs_find
        self._find.restype = _VFS
        self._below = self._find(None)
        self._paths: dict[int, str] = {}  # of open files, by their address
        self._methods: dict[int, _Methods] = {}  # ours, by the address of SQLite's
        self._kept: list[object] = []  # what C code refers to must not be collected
        self.vfs = _Vfs()
        ctypes.pointer(self.vfs)[0] = self._below.contents
        self.vfs.name = b"kefu-recorder"
        self.vfs.open = self._address(_OPEN(self._open))
        self.vfs.delete = self._address(_DELETE(self._delete))
        below = self._below.contents
        self._set_call = _SET_CALL(below.set_system_call)
        self._open_folder = _OPEN_FOLDER(_GET_CALL(below.get_system_call)(self._below, _FOLDER))
        self._set_call(self._below, _FOLDER, self._address(_OPEN_FOLDER(self._folder)))

    def stop(self) -> None:
        self._set_call(self._below, _FOLDER, None)

    def _address(self, function: Any) -> int | None:
        self._kept.append(function)
        return ctypes.cast(function, ctypes.c_void_p).value

    def _open(self, vfs: Any, path: int | None, file: Any, flags: int, out: Any) -> int:
        code: int = _OPEN(self._below.contents.open)(self._below, path, file, flags, out)
        if code == 0 and path is not None and file.contents.methods:
            self._paths[ctypes.addressof(file.contents)] = ctypes.string_at(path).decode()
            file.contents.methods = ctypes.pointer(self._recorded(file.contents.methods))
        return code

    def _recorded(self, theirs: Any) -> _Methods:
        address = ctypes.addressof(theirs.contents)
        if address not in self._methods:
            ours = self._methods[address] = _Methods()
            ctypes.pointer(ours)[0] = theirs.contents
            write, truncate, sync = _WRITE(ours.write), _TRUNCATE(ours.truncate), _SYNC(ours.sync)
            ours.write = self._address(_WRITE(self._writing(write)))
            ours.truncate = self._address(_TRUNCATE(self._truncating(truncate)))
            ours.sync = self._address(_SYNC(self._syncing(sync)))
        return self._methods[address]

    def _path(self, file: Any) -> str:
        return self._paths[ctypes.addressof(file.contents)]

    def _writing(self, write: Callable[..., int]) -> Callable[..., int]:
        def recorded(file: Any, data: int, size: int, offset: int) -> int:
            self._trace.append(Write(self._path(file), offset, ctypes.string_at(data, size)))
            return write(file, data, size, offset)

        return recorded

    def _truncating(self, truncate: Callable[..., int]) -> Callable[..., int]:
        def recorded(file: Any, size: int) -> int:
            self._trace.append(Truncate(self._path(file), size))
            return truncate(file, size)

        return recorded

    def _syncing(self, sync: Callable[..., int]) -> Callable[..., int]:
        def recorded(file: Any, flags: int) -> int:
            code = sync(file, flags)
            self._trace.append(Sync(self._path(file)))  # from now on
            return code

        return recorded

    def _delete(self, vfs: Any, path: bytes, sync_folder: int) -> int:
        self._trace.append(Delete(path.decode()))
        code: int = _DELETE(self._below.contents.delete)(self._below, path, sync_folder)
        return code

    def _folder(self, path: bytes, descriptor: Any) -> int:
        self._trace.append(SyncFolder(str(Path(path.decode()).parent)))
        code: int = self._open_folder(path, descriptor)
        return code


_forever: list[_Recorder] = []  # a file that stays open after the recording still calls us


@contextmanager
def recording() -> Iterator[Trace]:
    """Write down what SQLite does with files that are opened from now on, until the end."""
    import _sqlite3

    trace: Trace = []
    library = ctypes.CDLL(_sqlite3.__file__)  # finds the very SQLite that Python's module is linked to
    recorder = _Recorder(library, trace)
    _forever.append(recorder)
    assert library.sqlite3_vfs_register(ctypes.byref(recorder.vfs), 1) == 0
    try:
        yield trace
    finally:
        library.sqlite3_vfs_unregister(ctypes.byref(recorder.vfs))
        recorder.stop()


# -- cutting


@dataclass
class _Content:
    safe: bytearray = field(default_factory=bytearray)  # what is on the disk for sure
    loose: "Loose" = field(default_factory=list)  # what was written since


def applied(content: bytearray, steps: "Loose") -> bytearray:
    """Change a file's content by some steps."""
    for step in steps:
        if isinstance(step, Truncate):
            del content[step.size :]
            content.extend(bytes(step.size - len(content)))
        else:
            content.extend(bytes(max(0, step.offset - len(content))))
            content[step.offset : step.offset + len(step.data)] = step.data
    return content


class Disk:
    """A folder's files, as far as they are on the disk, and what is on its way there."""

    def __init__(self) -> None:
        self._there: dict[str, _Content] = {}  # as programs see them
        self._for_sure: dict[str, _Content] = {}  # as the folder on the disk lists them

    def take(self, step: Step) -> None:
        """Take the next step of a trace."""
        match step:
            case Write() | Truncate():
                self._there.setdefault(step.path, _Content()).loose.append(step)
            case Sync(path=path):
                content = self._there.setdefault(path, _Content())
                content.safe, content.loose = applied(content.safe, content.loose), []
            case Delete(path=path):
                self._there.pop(path, None)
            case SyncFolder():
                self._for_sure = dict(self._there)
            case Mark():
                pass

    @property
    def settled(self) -> bool:
        """Whether the disk has confirmed everything, so that no cut differs from another."""
        return self._for_sure == self._there and not any(content.loose for content in self._there.values())

    def after_a_cut(self, keeps: "Keeps") -> dict[str, bytes]:
        """Give the files that are found after the power went."""
        found: dict[str, bytes] = {}
        for path in {**self._for_sure, **self._there}:
            content = keeps.entry(self._for_sure.get(path), self._there.get(path))
            if content is not None:
                found[path] = bytes(applied(bytearray(content.safe), keeps.steps(content.loose)))
        return found


Loose = list[Write | Truncate]


class Keeps:
    """What the disk made of what it had not confirmed: nothing."""

    def entry(self, on_disk: _Content | None, seen: _Content | None) -> _Content | None:
        """Choose what the folder says of a file."""
        return on_disk

    def steps(self, loose: Loose) -> Loose:
        """Choose which steps reached the file."""
        return []


class KeepsAll(Keeps):
    """All of it, as after a kill of the process alone."""

    def entry(self, on_disk: _Content | None, seen: _Content | None) -> _Content | None:
        return seen

    def steps(self, loose: Loose) -> Loose:
        return loose


class KeepsSome(Keeps):
    """Some of it, whatever comes; the last write may be torn."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def entry(self, on_disk: _Content | None, seen: _Content | None) -> _Content | None:
        return self._random.choice((on_disk, seen))

    def steps(self, loose: Loose) -> Loose:
        share = self._random.choice((0.1, 0.5, 0.9))
        kept = [step for step in loose if self._random.random() < share]
        if kept and isinstance(kept[-1], Write) and self._random.random() < 0.5:
            kept[-1] = _torn(kept[-1], self._random)
        return kept


def _torn(write: Write, random: Random) -> Write:
    until = (write.offset + random.randrange(len(write.data) + 1)) // SECTOR * SECTOR - write.offset
    return Write(write.path, write.offset, write.data[: max(0, until)])


def lay_out(files: dict[str, bytes], old: Path, new: Path) -> None:
    """Write files that lay in one folder into another, which is emptied."""
    for path in new.iterdir():
        path.unlink()
    for name, content in files.items():
        (new / Path(name).relative_to(old)).write_bytes(content)
