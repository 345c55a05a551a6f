"""Slows down who guesses passwords: after some failures each further attempt has to wait, longer every time.

Three counts, because each alone can be turned against somebody. A login from one address grows slow soon. The same
login from anywhere grows slow later, and never for long: else whoever knows a login could keep its owner out. An
address grows slow latest, and least, because an office, or a proxy before us, has one for all.

An attempt is counted before its password is looked at and forgiven if that was right, so that many at once are no way
around. Attempts that have to wait are neither looked at nor counted.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from time import time_ns

from server.connections.address import limited_by
from server.staff.errors import LockedOut
from server.staff.file import StaffFile

_FORGOTTEN_MS = 24 * 3_600_000  # after the last failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many failures are free, and how long one waits after more."""

    free: int
    first_s: int = 2  # after the first that is not; doubled by each further one
    most_s: int

    def wait_ms(self, times: int) -> int:
        """Give how long after the last of so many failures nothing is looked at."""
        over = times - self.free
        return 0 if over < 0 else min(self.first_s * 1000 << min(over, 30), self.most_s * 1000)


PAIR = Patience(free=5, most_s=900)
LOGIN = Patience(free=20, most_s=300)
ADDRESS = Patience(free=50, most_s=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One that was counted."""

    keys: tuple[str, ...]  # that a right password clears
    address: str


class Lockout:
    """Counts failures in the file of accounts, so that a restart forgives nothing."""

    def __init__(self, file: StaffFile, now_ms: Callable[[], int] = lambda: time_ns() // 1_000_000) -> None:
        self._file = file
        self._now_ms = now_ms

    def count(self, workspace: str, login: str, address: str) -> Attempt:
        """Take note of an attempt before it is looked at.

        Raises:
            LockedOut: it is not looked at.
        """
        network = limited_by(address)
        pair, anywhere, nearby = _key(workspace, login, network), _key(workspace, login), _key(network)
        now = self._now_ms()
        with self._file.writing() as db:
            db.execute("DELETE FROM failures WHERE last_at < ?", (now - _FORGOTTEN_MS,))
            waits = []
            for key, patience in ((pair, PAIR), (anywhere, LOGIN), (nearby, ADDRESS)):
                found = db.execute("SELECT times, last_at FROM failures WHERE key = ?", (key,)).fetchone()
                times, last_at = found or (0, 0)
                waits.append(last_at + patience.wait_ms(times) - now if times else 0)
            if max(waits) > 0:
                raise LockedOut(-(-max(waits) // 1000))
            db.executemany(
                "INSERT INTO failures VALUES (?, 1, ?2) ON CONFLICT DO UPDATE SET times = times + 1, last_at = ?2",
                [(key, now) for key in (pair, anywhere, nearby)],
            )
        return Attempt(keys=(pair, anywhere), address=nearby)

    def forgive(self, attempt: Attempt) -> None:
        """Take an attempt back: its password was right."""
        with self._file.writing() as db:
            db.executemany("DELETE FROM failures WHERE key = ?", [(key,) for key in attempt.keys])
            db.execute("UPDATE failures SET times = times - 1 WHERE key = ? AND times > 0", (attempt.address,))


def _key(*parts: str) -> str:
    """Name a count without keeping what was typed: some type their password where the login belongs."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).hexdigest()
