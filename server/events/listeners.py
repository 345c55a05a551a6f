"""Whether anybody outside is told of a workspace: for nobody, no messages are written."""

from collections.abc import Callable
from time import monotonic

from server.errors import ServerError
from server.events.subscriptions import Subscriptions

_KNOWN_S = 0.01  # how long another process's change may go unnoticed: a command takes longer to end


class Listeners:
    """The workspaces that have a receiver. Asked for every message, on the event loop."""

    def __init__(self, subscriptions: Subscriptions, *, clock: Callable[[], float] = monotonic) -> None:
        """Take the receivers, and a clock in seconds."""
        self._subscriptions = subscriptions
        self._clock = clock
        self._looked_at = float("-inf")
        self._seen = (-1, -1)  # changes made by this process, and by any
        self._workspaces: frozenset[str] | None = None  # None: not known

    def has(self, workspace: str) -> bool:
        """Tell whether somebody is told of a workspace; yes, where that cannot be looked up."""
        now, written = self._clock(), self._subscriptions.written
        if now - self._looked_at >= _KNOWN_S or written != self._seen[0]:
            self._look(written)
            self._looked_at = now
        return self._workspaces is None or workspace in self._workspaces

    def _look(self, written: int) -> None:
        try:
            seen = (written, self._subscriptions.changes())
            if seen != self._seen or self._workspaces is None:
                everyone = self._subscriptions.all()
                self._workspaces = frozenset(each.workspace for each in everyone if not each.disabled)
        except ServerError:
            self._workspaces = None
        else:
            self._seen = seen
