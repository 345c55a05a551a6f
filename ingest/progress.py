"""Progress of an ingest: a bar on a terminal, a line every few seconds elsewhere; rate and time left in both."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

Show = Callable[[str, int, int], None]  # stage, done, total; total 0: not known

_EVERY_S = 5.0  # between two lines where there is no terminal
_STAGES = {
    "read": ("reading", "records"),
    "encode": ("encoding", "texts"),
    "words": ("indexing words", ""),
    "index": ("indexing vectors", ""),
    "verify": ("verifying", "entries"),
    "calibration": ("calibrating", ""),
    "gate": ("asking the gate's questions", "cases"),
    "near": ("looking for near-duplicates", "entries"),
    "switch": ("switching", ""),
}


class Pace:
    """How fast a stage goes, measured from its first report on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the clock."""
        self._clock = clock
        self._stage = ""
        self._since = 0.0
        self._first = 0

    def text(self, stage: str, done: int, total: int) -> str:
        """Describe a stage: "encoding 1,200 of 20,000 texts (6 %), 310/s, 1:01 left"."""
        now = self._clock()
        if stage != self._stage:
            self._stage, self._since, self._first = stage, now, done
        name, unit = _STAGES.get(stage, (stage, ""))
        if not unit or not (done or total > 1):
            return name
        share = f" of {total:,}" if total else ""
        parts = [f"{name} {done:,}{share} {unit}" + (f" ({100 * done // total} %)" if total else "")]
        spent = now - self._since
        rate = (done - self._first) / spent if spent > 0.5 else 0.0
        if rate > 0:
            parts.append(f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s")
            if total > done:
                parts.append(f"{_clock_time((total - done) / rate)} left")
        return ", ".join(parts)


def _clock_time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def shown_on(console: "Console", clock: Callable[[], float] = time.monotonic) -> Iterator[Show]:
    """Give what shows the progress of the stages on a console."""
    if console.is_terminal:
        with _bar(console) as show:
            yield show
    else:
        yield _Lines(console, clock)


@contextmanager
def _bar(console: "Console") -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn

    pace = Pace()
    with Progress(BarColumn(bar_width=24), TextColumn("{task.description}"), console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)

        def show(stage: str, done: int, total: int) -> None:
            bar.update(task, description=pace.text(stage, done, total), completed=done, total=total or None)

        yield show


class _Lines:
    """Prints where a stage stands when it takes long."""

    def __init__(self, console: "Console", clock: Callable[[], float]) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace(clock)
        self._next = clock() + _EVERY_S

    def __call__(self, stage: str, done: int, total: int) -> None:
        text = self._pace.text(stage, done, total)
        if self._clock() >= self._next:
            self._console.print(text, highlight=False, soft_wrap=True)
            self._next = self._clock() + _EVERY_S
