"""The process in which files are read whose libraries cannot be trusted; started by `ingest.sources.sandbox`."""

import os
from collections.abc import Callable

from ingest.records import Rejection
from ingest.sources.checked import checked, one_line
from ingest.sources.confined import bound, confine, end_with
from ingest.sources.document import Item
from ingest.sources.exchange import DONE, FAILED, NO_MEMORY, Request, item_line, read_request


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
    end_with(parent)
    confine()
    for line in requests:
        _serve(read_request(line), answers)


def _serve(request: Request, answers: int) -> None:
    """Read one file and give what it holds, each item as soon as it is read."""

    def say(line: bytes) -> None:
        while line:
            line = line[os.write(answers, line) :]

    bound(request.format.memory_mb, request.format.seconds)
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
