"""Progress as a bar on stderr."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Bar:
    """A line for each stage; where stderr is no terminal, nothing is drawn."""

    def __init__(self, console: Console) -> None:
        """Draw on that console."""
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._bars = Progress(*columns, TimeElapsedColumn(), console=console, transient=True)
        self._stage: TaskID | None = None
        self._left = 0

    def __enter__(self) -> "Bar":
        """Begin to draw."""
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove the lines."""
        self._bars.stop()

    def stage(self, name: str, total: int) -> None:
        """A new stage of `total` steps begins."""
        if self._stage is not None:
            self._bars.advance(self._stage, self._left)
        self._stage, self._left = self._bars.add_task(name, total=total), total

    def advance(self, steps: int = 1) -> None:
        """So many steps of the stage are done."""
        if self._stage is not None:
            self._left -= steps
            self._bars.advance(self._stage, steps)
