"""How a long run tells that it is alive."""

from typing import Protocol


class Progress(Protocol):
    """Told of stages and of steps within them."""

    def stage(self, name: str, total: int) -> None:
        """A new stage of `total` steps begins; the one before is over."""

    def advance(self, steps: int = 1) -> None:
        """So many steps of the stage are done."""


class Quiet:
    """Progress that nobody looks at."""

    def stage(self, name: str, total: int) -> None:
        """Say nothing."""

    def advance(self, steps: int = 1) -> None:
        """Say nothing."""
