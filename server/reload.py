"""The configuration as it is now: read again on SIGHUP and when the file changes, taken over all at once or not at all.

A part that can change while it runs follows the keys that it takes. What nobody follows needs a restart, and is named.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import SettingsError
from server.settings import Installation

log = logging.getLogger(__name__)

Apply = Callable[[Installation], None]
Stamp = tuple[int, int, int]  # of a file: when it was written, its size, its inode

_LOOK_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What became of a new configuration: the keys that hold now, and those that wait for a restart."""

    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class Live:
    """Holds the settings that are in force. Used from one event loop, so that nobody sees half a change."""

    def __init__(self, settings: Installation) -> None:
        self._now = settings
        self._followers: list[tuple[frozenset[str], Apply]] = []

    @property
    def now(self) -> Installation:
        """The settings in force."""
        return self._now

    def follow(self, keys: Iterable[str], apply: Apply) -> None:
        """Have a part told when one of these settings ("server.origins") changed.

        Args:
            keys: that the part takes over while it runs.
            apply: must not wait. If it fails, all parts get the former settings again.
        """
        self._followers.append((frozenset(keys), apply))

    def change(self, wanted: Installation) -> Changes:
        """Put into force what can be, all at once.

        Raises:
            Exception: whatever a part raised; then the former settings are in force.
        """
        different = _different(self._now, wanted)
        live = frozenset[str]().union(*(keys for keys, _ in self._followers))
        applied = tuple(key for key in different if key in live)
        before, self._now = self._now, _taking(self._now, wanted, applied)
        told: list[Apply] = []
        try:
            for keys, apply in self._followers:
                if not keys.isdisjoint(applied):
                    told.append(apply)
                    apply(self._now)
        except BaseException:
            self._now = before
            for apply in told:
                apply(before)
            raise
        return Changes(applied=applied, waiting=tuple(key for key in different if key not in live))


def _different(one: Installation, other: Installation) -> tuple[str, ...]:
    before, after = _flat(one), _flat(other)
    return tuple(key for key, value in after.items() if before[key] != value)


def _flat(settings: Installation) -> dict[str, object]:
    flat: dict[str, object] = {}
    for item in fields(settings):
        value: Any = getattr(settings, item.name)
        if is_dataclass(value):
            flat |= {f"{item.name}.{each.name}": getattr(value, each.name) for each in fields(value)}
        else:
            flat[item.name] = value
    return flat


def _taking(settings: Installation, wanted: Installation, keys: Iterable[str]) -> Installation:
    """Give the settings with some values of others. Each value was checked; pairs that must agree are checked again."""
    sections: dict[str, dict[str, Any]] = {}
    for key in keys:
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = getattr(getattr(wanted, section), name)
    known = {item.name for item in fields(settings) if is_dataclass(getattr(settings, item.name))}
    changed = {name: replace(getattr(settings, name), **values) for name, values in sections.items() if name in known}
    return replace(settings, **changed)


class Reloader:
    """Reads the configuration again when told to, and when the file is another one."""

    def __init__(
        self,
        live: Live,
        read: Callable[[], Installation],
        file: Path,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Take the parts.

        Args:
            live: holds what is in force.
            read: reads and checks the whole configuration; raises SettingsError.
            file: whose change is noticed; it need not be there.
            pause: waits so many seconds.
        """
        self._live = live
        self._read = read
        self._file = file
        self._pause = pause
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Have it read again now; the handler of SIGHUP."""
        self._told.set()

    async def run(self) -> None:
        """Follow the configuration for ever."""
        seen = taken = await asyncio.to_thread(_stamp, self._file)
        await self.reload()  # it may have changed since this process read it
        while True:
            asked = await self._wait()
            now = await asyncio.to_thread(_stamp, self._file)
            settled, seen = now == seen, now  # an editor may be halfway through: wait for a second equal look
            if asked or (settled and now != taken):
                taken = now
                await self.reload(tell=True)

    async def reload(self, *, tell: bool = False) -> None:
        """Read once. A wrong configuration changes nothing and is one line in the log.

        Args:
            tell: also that nothing changed.
        """
        try:
            changes = self._live.change(await asyncio.to_thread(self._read))
        except SettingsError as error:
            log.error("the configuration is wrong and the former one stays in force: %s", error)
            return
        if changes.applied or tell:
            log.info("configuration read again; changed: %s", ", ".join(changes.applied) or "nothing")
        if changes.waiting:
            log.warning("needs a restart: %s", ", ".join(changes.waiting))

    async def _wait(self) -> bool:
        """Wait until it is told to read, or time to look; tell which."""
        waits = [
            asyncio.create_task(self._told.wait(), name="reload"),
            asyncio.ensure_future(self._pause(_LOOK_S)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        asked = self._told.is_set()
        self._told.clear()
        return asked


def _stamp(file: Path) -> Stamp | None:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
