"""One timer for all heartbeats: connections share it, so that an idle one costs no timer of its own."""

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Wheel(Generic[Key]):
    """A hashed timing wheel (Varghese and Lauck, 1987) with one level: due within a slot of when they should be.

    Setting, moving and dropping a timer cost O(1); a turn costs what is due.
    """

    def __init__(self, on_due: Callable[[Key], None], *, slot_s: float = 1.0, slots: int = 64) -> None:
        """Take what is called for each key that is due.

        Args:
            on_due: must not block; the key is off the wheel when it is called.
            slot_s: resolution.
            slots: the wheel reaches slot_s * (slots - 1) ahead.
        """
        self._on_due = on_due
        self._slot_s = slot_s
        self._slots: list[dict[Key, None]] = [{} for _ in range(slots)]
        self._place: dict[Key, int] = {}
        self._now = 0

    @property
    def now(self) -> float:
        """Seconds since the first turn, in whole slots."""
        return self._now * self._slot_s

    def __len__(self) -> int:
        """Timers set."""
        return len(self._place)

    def set(self, key: Key, after_s: float) -> None:
        """Let a key be due after a while, instead of when it was to be.

        Raises:
            ValueError: the wheel does not reach that far.
        """
        ahead = max(1, -int(-after_s // self._slot_s))
        if ahead >= len(self._slots):
            raise ValueError(f"{after_s} s is beyond the wheel's {self._slot_s * (len(self._slots) - 1)} s")
        self.drop(key)
        slot = (self._now + ahead) % len(self._slots)
        self._slots[slot][key] = None
        self._place[key] = slot

    def drop(self, key: Key) -> None:
        """Take a key off; one that is not on is no error."""
        slot = self._place.pop(key, None)
        if slot is not None:
            del self._slots[slot][key]

    def turn(self) -> None:
        """Go on by one slot, and tell of what is due."""
        self._now += 1
        slot = self._slots[self._now % len(self._slots)]
        due = list(slot)
        slot.clear()
        for key in due:
            del self._place[key]
        for key in due:
            self._on_due(key)

    async def run(self) -> None:
        """Turn for ever, at the pace of the clock; a late turn is made up for."""
        loop = asyncio.get_running_loop()
        following = loop.time()
        while True:
            following += self._slot_s
            await asyncio.sleep(max(0.0, following - loop.time()))
            self.turn()
