"""Rows of an agent's lists on their way: at once, or, where much happens, all that changed ten times a second.

A desk of fifty agents is shown each change of each conversation fifty times, which would be most of what the server
does. Of a row only the newest state counts, rows that come together are written in one go, and a row that many agents
are shown is encoded once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence

import msgspec

from server.handoff.cases import AgentView, Case
from server.wire.agent_frames import AgentChanged, CaseChanged, Told

PAUSE_S = 0.1
_KEPT = 512  # encoded rows

Row = Case | AgentView | Told  # the last: what many are told at once
Write = Callable[[Sequence[tuple[bytes, str]]], None]  # encoded frames; a later one of the same name replaces it

_encoder = msgspec.json.Encoder()
_encoded: OrderedDict[int, tuple[Row, bytes]] = OrderedDict()  # by identity; who is kept keeps it


class Gathering:
    """The rows that one connection is to be shown."""

    __slots__ = ("_timer", "_waiting", "_write")

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: dict[str, Row] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, name: str, row: Row) -> None:
        """Show a row, in place of the one of the same name that still waits."""
        self._waiting[name] = row
        if self._timer is None:
            self._show()

    def close(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _show(self) -> None:
        self._timer = None
        if self._waiting:
            rows, self._waiting = self._waiting, {}
            self._timer = asyncio.get_running_loop().call_later(PAUSE_S, self._show)
            self._write([(encoded(row), name) for name, row in rows.items()])


def encoded(row: Row) -> bytes:
    """Encode a row as its frame; for many agents in a row it is done once."""
    if isinstance(row, Told):
        return _encoder.encode(row)  # each agent gets one of their own
    known = _encoded.get(id(row))
    if known is None:
        known = _encoded[id(row)] = (row, _encoder.encode(_frame(row)))
        if len(_encoded) > _KEPT:
            _encoded.popitem(last=False)
    return known[1]


def _frame(row: Case | AgentView) -> CaseChanged | AgentChanged:
    if isinstance(row, Case):
        return CaseChanged(case=row)
    return AgentChanged(id=row.id, name=row.name, presence=row.presence, load=row.load, capacity=row.capacity)
