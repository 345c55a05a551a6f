"""The one place that configures log output: a line of JSON (or text) an event, masked, on standard error.

Our own packages are heard from the configured level on, libraries from warnings on. Lines are gathered and written by
a thread, at most a twentieth of a second later, errors at once: a slow reader of standard error never holds up a
visitor.
"""

import logging
import sys
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from time import monotonic
from typing import Any, TextIO

import orjson

from server.privacy import masked
from server.settings import ServerSettings

OWN = ("engine", "evals", "ingest", "kefu", "knowledge", "models", "server")
TURNS = "kefu.turn"  # the logger of the canonical lines, which are never left out

_TOGETHER_S = 0.05
_WAITING_LINES = 10_000
_SAME_LINES = 10  # of one place in the code
_SAME_LINES_S = 10.0  # within that time
_PLACES = 1_000


class Line(logging.Formatter):
    """Formats a record. Its message and traceback are masked; `extra={"fields": {...}}` is taken as it is given."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._write = _as_json if kind == "json" else _as_text

    def format(self, record: logging.LogRecord) -> str:
        """Give one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        values = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        fields: dict[str, Any] = getattr(record, "fields", {})
        values |= {"message": masked(_message(record)), **fields}
        if record.exc_info:
            values["traceback"] = masked(self.formatException(record.exc_info))
        return self._write(values)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # arguments that do not fit: a defect, but no reason to lose the line
        return str(record.msg)


def _as_json(values: dict[str, Any]) -> str:
    return orjson.dumps(values, default=str).decode()


def _as_text(values: dict[str, Any]) -> str:
    traceback = values.pop("traceback", "")
    head = [str(values.pop(name)) for name in ("time", "level", "logger", "message")]
    rest = [f"{key}={value if isinstance(value, str) else _as_json(value)}" for key, value in values.items()]
    line = " ".join([*head, *rest]).replace("\r", "\\r").replace("\n", "\\n")  # nobody writes a line of their own
    return f"{line}\n{traceback}" if traceback else line


class Repeats(logging.Filter):
    """Leaves out a line that comes from one place again and again; the next one that is let through tells how many."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self.left_out = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[str, int, int], tuple[float, int]] = OrderedDict()  # since when, how many

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide on a record."""
        if record.name == TURNS:
            return True
        place, now = (record.pathname, record.lineno, record.levelno), self._clock()
        with self._lock:
            since, lines = self._places.pop(place, (now, 0))
            missed = lines - _SAME_LINES
            if now - since >= _SAME_LINES_S:
                since, lines = now, 0
                if missed > 0:
                    record.fields = {**getattr(record, "fields", {}), "left_out": missed}
            self._places[place] = (since, lines + 1)
            while len(self._places) > _PLACES:
                self._places.popitem(last=False)
            self.left_out += lines >= _SAME_LINES
            return lines < _SAME_LINES


class Gathered(logging.Handler):
    """Writes lines from a thread of its own, many at a time. When too many wait, the newest are lost, and counted."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.lost = 0
        self._stream = stream
        self._lines: list[str] = []
        self._told = 0  # of those lost
        self._writing = threading.Lock()
        self._taking = threading.Lock()  # held for an instant only
        self._work = threading.Event()
        self._urgent = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="kefu-log-lines", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record."""
        if len(self._lines) >= _WAITING_LINES:
            self.lost += 1
            return
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 (as every handler of the standard library: logging never fails its caller)
            self.handleError(record)
            return
        with self._taking:
            self._lines.append(line)
        if record.levelno >= logging.ERROR:
            self._urgent.set()
        if not self._work.is_set():
            self._work.set()

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:
            with self._taking:
                lines, self._lines = self._lines, []
            records = len(lines)
            if self.lost > self._told:
                lines.append(_as_json({"level": "warning", "message": "lines were lost", "lost": self.lost}))
                self._told = self.lost
            if lines:
                try:
                    self._stream.write("\n".join(lines) + "\n")
                    self._stream.flush()
                except (OSError, ValueError):  # nobody reads any more
                    self.lost += records

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._closed = True
        self._urgent.set()
        self._work.set()
        self.flush()
        super().close()

    def _run(self) -> None:
        while not self._closed:
            self._work.wait()
            self._urgent.wait(_TOGETHER_S)
            self._urgent.clear()
            self._work.clear()
            self.flush()


class Output:
    """The configured log output."""

    def __init__(self, handler: Gathered, repeats: Repeats) -> None:
        self._handler = handler
        self._repeats = repeats

    def adjust(self, settings: ServerSettings) -> None:
        """Take other settings, at once."""
        self._handler.setFormatter(Line(settings.log_format))
        level = settings.log_level.upper()
        logging.getLogger().setLevel(max(logging.WARNING, logging.getLevelName(level)))
        for name in OWN:
            logging.getLogger(name).setLevel(level)
        logging.getLogger(TURNS).setLevel(logging.INFO)  # whatever the level: a turn without a line did not happen

    @property
    def left_out(self) -> Counter[str]:
        """Lines that were not written, and why."""
        return Counter(repeated=self._repeats.left_out, lost=self._handler.lost)


def configure(settings: ServerSettings, stream: TextIO | None = None) -> Output:
    """Send the log of this process to a stream, by default standard error; what was configured before is void."""
    handler, repeats = Gathered(stream or sys.stderr), Repeats()
    handler.addFilter(repeats)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    logging.captureWarnings(True)
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # no line shows them
    output = Output(handler, repeats)
    output.adjust(settings)
    return output
