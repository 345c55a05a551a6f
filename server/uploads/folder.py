"""The folder of files: written beside, synchronised, then renamed, so that a file is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

from server.ids import from_text, to_text

_INCOMING = "incoming"
_RESERVED_BYTES = 256 << 20  # of the disk, which belong to the conversation log


class Folder:
    """Files by their identifier. Its calls wait for the disk: they belong on a thread."""

    def __init__(self, root: Path, *, reserved_bytes: int = _RESERVED_BYTES) -> None:
        """Take the folder's path; it is made when first used."""
        self._root = root
        self._reserved = reserved_bytes

    def path(self, identifier: bytes) -> Path:
        """Tell where a file is kept, whether it is there or not."""
        name = to_text(identifier)
        return self._root / name[:2] / name

    def begin(self, size: int) -> Path:
        """Make an empty file to be written to.

        Raises:
            OSError: the disk has too little room for so many bytes, or fails.
        """
        folder = self._root / _INCOMING
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < self._reserved + size:
            raise OSError("the disk is almost full")
        path = folder / token_hex(16)
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        return path

    def keep(self, written: Path, identifier: bytes) -> None:
        """Let a written file become one of the folder's; it is on disk under its name when this returns."""
        _synchronise(written)
        path = self.path(identifier)
        if not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _synchronise(self._root)
        written.rename(path)
        _synchronise(path.parent)

    def remove(self, identifier: bytes) -> None:
        """Delete a file; one that is not there is no error."""
        self.path(identifier).unlink(missing_ok=True)

    def older_than(self, moment: float) -> Iterator[bytes]:
        """Give the files that were last written before a moment, in seconds since 1970."""
        for shard in self._shards():
            with os.scandir(shard) as entries:
                for entry in entries:
                    if entry.stat().st_mtime < moment:
                        yield from _identifiers(entry.name)

    def clear_incoming(self, moment: float) -> int:
        """Delete what was begun before a moment and never kept; give how many."""
        gone = 0
        folder = self._root / _INCOMING
        if folder.is_dir():
            for path in folder.iterdir():
                if path.stat().st_mtime < moment:
                    path.unlink(missing_ok=True)
                    gone += 1
        return gone

    def _shards(self) -> list[Path]:
        if not self._root.is_dir():
            return []
        return [path for path in self._root.iterdir() if path.name != _INCOMING and path.is_dir()]


def _identifiers(name: str) -> Iterator[bytes]:
    try:
        yield from_text(name)
    except ValueError:
        return  # not ours


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
