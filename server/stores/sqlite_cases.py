"""What the SQLite log knows of conversations beside their events: who handles them, their timers and their episodes."""

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from server.conversations.events import Millis
from server.conversations.state import Head, scrubbed
from server.handoff.states import State
from server.handoff.timers import Kind
from server.stores.protocols import Alarm, Append, CaseFilter, Episode, Mark, Page, episode_of
from server.stores.rows import ManyRows

_DROP_TIMERS = ManyRows("DELETE FROM timers WHERE (workspace, conversation) IN (VALUES", 2, ")")
_SET_TIMERS = ManyRows("INSERT INTO timers (workspace, conversation, kind, epoch, fire_at) VALUES", 5)
_EPISODE = ", ".join(Episode.__struct_fields__)
_SET_EPISODE = ManyRows(
    f"INSERT OR REPLACE INTO episodes (workspace, conversation, {_EPISODE}) VALUES", 2 + len(Episode.__struct_fields__)
)
_SET_MARK = ManyRows("INSERT OR REPLACE INTO marks (workspace, agent, kind, conversation, value) VALUES", 5)
_DROP_MARK = ManyRows("DELETE FROM marks WHERE (workspace, agent, kind, conversation) IN (VALUES", 4, ")")
_heads_out = msgspec.msgpack.Encoder()
_heads_in = msgspec.msgpack.Decoder(Head)

Rows = Callable[[str, Sequence[object]], Awaitable[list[Any]]]


def handling_row(head: Head) -> tuple[str, str, str, str]:
    """Give what lists of conversations are made by: state, owner, department, tags."""
    handling = head.handling
    tags = f"|{'|'.join(handling.tags)}|" if handling.tags else ""
    return handling.state.value, handling.owner, handling.department, tags


def put_cases(db: sqlite3.Connection, appends: Sequence[Append]) -> None:
    """Store timers and episodes, within the transaction of the events that led to them."""
    timers = {(each.head.workspace, each.head.conversation): each.timers for each in appends if each.timers is not None}
    if timers:
        _DROP_TIMERS.run(db, list(timers))
        _SET_TIMERS.run(
            db, [(*key, each.kind, each.epoch, each.fire_at) for key, those in timers.items() for each in those]
        )
    heads = [each.head for each in appends if any(event.kind == "moved" for event in each.events)]
    _SET_EPISODE.run(db, [(head.workspace, head.conversation, *_episode_row(head)) for head in heads])


def put_marks(db: sqlite3.Connection, marks: Sequence[Mark]) -> None:
    """Store what agents leave, in its order."""
    newest = {(each.workspace, each.agent, each.kind, each.conversation): each.value for each in marks}
    _SET_MARK.run(db, [(*key, value) for key, value in newest.items() if value])
    _DROP_MARK.run(db, [key for key, value in newest.items() if not value])


def _episode_row(head: Head) -> tuple[object, ...]:
    values = msgspec.structs.astuple(episode_of(head))
    return tuple("|".join(value) if isinstance(value, tuple) else value for value in values)


def scrub_heads(db: sqlite3.Connection, workspace: str, visitor: str) -> None:
    """Take what a visitor wrote, and what was written about one, out of states and episodes."""
    sql = "SELECT id, head FROM conversations WHERE workspace = ? AND visitor = ?"
    for conversation, raw in db.execute(sql, (workspace, visitor)).fetchall():
        head = scrubbed(_heads_in.decode(raw))
        db.execute(
            "UPDATE conversations SET head = ?, tags = '' WHERE workspace = ? AND id = ?",
            (_heads_out.encode(head), workspace, conversation),
        )
        db.execute(
            "UPDATE episodes SET resolution = '', tags = '' WHERE workspace = ? AND conversation = ?",
            (workspace, conversation),
        )
        db.execute(
            "DELETE FROM marks WHERE workspace = ? AND conversation = ? AND kind = 'draft'", (workspace, conversation)
        )
        put_marks(db, [Mark(workspace=workspace, agent="", kind="erased", conversation=conversation, value="1")])


