"""What waits to be written to one connection: bounded, in order, and nothing at all while it is idle."""

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLimits:
    """How far a peer may fall behind before it is closed; it resumes and loses nothing."""

    max_bytes: int = 256 * 1024
    max_frames: int = 100


class OutboxFull(Exception):
    """The peer does not read what it is sent. Close it with a code that lets it come back."""


class Outbox:
    """Frames in their order. One that may be replaced (typing, read) waits once at most: the newest of its kind."""

    __slots__ = ("_bytes", "_frames", "_limits")

    def __init__(self, limits: OutboxLimits) -> None:
        self._limits = limits
        self._frames: deque[tuple[str, bytes]] | None = None  # (what it replaces, encoded frame)
        self._bytes = 0

    def __len__(self) -> int:
        """Frames waiting."""
        return len(self._frames) if self._frames else 0

    @property
    def waiting_bytes(self) -> int:
        """Of all frames waiting."""
        return self._bytes

    def widen(self, limits: OutboxLimits) -> None:
        """Hold a peer to other limits from now on: an agent's browser is shown many conversations at once."""
        self._limits = limits

    def put(self, frame: bytes, *, replaces: str = "") -> None:
        """Add a frame at the end; an ephemeral one takes the place of a waiting one with the same name.

        Raises:
            OutboxFull: it does not fit; it was not added.
        """
        if self._frames is None:
            self._frames = deque()
        if replaces:
            self._drop(replaces)
        full = self._bytes + len(frame) > self._limits.max_bytes or len(self._frames) >= self._limits.max_frames
        if full and self._frames:  # a lone frame always fits: a long welcome must not fail for ever
            raise OutboxFull
        self._frames.append((replaces, frame))
        self._bytes += len(frame)

    def take(self) -> bytes | None:
        """Give the frame that waits longest, None if none does."""
        if not self._frames:
            self._frames = None
            return None
        _, frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def _drop(self, name: str) -> None:
        for place, (waiting, frame) in enumerate(self._frames or ()):
            if waiting == name and self._frames is not None:
                del self._frames[place]
                self._bytes -= len(frame)
                return
