"""How often one visitor, or one conversation of a program's, may send and fetch files."""

from collections import Counter

from server.connections.rates import Limiter, Rate

Sender = tuple[str, bytes]  # workspace, conversation


class FileLimits:
    """Counts what is on its way, and what came lately."""

    def __init__(
        self, *, sent: Rate | None = None, fetched: Rate | None = None, at_once: int = 3, all_at_once: int = 60
    ) -> None:
        """Take the rates, and how many files may be on their way: from one sender, from all."""
        self.patience_s = 15.0  # for the first bytes of a file
        self.slowest = 8 * 1024  # bytes a second that it must come with after that
        self.fetched = Limiter(fetched or Rate(burst=200, per_minute=300))
        self._sent = Limiter(sent or Rate(burst=10, per_minute=20))
        self._at_once = at_once
        self._all_at_once = all_at_once
        self._coming: list[Sender] = []
        self.refused: Counter[str] = Counter()  # by workspace

    def enter(self, sender: Sender) -> float:
        """Count a file that begins to come and give 0; or count none and give the seconds to wait."""
        full = self._coming.count(sender) >= self._at_once or len(self._coming) >= self._all_at_once
        wait_s = 1.0 if full else self._sent.wait_s(sender)
        if wait_s:
            self.refused[sender[0]] += 1
        else:
            self._coming.append(sender)
        return wait_s

    def leave(self, sender: Sender) -> None:
        """Count a file that has come, or will not."""
        self._coming.remove(sender)
