"""The process in which files are read whose libraries cannot be trusted; started by `ingest.sources.sandbox`."""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from ingest.records import Rejection
from ingest.sources.checked import checked, one_line
from ingest.sources.document import Item
from ingest.sources.exchange import DONE, FAILED, NO_MEMORY, Request, item_line, read_request

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


def main(parent: int) -> None:
    """Read files as they are asked for on standard input, until it ends.

    Args:
        parent: the process that asks; without it, this one ends.
    """
    answers = os.dup(1)
    requests = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)  # what a library prints does not get among the answers
    _end_with(parent)
    _confine()
    for line in requests:
        _serve(read_request(line), answers)


def _serve(request: Request, answers: int) -> None:
    """Read one file and give what it holds, each item as soon as it is read."""

    def say(line: bytes) -> None:
        while line:
            line = line[os.write(answers, line) :]

    _bound(request.format.memory_mb, request.format.seconds)
    try:
        _read(request, say)
        say(b"%s%d\n" % (DONE, _peak_kb()))
    except MemoryError:
        os.write(answers, NO_MEMORY + b"\n")
        os._exit(1)  # what is left of the memory cannot be relied on
    except BrokenPipeError:
        os._exit(0)  # nobody listens any more
    except Exception as error:  # noqa: BLE001 - the edge: whatever a library raises costs its own file only
        say(FAILED + one_line(_told(error), chars=300).encode() + b"\n")


def _read(request: Request, say: Callable[[bytes], None]) -> None:
    reader = request.format.load()
    for item in checked(reader(request.document, request.options), request.options.limits):
        say(_line(item))


def _peak_kb() -> int:
    """Tell the most memory that this process had; getrusage counts that of its parent as well (fork, then exec)."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return 0


def _line(item: Item) -> bytes:
    try:
        return item_line(item)
    except TypeError:  # lone surrogates
        reason = "the text is not valid Unicode; save the file as UTF-8"
        return item_line(Rejection(source=item.source, reason=reason))


def _told(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"the file cannot be read ({error.strerror or error})"
    if isinstance(error, RecursionError):
        return "what it holds is nested too deeply"
    return f"the reader failed ({type(error).__name__}: {error})"


def _end_with(parent: int) -> None:
    """End when the process that asks does, even if that is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)


def _confine() -> None:
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


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
        raise Forbidden("a library tried to write a file")
    if event.startswith(_FORBIDDEN):
        raise Forbidden(f"a library tried {event}")


def _bound(memory_mb: int, seconds: float) -> None:
    """Set how much memory and computing the next file may take; both are enforced by the kernel."""
    _lower(resource.RLIMIT_DATA, memory_mb << 20)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _lower(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime + seconds) + 1)


def _lower(what: int, bound: int) -> None:
    _, most = resource.getrlimit(what)
    resource.setrlimit(what, (bound if most == resource.RLIM_INFINITY else min(bound, most), most))