class SqliteCases:
    """See `server.stores.protocols.CaseTable`."""

    def __init__(self, rows: Rows, put: Callable[[Mark], Awaitable[None]]) -> None:
        """Take what reads, and what writes."""
        self._rows = rows
        self._put = put

    async def mark(self, mark: Mark) -> None:
        """Keep what an agent left."""
        await self._put(mark)

    async def marks(self) -> list[Mark]:
        """List all that agents left."""
        rows = await self._rows("SELECT workspace, agent, kind, conversation, value FROM marks", ())
        return [
            Mark(workspace=workspace, agent=agent, kind=kind, conversation=conversation, value=value)
            for workspace, agent, kind, conversation, value in rows
        ]

    async def handled(self) -> list[Head]:
        """List the conversations that somebody handles, waits for or wraps up."""
        sql = "SELECT head FROM conversations WHERE state NOT IN ('bot', 'closed') ORDER BY workspace, id"
        return [_heads_in.decode(row[0]) for row in await self._rows(sql, ())]

    async def alarms(self, *, until: Millis, limit: int = 500) -> list[Alarm]:
        """List timers whose time has come."""
        sql = (
            "SELECT workspace, conversation, kind, epoch, fire_at FROM timers WHERE fire_at <= ? "
            "ORDER BY fire_at LIMIT ?"
        )
        return [
            Alarm(workspace=workspace, conversation=conversation, kind=Kind(kind), epoch=epoch, fire_at=at)
            for workspace, conversation, kind, epoch, at in await self._rows(sql, (until, limit))
        ]

    async def next_alarm(self) -> Millis | None:
        """Tell when the next timer fires."""
        rows = await self._rows("SELECT min(fire_at) FROM timers", ())
        found: Millis | None = rows[0][0]
        return found

    async def find(self, workspace: str, wanted: CaseFilter, *, offset: int = 0, limit: int = 50) -> Page:
        """List conversations by who handles them."""
        where, values = _where(workspace, wanted)
        total = (await self._rows(f"SELECT count(*) FROM conversations WHERE {where}", values))[0][0]
        sql = f"SELECT head FROM conversations WHERE {where} ORDER BY last_at DESC, id LIMIT ? OFFSET ?"
        rows = await self._rows(sql, [*values, limit, offset])
        return Page(items=tuple(_heads_in.decode(row[0]) for row in rows), total=total)

    async def said_since(self, at: Millis, *, behind: Head | None = None, limit: int = 500) -> list[Head]:
        """List conversations by their newest event, each workspace along its index."""
        first = "SELECT head FROM conversations WHERE workspace = ? AND last_at >= ?"
        then = "ORDER BY last_at DESC, id LIMIT ?"
        rows, workspace = list[Any](), ""
        if behind is not None:
            workspace, last = behind.workspace, (behind.last_at, behind.last_at, behind.conversation)
            further = "AND last_at <= ? AND (last_at < ? OR id > ?)"
            rows = await self._rows(f"{first} {further} {then}", (workspace, at, *last, limit))
        while len(rows) < limit:
            next_one = "SELECT min(workspace) FROM conversations WHERE workspace > ?"
            workspace = (await self._rows(next_one, (workspace,)))[0][0]
            if workspace is None:
                break
            rows += await self._rows(f"{first} {then}", (workspace, at, limit - len(rows)))
        return [_heads_in.decode(row[0]) for row in rows]

    async def episodes(self, workspace: str, conversation: bytes) -> list[Episode]:
        """List a conversation's episodes."""
        sql = f"SELECT {_EPISODE} FROM episodes WHERE workspace = ? AND conversation = ? ORDER BY number"
        rows = await self._rows(sql, (workspace, conversation))
        return [_episode(dict(zip(Episode.__struct_fields__, row, strict=True))) for row in rows]


def _episode(row: dict[str, Any]) -> Episode:
    row["tags"] = tuple(row["tags"].split("|")) if row["tags"] else ()
    return Episode(**row)


def _where(workspace: str, wanted: CaseFilter) -> tuple[str, list[object]]:
    """Give the condition; lists of values become one placeholder each."""
    parts, values = ["workspace = ?"], list[object]([workspace])
    among: tuple[tuple[str, Sequence[object] | None], ...] = (
        ("state", wanted.states),
        ("owner", wanted.owners),
        ("department", wanted.departments),
        ("id", wanted.conversations),
    )
    for column, allowed in among:
        if allowed is not None:
            parts.append(f"{column} IN ({','.join('?' * len(allowed))})")
            values.extend(allowed)
    if wanted.states is not None and not {State.BOT, State.CLOSED} & set(wanted.states):
        parts.append("state NOT IN ('bot', 'closed')")  # the words by which SQLite knows its index
    if wanted.visitor:
        parts.append("visitor = ?")
        values.append(wanted.visitor)
    if wanted.tag:
        parts.append("instr(tags, ?) > 0")
        values.append(f"|{wanted.tag}|")
    return " AND ".join(parts), values
