"""What a worker process gives up before it touches what strangers made: for good, and enforced by the kernel."""

import ctypes
import os
import resource
import signal
import sys
from typing import Any, Final

_WRITTEN_BYTES = 64 * 1024  # to a file, at most: what libraries write to standard error
_OPEN_FILES = 64
_DEATH_SIGNAL, _NO_NEW_PRIVILEGES = 1, 38  # of prctl(2)
_NEW_USERS, _NEW_NETWORK = 0x10000000, 0x40000000  # of unshare(2)
_FORBIDDEN: Final = (
    "socket.", "subprocess.", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.remove", "os.rename",
    "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.kill", "shutil.",
    "ftplib.", "smtplib.", "urllib.", "http.", "webbrowser.",
)  # fmt: skip


class Forbidden(RuntimeError):
    """A library tried what no reader needs."""


def end_with(parent: int) -> None:
    """End when the process that asks does, even if that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def confine() -> None:
    """Give up for good what no reader needs: writing files, the network, other programs."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN_BYTES, _WRITTEN_BYTES))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = _OPEN_FILES if most == resource.RLIM_INFINITY else min(_OPEN_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        if libc.unshare(_NEW_NETWORK):  # needs rights, or a user namespace; some systems allow neither
            libc.unshare(_NEW_USERS | _NEW_NETWORK)
    sys.addaudithook(_refuse)


def bound(memory_mb: int, seconds: float) -> None:
    """Set how much memory and computing the next file may take; both are enforced by the kernel."""
    _lower(resource.RLIMIT_DATA, memory_mb << 20)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        raise Forbidden("a library tried to write a file")
    if event.startswith(_FORBIDDEN):
        raise Forbidden(f"a library tried {event}")


def _lower(what: int, most_now: int) -> None:
    _, most = resource.getrlimit(what)
    resource.setrlimit(what, (most_now if most == resource.RLIM_INFINITY else min(most_now, most), most))
