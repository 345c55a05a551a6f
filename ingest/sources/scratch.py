"""A folder for what archives unpack to; gone when it is left, and swept by the next ingest if that was killed."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "kefu-ingest-"
_LOCK = "in-use"
_YOUNG = 60.0  # seconds in which a folder may not have its lock yet


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Make a folder that only this user can read, and remove those that killed processes left.

    Args:
        parent: where; by default the system's folder for temporary files (TMPDIR).

    Raises:
        OSError: it cannot be made there.
    """
    parent = parent or Path(tempfile.gettempdir())
    sweep(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # ends with the process, however that ends
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep(parent: Path) -> None:
    """Remove the folders of this user's processes that are no more."""
    for folder in parent.glob(f"{_PREFIX}*"):
        try:
            found = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or found.st_uid != os.geteuid():
                continue
            if time.time() - found.st_mtime > _YOUNG and not _is_held(folder / _LOCK):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue  # somebody else removed it just now


def _is_held(path: Path) -> bool:
    """Tell whether a living process has the lock."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False
