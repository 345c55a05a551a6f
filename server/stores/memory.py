"""A log in memory: for tests, and the oracle that the contract suite holds the others against."""

from collections.abc import Sequence

import msgspec

from server.conversations.events import Audience, Event
from server.conversations.state import BOT, Head, scrubbed
from server.errors import Conflict
from server.stores.memory_cases import MemoryCases
from server.stores.memory_files import MemoryFiles
from server.stores.protocols import Append, Onward, Page

_Key = tuple[str, bytes]


class MemoryLog:
    """See `server.stores.protocols.ConversationLog`. Nothing survives the process."""

    def __init__(self) -> None:
        self._heads: dict[_Key, Head] = {}
        self._events: dict[tuple[str, bytes, Audience], list[Event]] = {}
        self._replies: set[tuple[str, bytes, int]] = set()  # turns that the bot answered
        self._client_ids: dict[tuple[str, bytes, str, str], Event] = {}
        self._onward: list[Onward] = []
        self._position = 0
        self.files = MemoryFiles()
        self.cases = MemoryCases(self._heads)

    async def append(self, append: Append) -> None:
        """Store events."""
        head = append.head
        key = (head.workspace, head.conversation)
        self._refuse_conflicts(append, key)
        self.files.name(append)
        for event in append.events:
            self._events.setdefault((*key, event.audience), []).append(event)
            if event.author == BOT and event.audience is Audience.PUBLIC:
                self._replies.add((*key, event.turn))
            if event.client_msg_id:
                self._client_ids[*key, event.author, event.client_msg_id] = event
        self._heads[key] = head
        self.cases.put(append)
        for message in append.onward:
            self._position += 1
            self._onward.append(msgspec.structs.replace(message, position=self._position))

    def _refuse_conflicts(self, append: Append, key: _Key) -> None:
        if append.opens == (key in self._heads):
            raise Conflict("the conversation was opened before" if append.opens else "the conversation is unknown")
        visitor = (append.head.workspace, append.head.visitor)
        if append.opens and any((head.workspace, head.visitor) == visitor for head in self._heads.values()):
            raise Conflict("the visitor has a conversation already")
        counted = {audience: len(self._events.get((*key, audience), ())) for audience in Audience}
        for event in append.events:
            counted[event.audience] += 1
            if event.seq != counted[event.audience]:
                raise Conflict(f"event {event.seq} does not follow the stored ones")
            if (*key, event.author, event.client_msg_id) in self._client_ids:
                raise Conflict("the event is there already")
            if event.author == BOT and event.audience is Audience.PUBLIC and (*key, event.turn) in self._replies:
                raise Conflict("the turn is answered already")

    async def head(self, workspace: str, conversation: bytes) -> Head | None:
        """Give a conversation's state."""
        return self._heads.get((workspace, conversation))

    async def current(self, workspace: str, visitor: str) -> Head | None:
        """Give the visitor's conversation."""
        for head in self._heads.values():
            if (head.workspace, head.visitor) == (workspace, visitor):
                return head
        return None

    async def events(
        self,
        workspace: str,
        conversation: bytes,
        *,
        audience: Audience = Audience.PUBLIC,
        after: int = 0,
        before: int | None = None,
        limit: int = 200,
        newest: bool = False,
    ) -> list[Event]:
        """Read events."""
        all_events = self._events.get((workspace, conversation, audience), [])
        stop = len(all_events) if before is None else max(before - 1, 0)
        found = all_events[after:stop]
        return found[-limit:] if newest else found[:limit]

    async def by_client_msg_id(
        self, workspace: str, conversation: bytes, author: str, client_msg_id: str
    ) -> Event | None:
        """Find an event by its client's id."""
        return self._client_ids.get((workspace, conversation, author, client_msg_id))

    async def unanswered(self, *, limit: int = 1000) -> list[Head]:
        """List conversations that wait for the bot."""
        return sorted((head for head in self._heads.values() if head.waits_for_bot), key=lambda head: head.last_at)[
            :limit
        ]

    async def conversations(
        self, workspace: str, *, visitor: str | None = None, offset: int = 0, limit: int = 20
    ) -> Page:
        """List conversations."""
        found = [
            head for head in self._heads.values() if head.workspace == workspace and visitor in (None, head.visitor)
        ]
        found.sort(key=lambda head: (-head.last_at, head.conversation))
        return Page(items=tuple(found[offset : offset + limit]), total=len(found))

    async def erase_visitor(self, workspace: str, visitor: str) -> int:
        """Empty the visitor's events."""
        erased = 0
        keys = {key for key, head in self._heads.items() if (head.workspace, head.visitor) == (workspace, visitor)}
        for place, events in self._events.items():
            if place[:2] in keys:
                erased += sum(event.body is not None for event in events)
                events[:] = [msgspec.structs.replace(event, body=None) for event in events]
        for known, event in self._client_ids.items():
            if known[:2] in keys:
                self._client_ids[known] = msgspec.structs.replace(event, body=None)
        self._onward = [message for message in self._onward if (message.workspace, message.conversation) not in keys]
        self.files.forget(keys)
        self._heads.update({key: scrubbed(self._heads[key]) for key in keys})
        self.cases.scrub(keys)
        return erased

    async def onward(self, *, after: int = 0, limit: int = 100) -> list[Onward]:
        """Read messages for the world outside."""
        return [message for message in self._onward if message.position > after][:limit]

    async def forget_onward(self, positions: Sequence[int]) -> None:
        """Let go of messages."""
        gone = set(positions)
        self._onward = [message for message in self._onward if message.position not in gone]

    async def close(self) -> None:
        """Nothing to do."""
