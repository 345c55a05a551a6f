"""Logs that break one promise each, around one that keeps them all; and one that only has a person take over."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from msgspec.structs import replace

from server.conversations.events import Event, Replied, Spoke
from server.conversations.state import BOT, SYSTEM, VISITOR, Drafts
from server.handoff.states import Moved, State
from server.ids import new_id
from server.stores.protocols import Append
from server.stores.sqlite import SqliteLog
from tests.fakes.fragile_server import without_constraints


class Around:
    """A log that hands everything on to another one."""

    def __init__(self, log: SqliteLog, path: Path) -> None:
        self._log, self._path = log, path
        self._random = Random(1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, append: Append) -> None:
        await self._log.append(append)


class AcknowledgesEarly(Around):
    """Says that it is on disk, and then sees to it."""

    def __init__(self, log: SqliteLog, path: Path) -> None:
        super().__init__(log, path)
        self._behind: asyncio.Task[None] | None = None

    async def append(self, append: Append) -> None:
        if append.opens:
            await self._log.append(append)
        else:
            self._behind = asyncio.create_task(self._later(append, self._behind))

    async def _later(self, append: Append, before: "asyncio.Task[None] | None") -> None:
        if before is not None:
            await before
        await asyncio.sleep(0.1)
        await self._log.append(append)


class Loses(Around):
    """Forgets some of what visitors say, and says nothing of it."""

    async def append(self, append: Append) -> None:
        if append.events[0].author != VISITOR or self._random.random() > 0.2:
            await self._log.append(append)


class ForgetsWhoSaidWhat(Around):
    """Does not know a message again after a restart."""

    def __init__(self, log: SqliteLog, path: Path) -> None:
        super().__init__(log, path)
        without_constraints(path)

    async def events(self, workspace: str, conversation: bytes, **what: Any) -> list[Event]:
        return [replace(each, client_msg_id="") for each in await self._log.events(workspace, conversation, **what)]

    async def by_client_msg_id(self, *what: Any) -> Event | None:
        return None


class Reorders(Around):
    """Sometimes puts the newest event before the one that was there."""

    async def append(self, append: Append) -> None:
        await self._log.append(append)
        first = append.events[0]
        if first.author != VISITOR or self._random.random() > 0.2:
            return
        mine = "workspace = ? AND conversation = ? AND audience = 0 AND seq = ?"
        key = (append.head.workspace, append.head.conversation)
        with closing(sqlite3.connect(self._path, isolation_level=None, timeout=10)) as db:
            db.execute("BEGIN IMMEDIATE")
            for now, then in ((first.seq, -1), (first.seq - 1, first.seq), (-1, first.seq - 1)):
                db.execute(f"UPDATE events SET seq = ? WHERE {mine}", (then, *key, now))
            db.execute("COMMIT")


class AnswersTwice(Around):
    """Stores some replies a second time."""

    def __init__(self, log: SqliteLog, path: Path) -> None:
        super().__init__(log, path)
        without_constraints(path)

    async def append(self, append: Append) -> None:
        await self._log.append(append)
        reply = append.events[0]
        if isinstance(reply.body, Replied) and self._random.random() < 0.2:
            again = Drafts(append.head, at=reply.at)
            again.add(new_id(), BOT, reply.body, turn=reply.turn)
            await self._log.append(Append(head=again.head, events=tuple(again.events)))


class PersonTakesOver(Around):
    """Keeps its promises. Now and then a person takes over just before a reply is stored."""

    async def append(self, append: Append) -> None:
        if isinstance(append.events[0].body, Replied) and self._random.random() < 0.1:
            await self._take_over(append)
        await self._log.append(append)

    async def _take_over(self, append: Append) -> None:
        head = await self._log.head(append.head.workspace, append.head.conversation)
        if head is None or head.owner != BOT:
            return
        before, drafts = head.handling, Drafts(head, at=append.events[0].at)
        after = replace(
            before, state=State.ACTIVE, owner="agent:ana", epoch=before.epoch + 1, owner_epoch=before.owner_epoch + 1
        )
        moved = Moved(
            transition="take_over", actor="agent:ana", from_state=before.state, to_state=State.ACTIVE, handling=after
        )
        drafts.add(new_id(), SYSTEM, moved)
        drafts.add(new_id(), "agent:ana", Spoke(text="let me help", name="Ana"))
        await self._log.append(Append(head=drafts.head, events=tuple(drafts.events)))


class TalksOver(PersonTakesOver):
    """Stores a reply all the same, under the next number."""

    async def append(self, append: Append) -> None:
        reply = append.events[0]
        if isinstance(reply.body, Replied):
            await self._take_over(append)
            head = await self._log.head(append.head.workspace, append.head.conversation)
            assert head is not None
            drafts = Drafts(head, at=reply.at)
            drafts.add(reply.id, BOT, reply.body, turn=reply.turn)
            append = Append(head=drafts.head, events=tuple(drafts.events))
        await self._log.append(append)
